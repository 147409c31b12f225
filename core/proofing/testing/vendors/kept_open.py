"""What outlives the pools of single questions, as a worker's outlives its jobs: children, open proofers."""

import asyncio
import hashlib
from copy import deepcopy
from typing import Any

from proofing.base.cpu_pool import CPUPool
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.lifecycle import OpenProofers
from proofing.outbound.transport import OutboundTransport


class SharedCPU(CPUPool):
    """Children that outlive the pools that use them.

    What was computed is not computed again: each call is a process of its own, of which nothing is left.
    """

    def __init__(self, children: int, answers: dict[object, Any]) -> None:
        """Have at most *children* at once, and look for what they would say in *answers* first."""
        super().__init__(children)
        self._answers = answers

    async def run(
        self,
        function: str,
        data: bytes = b"",
        args: Any = None,
        *,
        seconds: float,
        megabytes: int,
        cpu_seconds: int | None = None,
    ) -> Any:
        """Call *function* in a child, or return what the same call came to."""
        call = (function, hashlib.sha256(data).digest(), repr(args), megabytes, cpu_seconds)
        if call in self._answers:
            await asyncio.sleep(0)
        else:
            self._answers[call] = await super().run(
                function, data, args, seconds=seconds, megabytes=megabytes, cpu_seconds=cpu_seconds
            )
        return deepcopy(self._answers[call])

    async def close(self) -> None:
        """Leave them."""

    async def end(self) -> None:
        """End them."""
        await super().close()


class KeptOpen(OpenProofers):
    """Proofers that outlive the pools that use them."""

    def __init__(self) -> None:
        self._clients = VendorClientPool(OutboundTransport())
        super().__init__(self._clients.call)

    async def close(self) -> None:
        """Leave them open."""

    async def end(self) -> None:
        """Close them."""
        await super().close()
        await self._clients.close()
