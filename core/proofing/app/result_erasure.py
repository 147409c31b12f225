"""Deletes what the result store has of a person, by the notes of the erasure index.

The end of a job in progress is kept until the job can have no other: a worker that is busy with it cannot
bring anything back, nor can a web process that runs it inside a request, of which the queue knows nothing.
"""

from collections.abc import Sequence

from proofing.contracts.records import EndState
from proofing.contracts.stores import ResultStore
from proofing.crypto.encryption import KeyRing
from proofing.crypto.record_macs import sign_record
from proofing.jobs.start_marks import start_key
from proofing.sessions.erasure_index import DataFootprint
from proofing.settings import LiveSettings


class ResultErasure:
    """Deletes from one result store."""

    def __init__(self, results: ResultStore, keys: KeyRing, live: LiveSettings) -> None:
        """Delete from *results*; *keys* sign the end of jobs that are stopped."""
        self._results = results
        self._keys = keys
        self._live = live

    async def close(self, footprints: Sequence[DataFootprint]) -> tuple[int, frozenset[str]]:
        """Delete sessions and slots, and end jobs in progress as canceled.

        Returns how many things were there, and the ids of the jobs that were ended.
        """
        removed = 0
        for key in (key for footprint in footprints for key in footprint.keys):
            removed += await self._results.load(key) is not None
            await self._results.delete(key)
        for key in (key for footprint in footprints for key in footprint.emptied):
            removed += bool(await self._results.load(key))
            await self._results.save(key, b"", ttl_seconds=self._live.current.pending_max_seconds)
        for key in (key for footprint in footprints for key in footprint.sets):
            removed += await self._results.drop_members(key)
        stopped = set()
        for job in jobs_of(footprints):
            record = await self._results.status(job)
            if record is not None and not record.is_done:
                stopped.add(record.result_id)
                await self._results.finish(
                    sign_record(self._keys, record.finished(EndState.CANCELED, at=self._results.now())),
                    ttl_seconds=self._live.current.longest_job_seconds,
                )
        return removed, frozenset(stopped)

    async def delete_records(
        self, footprints: Sequence[DataFootprint], stopped: frozenset[str], *, can_stop: bool
    ) -> int:
        """Delete status records and results; the marks of jobs that may still run are left to expire.

        Those are the ones that `close` has *stopped* and, unless the queue *can_stop* a running job, all that
        were canceled. Returns how many were there.
        """
        removed = 0
        for job in jobs_of(footprints):
            record = await self._results.status(job)
            is_mark = record is not None and record.end_state is EndState.CANCELED
            if is_mark and (job in stopped or not can_stop):
                removed += await self._results.drop_result(job)
            else:
                removed += await self._results.erase(job)
                await self._results.delete(start_key(job))
        return removed


def jobs_of(footprints: Sequence[DataFootprint]) -> list[str]:
    """Return the result ids of the jobs in *footprints*, each once."""
    return list(dict.fromkeys(footprint.job for footprint in footprints if footprint.job))
