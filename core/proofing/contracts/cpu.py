"""What CPU work looks like to an adapter: one function of its package, called in a process without rights."""

from typing import Any, Protocol


class CPUWork(Protocol):
    """Decodes and computes apart from everything else: images and other files of strangers only there."""

    async def __call__(
        self,
        function: str,
        data: bytes = b"",
        args: Any = None,
        *,
        seconds: float,
        megabytes: int,
        cpu_seconds: int | None = None,
    ) -> Any:
        """Call ``function(data, args)`` in a child process, and return what it returns.

        The child has the code of this installation and what is handed to it: no secrets, environment, files,
        descriptors or network of its parent, no other processes, and nothing of earlier calls. Few run at
        once (setting ``cpu_children``); calls wait their turn, the packages of the functions one after
        another. When this call is canceled, the child is killed.

        Args:
            function: ``package.module:function``, a plain function of two arguments. Its module is imported
                in the child only, once for all its functions, so that slow imports belong at its top. It
                returns JSON values or bytes, and what can be expected of bad bytes it returns, too.
            data: at most 64 MiB, handed over as they are.
            args: JSON values, at most 32 KiB as text; a tuple arrives as a list.
            seconds: of wall clock and of CPU, from this call on: waiting for a child, and starting one with
                the imports, included.
            megabytes: MiB that the child may hold, the interpreter (about 10) and the modules included.
            cpu_seconds: of CPU for the function itself; None: *seconds*. The kernel ends the call when they
                are spent, in native code too, and however busy the machine is.

        Returns:
            Bytes (at most 64 MiB), or JSON values (at most 32 KiB, nested at most 32 deep).

        Raises:
            CPUWorkError: there is no answer; its `failure` says why. Costs this call only.
            PluginError: *function* is not there or cannot be imported, or arguments or answer are not of
                the above.
        """
