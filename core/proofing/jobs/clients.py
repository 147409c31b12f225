"""What all runs of one process share to call vendors: connections, threads, CPU children, open proofers.

Whatever an adapter does wrong stays here: foreign errors become `PluginError` without their text. Plain (not
async) adapters run in threads of their plugin, so that one that hangs starves no other.
"""

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import PluginError, VendorError
from proofing.base.logs import get_logger
from proofing.contracts.proofers import VendorContext
from proofing.jobs.lifecycle import OpenProofers
from proofing.jobs.vendor_cache import SharedValues, VendorCaches
from proofing.outbound.billing import unbilled
from proofing.outbound.blocking import ClientTwins
from proofing.outbound.client import OutboundClient, OutboundPolicy
from proofing.outbound.transport import OutboundTransport
from proofing.registry.proofers import LoadedProofer

#: So many plain methods of one plugin run at once.
_THREADS = 8


class VendorClientPool:
    """What all runs of one process share: connections, threads, CPU children, each made at the first call.

    Attributes:
        proofers: those that are open.
    """

    def __init__(
        self,
        transport: OutboundTransport,
        cpu: CPUPool | None = None,
        shared: SharedValues | None = None,
    ) -> None:
        """Send calls over *transport*; decode and compute in *cpu*.

        Args:
            transport: the process's connections.
            cpu: None for a pool of the usual size.
            shared: what workers share of a vendor; None keeps it in this process.
        """
        self.transport = transport
        self.cpu = cpu or CPUPool()
        self.proofers = OpenProofers(self.call)
        self._caches = VendorCaches(shared)
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def threads(self, plugin: str) -> ThreadPoolExecutor:
        """Return the pool for the plain methods of *plugin*."""
        if plugin not in self._threads:
            self._threads[plugin] = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"proofer-{plugin}")
        return self._threads[plugin]

    def context(
        self,
        loaded: LoadedProofer,
        policy: OutboundPolicy,
        *,
        deadline: float | None = None,
        trace_id: str = "",
        note_intent: Callable[[], Awaitable[None]] | None = None,
        admit: Callable[[float], Awaitable[None]] | None = None,
    ) -> VendorContext:
        """Return what a method of *loaded* may use; the other arguments are those of `OutboundClient`."""
        if policy.hosts:
            self.transport.prepare(policy.tls)
        http = OutboundClient(
            self.transport,
            policy,
            deadline=deadline,
            trace_id=trace_id,
            note_intent=note_intent,
            admit=admit,
        )
        cache = self._caches.of(loaded, http.seconds_left)
        return VendorContext(
            http=http,
            unbilled=unbilled,
            cache=cache,
            sync=ClientTwins(http, cache, loaded.descriptor.name),
            remaining_seconds=http.seconds_left,
            now=lambda: datetime.now(UTC),
            logger=get_logger(type(loaded.proofer).__module__),
            cpu=self.cpu.run,
        )

    async def call(self, plugin: str, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call one method of an adapter of *plugin*, async or plain, keeping foreign errors in."""
        try:
            if inspect.iscoroutinefunction(method):
                return await method(*arguments)
            loop = asyncio.get_running_loop()
            # In our context, so that what it does belongs to our trace.
            step = partial(contextvars.copy_context().run, method, *arguments)
            answer = await loop.run_in_executor(self.threads(plugin), step)
            return await answer if inspect.isawaitable(answer) else answer
        except (VendorError, TimeoutError, GeneratorExit):
            raise
        except BaseException as error:
            # An adapter may raise anything, also what would end the process; its text may hold PII. A
            # cancellation is ours only if somebody asked this task for it.
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            raise PluginError(f"the proofer raised {type(error).__name__}") from None

    async def close(self) -> None:
        """Close proofers and connections, and end children; do not wait for threads that hang."""
        await self.proofers.close()
        await self.cpu.close()
        await self.transport.close()
        threads, self._threads = self._threads, {}
        for pool in threads.values():
            pool.shutdown(wait=False, cancel_futures=True)
