"""The optional methods of proofers: `open` before the first question, `check`, `forget`, and `close`."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from proofing.base.errors import Cause, PluginError, VendorError
from proofing.base.logs import get_logger, log
from proofing.contracts.continuation import Pending
from proofing.contracts.proofers import VendorContext
from proofing.registry.proofers import LoadedProofer

#: How long all proofers of a process may take to close, side by side.
CLOSE_SECONDS = 5.0

_logger = get_logger(__name__)


class OpenProofers:
    """The proofers of one process that were opened, by their own method or because they have none."""

    def __init__(self, call: Callable[..., Awaitable[Any]]) -> None:
        """Have *call* call a method of a plugin: ``call(plugin, method, *arguments)``."""
        self._call = call
        self._locks: dict[LoadedProofer, asyncio.Lock] = {}
        self._opened: set[LoadedProofer] = set()

    async def open(self, loaded: LoadedProofer, context: VendorContext) -> None:
        """Open a proofer before its first question; of several questions at once one does it.

        Raises:
            VendorError: it could not be opened; the next question tries again.
        """
        if loaded in self._opened:
            return
        async with self._locks.setdefault(loaded, asyncio.Lock()):
            if loaded in self._opened:
                return
            method = getattr(loaded.proofer, "open", None)
            if method is not None:
                await self._open(loaded, method, context)
            self._opened.add(loaded)

    async def _open(self, loaded: LoadedProofer, method: Callable[..., Any], context: VendorContext) -> None:
        """Call the *method* that opens a proofer."""
        name = loaded.descriptor.name
        try:
            await self._call(loaded.plugin, method, context)
        except PluginError as error:
            log(_logger, "proofer_open_failed", level=logging.ERROR, vendor=name, problem=str(error))
            message = "the proofer could not be opened"
            raise VendorError(
                Cause.UNREACHABLE, message, vendor_name=name, codes=("open_failed",), billed=False
            ) from None

    async def check(self, loaded: LoadedProofer, context: VendorContext) -> str | None:
        """Return what is wrong with a proofer's connection to its vendor, by its own word; None for nothing.

        It is opened first, and must be one of which `can_check` is true.
        """
        proofer: Any = loaded.proofer
        try:
            async with asyncio.timeout(context.remaining_seconds()):
                await self.open(loaded, context)
                found = await self._call(loaded.plugin, proofer.check, context)
        except TimeoutError:
            return "it gave no answer within the time limit"
        except (VendorError, PluginError) as error:
            return str(error)
        if found is None or (isinstance(found, str) and found):
            return found
        return f"its check returned {type(found).__name__}, not a sentence or None"

    async def forget(self, loaded: LoadedProofer, pending: Pending, context: VendorContext) -> bool:
        """Have a vendor delete what it holds of *pending*; return whether it held anything.

        Raises:
            VendorError: it did not, for the reason given.
            PluginError: the proofer cannot, or broke its contract.
        """
        method = getattr(loaded.proofer, "forget", None)
        if method is None:
            raise PluginError(f"{loaded.descriptor.name} cannot have its vendor delete anything")
        try:
            async with asyncio.timeout(context.remaining_seconds()):
                await self.open(loaded, context)
                answer = await self._call(loaded.plugin, method, pending, context)
        except TimeoutError:
            name = loaded.descriptor.name
            raise VendorError(Cause.TIMEOUT, "no answer within the time limit", vendor_name=name) from None
        if not isinstance(answer, bool):
            raise PluginError(
                f"forget of {loaded.descriptor.name} returned {type(answer).__name__}, not a bool"
            )
        return answer

    async def close(self) -> None:
        """Close what is open, side by side, and wait a few seconds at most. Harmless twice."""
        opened, self._opened = self._opened, set()
        closing = {
            asyncio.create_task(_close(method)): loaded.descriptor.name
            for loaded in opened
            if (method := getattr(loaded.proofer, "close", None)) is not None
        }
        if not closing:
            return
        _done, late = await asyncio.wait(closing, timeout=CLOSE_SECONDS)
        for task, name in closing.items():
            if task in late:
                task.cancel()
                problem = f"took longer than {CLOSE_SECONDS:g} s"
            elif task.cancelled():
                problem = "CancelledError"
            elif (error := task.exception()) is not None:
                problem = type(error).__name__
            else:
                continue
            log(_logger, "proofer_close_failed", level=logging.WARNING, vendor=name, problem=problem)


def can_check(loaded: LoadedProofer) -> bool:
    """Return whether a proofer has a method `check`."""
    return getattr(loaded.proofer, "check", None) is not None


def can_forget(loaded: LoadedProofer) -> bool:
    """Return whether a proofer has a method `forget`."""
    return getattr(loaded.proofer, "forget", None) is not None


async def _close(method: Callable[[], Any]) -> None:
    """Call a proofer's method `close`; a plain one in a thread that does not keep the process from ending."""
    if inspect.iscoroutinefunction(method):
        await method()
        return
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[Any] = loop.create_future()

    def end(answer: Any, error: BaseException | None) -> None:
        if closed.done():
            return
        if error is None:
            closed.set_result(answer)
        else:
            closed.set_exception(error)

    def close() -> None:
        answer, failure = None, None
        try:
            answer = method()
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything
            failure = RuntimeError(type(error).__name__)
        try:
            loop.call_soon_threadsafe(end, answer, failure)
        except RuntimeError:  # the loop is gone
            return

    threading.Thread(target=close, name="proofer-close", daemon=True).start()
    answer = await closed
    if inspect.isawaitable(answer):
        await answer
