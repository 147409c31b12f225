"""Has vendors delete what they hold of people who are erased while their jobs are parked.

What a vendor has to be told is in the question that it has not answered, which only workers open. So parking
keeps it apart, sealed for workers, where an erasure, which runs with their rights, finds it by the job: also
while the job runs once more, and again if the vendor could not be asked. It goes with the end of the job.
docs/adr/0036.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from proofing.base.errors import EncryptionError, PluginError, StoreError, VendorError
from proofing.base.logs import get_logger, log
from proofing.contracts.continuation import Pending
from proofing.contracts.results import ProoferKind
from proofing.contracts.stores import ResultStore
from proofing.crypto.contexts import forgetting_context
from proofing.crypto.encryption import Sealer
from proofing.jobs.cleanup import delete_if_possible
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.lifecycle import can_forget
from proofing.jobs.questions import Question
from proofing.jobs.run import JobRun
from proofing.routing.router import Router
from proofing.sessions.erasure_index import DataFootprint, ErasureIndex

_logger = get_logger(__name__)


class ForgetOutcome(StrEnum):
    """What came of asking a vendor to delete."""

    DELETED = "deleted"
    #: The vendor has nothing of the question, or not anymore.
    NOTHING = "nothing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What one vendor answered about one question.

    Attributes:
        vendor: name of the proofer.
        cause: why it failed: a `Cause`, ``plugin_error``, ``unreadable``, or ``key_service``; "" otherwise.
    """

    vendor: str
    outcome: ForgetOutcome
    cause: str = ""


class ForgettingKeeper:
    """Keeps what an erasure will tell vendors, as long as their questions are pending."""

    def __init__(self, parts: Dependencies) -> None:
        """Keep it in the result store of *parts*."""
        self._results = parts.results
        self._sealer = parts.sealer
        self._router = parts.router
        self._erasure_index = ErasureIndex(parts.results, parts.live)

    async def save(self, run: JobRun, *, ttl_seconds: float) -> None:
        """Keep the questions of *run* that wait for vendors that can delete.

        Raises:
            StoreUnavailableError: it is not kept.
        """
        message = run.message
        kept = [
            {"kind": one.kind.value, "vendor": one.vendor, "pending": one.waiting.pending.to_json()}
            for one in run.questions.waiting
            if one.waiting and self._can_forget(one)
        ]
        if not kept:
            if message.is_parked:
                await self._results.delete(_key(message.result_id))
            return
        context = forgetting_context(message.owner, message.result_id)
        sealed = await self._sealer.seal(json.dumps(kept).encode(), context)
        # It may live longer than the note of the submit.
        footprint = DataFootprint(verification=message.verification_id, job=message.result_id)
        await self._erasure_index.record(message.owner, footprint, ttl_seconds=ttl_seconds)
        await self._results.save(_key(message.result_id), sealed, ttl_seconds=ttl_seconds)

    def _can_forget(self, question: Question) -> bool:
        """Return whether the vendor of *question* can delete; one whose plugin is gone cannot."""
        try:
            return can_forget(self._router.named(question.kind, question.vendor))
        except PluginError:
            return False

    async def delete_if_possible(self, result_id: str) -> None:
        """Delete what was kept of a job that has ended; what a store that is down still has expires."""
        await delete_if_possible(self._results, _key(result_id), result_id)


class Forgetter:
    """Tells vendors, in a process with the rights of a worker."""

    def __init__(
        self,
        results: ResultStore,
        sealer: Sealer,
        router: Router,
        make_clients: Callable[[], VendorClientPool],
        open_keys: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """Read what is kept in *results*.

        Args:
            results: where `ForgettingKeeper` keeps it.
            sealer: opens it.
            router: knows the vendors.
            make_clients: makes what calls them, when there is something to be told.
            open_keys: opens the key service before it is used; None where it is open.
        """
        self._results = results
        self._sealer = sealer
        self._router = router
        self._make_clients = make_clients
        self._open_keys = open_keys

    async def forget(self, owner: str, result_id: str) -> list[Forgotten]:
        """Have the vendors of a job delete what they hold, and return what each answered; empty for none.

        What failed is kept for the next time. Raises `StoreUnavailableError`: no vendor was asked.
        """
        sealed = await self._results.load(_key(result_id))
        if sealed is None:
            return []
        try:
            if self._open_keys is not None:
                await self._open_keys()
            context = forgetting_context(owner, result_id)
            questions = _read(await self._sealer.open(sealed, context))
        except EncryptionError:
            return [Forgotten(vendor="unknown", outcome=ForgetOutcome.FAILED, cause="unreadable")]
        except StoreError:
            return [Forgotten(vendor="unknown", outcome=ForgetOutcome.FAILED, cause="key_service")]
        clients = self._make_clients()
        try:
            found = [await self._tell(clients, *question) for question in questions]
        finally:
            await clients.close()
        if all(one.outcome is not ForgetOutcome.FAILED for one in found):
            await self._results.delete(_key(result_id))
        for one in found:
            if one.outcome is ForgetOutcome.FAILED:
                log(
                    _logger,
                    "vendor_forget_failed",
                    level=logging.WARNING,
                    vendor=one.vendor,
                    problem=one.cause,
                )
            else:
                log(_logger, "vendor_forgot", vendor=one.vendor, outcome=one.outcome.value)
        return found

    async def _tell(
        self, clients: VendorClientPool, kind: ProoferKind, vendor: str, pending: Pending
    ) -> Forgotten:
        """Have one vendor delete what it holds of one question."""
        try:
            loaded = self._router.named(kind, vendor)
            had = await clients.proofers.forget(loaded, pending, clients.context(loaded, loaded.policy()))
        except VendorError as error:
            return Forgotten(vendor=vendor, outcome=ForgetOutcome.FAILED, cause=error.cause.value)
        except PluginError:
            return Forgotten(vendor=vendor, outcome=ForgetOutcome.FAILED, cause="plugin_error")
        return Forgotten(vendor=vendor, outcome=ForgetOutcome.DELETED if had else ForgetOutcome.NOTHING)


def _read(plain: bytes) -> list[tuple[ProoferKind, str, Pending]]:
    """Read what was kept. Raises `EncryptionError`: it is something else."""
    try:
        values: list[dict[str, Any]] = json.loads(plain)
        return [
            (ProoferKind(one["kind"]), one["vendor"], Pending.from_json(one["pending"])) for one in values
        ]
    except (ValueError, KeyError, TypeError):
        raise EncryptionError from None


def _key(result_id: str) -> str:
    """Return the key of what is kept of a job."""
    return f"forgetting:{result_id}"
