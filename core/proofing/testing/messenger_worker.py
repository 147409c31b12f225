"""Sends messages as a worker does, over a vendor whose answer can be chosen, and keeps what was seen."""

import traceback
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from proofing.base.errors import PluginError
from proofing.contracts.messages import Message
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Check, Sent
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.trying import try_vendor
from proofing.outbound.transport import OutboundTransport
from proofing.registry.proofers import LoadedProofer
from proofing.settings import Settings
from proofing.testing.vendor_fakes import Answer, FakeVendor
from proofing.testing.vendor_hostility import whole
from proofing.testing.vendors.watch import Watch

_KEY = "00" * 32


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message and what came of it: the check, the requests, and what was seen meanwhile."""

    message: Message
    check: Check[Any]
    requests: list[httpx.Request]
    watch: Watch

    @property
    def words(self) -> str:
        """What was logged or printed, and what error or result say; without the vendor's id."""
        error, result = self.check.error, self.check.result
        facts: list[object] = [error, {**vars(error), "transaction_id": None}] if error is not None else []
        if isinstance(result, Sent):
            facts += [result.vendor_name, result.refusal, result.reasons, result.vendor_codes]
        return "\n".join([*self.watch.lines, *map(str, facts)])

    @property
    def everything(self) -> str:
        """All of it: ids, and what the error carries along."""
        error = self.check.error
        trail = "" if error is None else "".join(traceback.format_exception(error, limit=0))
        return "\n".join([self.words, repr(self.check), trail])


class Worker:
    """What sends messages, over a vendor whose answer can be chosen."""

    def __init__(self, loaded: LoadedProofer, deadline_seconds: float) -> None:
        self.answer: Answer = whole(500, b"", {})
        self.vendor = FakeVendor(self._respond)
        self.clients = VendorClientPool(OutboundTransport(transport=self.vendor))
        self._loaded = loaded
        self._settings = Settings.model_validate(
            {
                "hmac_fingerprinter_key": _KEY,
                "session_encryption_key": _KEY,
                "job_deadline_seconds": deadline_seconds,
            }
        )

    def _respond(self, request: httpx.Request) -> httpx.Response | Awaitable[httpx.Response]:
        return self.answer(request)

    async def send(self, message: Message) -> Check[Any]:
        """Send one message."""
        request = ProofingRequest(message=message)
        try:
            found = await try_vendor(self._loaded, request, self.clients, self._settings)
        except PluginError as error:
            raise AssertionError(f"{error}: only a VendorError may be raised") from None
        assert isinstance(found, Check), "a messenger does not answer later"
        return found


@asynccontextmanager
async def open_worker(loaded: LoadedProofer, deadline_seconds: float = 20.0) -> AsyncIterator[Worker]:
    """Give a worker, and close what it opened."""
    worker = Worker(loaded, deadline_seconds)
    try:
        yield worker
    finally:
        await worker.clients.close()
