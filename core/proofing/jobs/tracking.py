"""Tracking an attempt: its record, wherever that is stored, and its result."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any

from proofing.base.errors import EncryptionError
from proofing.base.logs import get_logger, log
from proofing.base.typed_json import read_typed
from proofing.contracts.people import FinishedJob, PersonRef
from proofing.contracts.queues import Capability
from proofing.contracts.records import JobKind, StatusRecord
from proofing.crypto.contexts import result_context
from proofing.crypto.record_macs import is_genuine
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.kinds import job_type

_logger = get_logger(__name__)


class JobTracker:
    """Reads what became of the attempts of people."""

    def __init__(self, parts: Dependencies) -> None:
        """Read from the result store of *parts*, and behind it from the queue."""
        self._results = parts.results
        self._queue = parts.queue
        self._verifications = parts.verifications
        self._sealer = parts.sealer
        self._keys = parts.keys
        self._live = parts.live
        self._deadlines = parts.deadlines

    async def status(self, person: PersonRef, result_id: str, kind: JobKind) -> StatusRecord | None:
        """Return the record of the person's own attempt of this kind.

        None for an unknown, foreign, forged or other-step record, and for one so old that no answer can come:
        of a parked job, so long after its vendor's answer is no longer waited for.
        """
        return await self._effective_record(person, result_id, kind, await self._results.status(result_id))

    async def wait(
        self,
        person: PersonRef,
        result_id: str,
        kind: JobKind,
        *,
        timeout_seconds: float,
        ends_only: bool = False,
        begun: Awaitable[StatusRecord | None] | None = None,
    ) -> StatusRecord | None:
        """Return the record as soon as it is terminal or, unless *ends_only*, needs its person.

        After *timeout_seconds* as `status` does. *begun* is a wait that `begin_waiting` began before it was
        known who waits.
        """
        found = await (
            begun or self._results.wait(result_id, timeout_seconds=timeout_seconds, ends_only=ends_only)
        )
        return await self._effective_record(person, result_id, kind, found)

    async def finished_job(self, person: PersonRef, result_id: str, kind: JobKind) -> FinishedJob | None:
        """Return a finished attempt with its result; None while there is no end.

        The result stays until a session that has taken it in is kept: see `SessionStore.update`.
        """
        return (await self.status_and_result(person, result_id, kind))[1]

    def begin_waiting(
        self, result_id: str, *, timeout_seconds: float
    ) -> Coroutine[Any, Any, StatusRecord | None]:
        """Return a wait for the unjudged record, of which only `wait` may tell anybody."""
        return self._results.wait(result_id, timeout_seconds=timeout_seconds)

    async def status_and_result(
        self, person: PersonRef, result_id: str, kind: JobKind
    ) -> tuple[StatusRecord | None, FinishedJob | None]:
        """Return what `status` and `finished_job` do, in one look."""
        found, blob = await asyncio.gather(self._results.status(result_id), self._results.result(result_id))
        record = await self._effective_record(person, result_id, kind, found)
        if record is None or not record.is_done:
            return record, None
        job = job_type(kind)
        if blob is None and job.result is not None and (found != record or job.needs_result):
            # Servers of their own may have answered the two questions, before and after the end.
            blob = await self._results.result(result_id)
        if blob is None or job.result is None:
            return record, FinishedJob(record=record, result=None)
        try:
            opened = await self._sealer.open(blob, result_context(person.reference, result_id))
            result = read_typed(job.result, opened)
        except (EncryptionError, ValueError):
            log(_logger, "result_decryption_failed", level=logging.WARNING, job_id=result_id, kind=kind)
            return record, FinishedJob(record=record, result=None)
        return record, FinishedJob(record=record, result=result)

    async def belongs_to_another(self, person: PersonRef, result_id: str, kind: JobKind) -> bool:
        """Return whether *result_id* is known, and not as an attempt of this kind by *person*."""
        found = await self._results.status(result_id)
        return found is not None and (found.owner, found.kind) != (person.reference, kind)

    async def _effective_record(
        self, person: PersonRef, result_id: str, kind: JobKind, record: StatusRecord | None
    ) -> StatusRecord | None:
        """Return the person's record, or the durable end that the result store lost, hides, or never got.

        It never got one whose worker could not reach it for as long as it tries to publish, or died before.
        The verification store and the queue are asked for attempts of that age only.
        """
        own = self._own(person, kind, record)
        if own is not None and (
            own.is_done or self._results.now() - own.submitted_at < self._deadlines.publish_seconds
        ):
            return own
        if person.verification is not None:
            end = await self._verifications.end_of(result_id)
            if end is not None and (recorded := self._own(person, kind, end.record)) is not None:
                return recorded
        if Capability.FINAL_STATUS not in self._queue.capabilities:
            return own
        return self._own(person, kind, await self._queue.final_status(result_id)) or own

    def _own(self, person: PersonRef, kind: JobKind, record: StatusRecord | None) -> StatusRecord | None:
        """Return *record* only if it is the person's, of this kind, ours by its MAC, and not abandoned."""
        if record is None or record.owner != person.reference or record.kind is not kind:
            return None
        if not is_genuine(self._keys, record):
            log(_logger, "status_record_mac_invalid", level=logging.WARNING, job_id=record.result_id)
            return None
        if (
            not record.is_done
            and self._results.now() - max(record.submitted_at, record.pending_until or 0.0)
            > self._live.current.longest_job_seconds
        ):
            return None
        return record
