"""What a vendor plugin shares between its workers: access tokens, key sets, and the like."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

ValueT = TypeVar("ValueT", bytes, str)

#: The largest value.
MAX_VALUE_BYTES = 64 * 1024
#: The longest name.
MAX_NAME_LENGTH = 100
#: No value is kept for longer.
MAX_KEPT_SECONDS = 86_400.0


class Cache(Protocol):
    """Values of one plugin, shared by all workers that have the same settings for it.

    Sealed, so that only workers read them, and gone with any change of the plugin's settings, its credentials
    among them. Not for anything about a person. Where the store is down, and in processes that are not
    workers, each process has values of its own.
    """

    async def get_or_make(self, name: str, make: Callable[[], Awaitable[tuple[ValueT, float]]]) -> ValueT:
        """Return the value of *name*, made by *make* where there is none.

        Of many who want it at once one makes it, and the others wait, within the time of their call. What
        *make* raises reaches its own caller; then the next one tries. Nothing is billed or free by being in
        here: a call that the vendor does not bill belongs into ``context.unbilled()``.

        Args:
            name: of the plugin's own choice, such as ``token``; at most 100 characters.
            make: returns the value, of at most 64 KiB, and for how many seconds it may be kept: less than it
                is valid, since it is used until then. At most a day counts; 0 or less keeps nothing.

        Raises:
            VendorError: `Cause.TIMEOUT`: the time of the call is over.
            PluginError: *name*, or what *make* returned, is not of the above.
        """

    async def drop(self, name: str, seen: bytes | str) -> None:
        """Delete the value of *name* if it is still *seen*; for a value that the vendor refused.

        Ten workers that saw the same refused token so make one new one: those that come late do not delete
        what was made meanwhile.
        """


class BlockingCache(Protocol):
    """The same for plain methods, in their thread."""

    def get_or_make(self, name: str, make: Callable[[], tuple[ValueT, float]]) -> ValueT:
        """See `Cache.get_or_make`; *make* is called in the calling thread."""

    def drop(self, name: str, seen: bytes | str) -> None:
        """See `Cache.drop`."""
