"""The verification store of one machine, on SQLite."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from proofing.plugin import (
    BegunJob,
    Changed,
    ClaimedDelivery,
    Created,
    Credential,
    CredentialKind,
    Delivery,
    DeliveryState,
    EndpointState,
    EventType,
    IdempotentAnswer,
    JobEnd,
    Mode,
    NewEvent,
    Sealed,
    StoredEvent,
    StoredVerification,
    StoreUnavailableError,
    VerificationRecord,
    VerificationState,
)
from proofing.plugin.support import (
    credential_columns,
    credential_of,
    delivery_of,
    endpoint_of,
    event_of,
    read_json,
    seam,
)
from proofing_local.database import Database
from proofing_local.settings import LocalSettings
from proofing_local.verifications import changes
from proofing_local.verifications import deliveries as delivering
from proofing_local.verifications.statements import Row, every, one, query, script

_NAME = "local verifications"
#: Later than every verification: where the first page begins.
_AFTER_ALL = (float("inf"), "")


@seam(StoreUnavailableError, _NAME)
class LocalVerificationStore:
    """Keeps everything in ``verifications.db``; the wall clock of the machine is the store's."""

    def __init__(self, settings: LocalSettings, *, clock: Callable[[], float] = time.time) -> None:
        """Use the directory of *settings*; *clock* gives seconds since the epoch."""
        self._database = Database(
            Path(settings.directory) / "verifications.db",
            name=_NAME,
            timeout_seconds=settings.timeout_seconds,
            schema=script("schema"),
            # What returned is durable, through a power cut, too.
            synchronous="full",
        )
        self._clock = clock

    async def open(self) -> None:
        """Connect, and make the tables when missing. Raises `StoreUnavailableError`."""
        await self._database.open()

    async def close(self) -> None:
        """Disconnect. Harmless when not open."""
        await self._database.close()

    async def migrate(self) -> Sequence[str]:
        """Do nothing: `open` makes the tables."""
        return ()

    async def ping(self) -> None:
        """Read from the database."""
        await self._one("load", id="")

    def now(self) -> float:
        """Return the wall clock of the machine."""
        return self._clock()

    async def time(self) -> float:
        """Return the wall clock of the machine."""
        return self._clock()

    async def create(
        self,
        record: VerificationRecord,
        *,
        sealed: Mapping[Sealed, bytes],
        events: Sequence[NewEvent] = (),
        idempotency: IdempotentAnswer | None = None,
    ) -> Created:
        """Keep a new verification with all that belongs to it, or return why not."""
        work = partial(
            changes.create,
            record=record,
            sealed=sealed,
            events=events,
            idempotency=idempotency,
            now=self._clock(),
        )
        return await self._database.write(work)

    async def load(self, verification_id: str) -> StoredVerification | None:
        """Return the verification, of whichever relying party."""
        return await self._database.read(lambda db: changes.load(db, "load", {"id": verification_id}))

    async def find_link(self, digest: str) -> StoredVerification | None:
        """Return the verification whose current link has this digest."""
        return await self._database.read(lambda db: changes.load(db, "find_link", {"digest": digest}))

    async def change(
        self,
        record: VerificationRecord,
        *,
        sealed: Mapping[Sealed, bytes | None] | None = None,
        events: Sequence[NewEvent] = (),
        begun: BegunJob | None = None,
        end: JobEnd | None = None,
        idempotency: IdempotentAnswer | None = None,
    ) -> Changed:
        """Keep the next record with all that belongs to the change, or nothing."""
        work = partial(
            changes.change,
            record=record,
            sealed=sealed or {},
            events=events,
            begun=begun,
            end=end,
            idempotency=idempotency,
            now=self._clock(),
        )
        changed = await self._database.write(work)
        if changed.is_kept and sealed and None in sealed.values():
            await self._empty_log()
        return changed

    async def end_of(self, result_id: str) -> JobEnd | None:
        """Return the recorded end of a job."""
        return await self._database.read(lambda db: changes.end_of(db, result_id))

    async def ends(self, verification_id: str) -> Sequence[JobEnd]:
        """Return the recorded ends of a verification's jobs."""
        return [read_json(JobEnd, body) for (body,) in await self._every("ends", id=verification_id)]

    async def begun_jobs(self, verification_id: str) -> Sequence[BegunJob]:
        """Return the jobs of a verification that have no end."""
        return [read_json(BegunJob, body) for (body,) in await self._every("begun_jobs", id=verification_id)]

    async def overdue_jobs(self, *, before: float, limit: int) -> Sequence[BegunJob]:
        """Return jobs without an end whose time is over."""
        rows = await self._every("overdue_jobs", before=before, limit=limit)
        return [read_json(BegunJob, body) for (body,) in rows]

    async def overdue_verifications(self, *, before: float, limit: int) -> Sequence[VerificationRecord]:
        """Return verifications to which time does something."""
        rows = await self._every("overdue_verifications", before=before, limit=limit)
        return [read_json(VerificationRecord, body) for (body,) in rows]

    async def page(
        self,
        relying_party: str,
        mode: Mode,
        *,
        limit: int,
        before: tuple[float, str] | None = None,
        state: VerificationState | None = None,
        person: str | None = None,
    ) -> Sequence[VerificationRecord]:
        """Return verifications of one relying party and mode, newest first."""
        before_at, before_id = before or _AFTER_ALL
        rows = await self._every(
            "page" if person is None else "page_of_person",
            relying_party=relying_party,
            mode=mode,
            limit=limit,
            before_at=before_at,
            before_id=before_id,
            state=state,
            person=person,
        )
        return [read_json(VerificationRecord, body) for (body,) in rows]

    async def of_person(self, person: str) -> Sequence[VerificationRecord]:
        """Return all verifications of a person."""
        rows = await self._every("of_person", person=person)
        return [read_json(VerificationRecord, body) for (body,) in rows]

    async def delete(self, verification_id: str) -> bool:
        """Delete a verification with all that belongs to it."""
        is_deleted = await self._database.write(lambda db: changes.delete(db, verification_id))
        if is_deleted:
            await self._empty_log()
        return is_deleted

    async def idempotent_answer(self, scope: str, key: str) -> IdempotentAnswer | None:
        """Return the answer that is kept under *key*."""
        return await self._database.read(lambda db: changes.kept_answer(db, scope, key))

    async def keep_answer(self, answer: IdempotentAnswer) -> IdempotentAnswer | None:
        """Keep a decided refusal; return the one that was kept before, if any."""
        return await self._database.write(lambda db: changes.keep_answer(db, answer))

    async def purge_answers(self, *, before: float) -> int:
        """Delete old idempotent answers."""
        return await self._count("purge_answers", before=before)

    async def events(
        self, relying_party: str, mode: Mode, *, after: int, limit: int, types: Sequence[EventType] = ()
    ) -> Sequence[StoredEvent]:
        """Return events after a cursor, in order."""
        wanted = json.dumps(types) if types else None
        rows = await self._every(
            "events", relying_party=relying_party, mode=mode, after=after, limit=limit, types=wanted
        )
        return [event_of(row) for row in rows]

    async def purge_events(self, *, before: float) -> int:
        """Delete old events whose deliveries have ended."""
        return await self._database.write(lambda db: delivering.purge(db, before))

    async def claim_deliveries(
        self, *, limit: int, per_endpoint: int, lease_seconds: float
    ) -> Sequence[ClaimedDelivery]:
        """Claim deliveries that are due."""
        now = self._clock()
        return await self._database.write(
            lambda db: delivering.claim(
                db, limit=limit, per_endpoint=per_endpoint, now=now, lease_end=now + lease_seconds
            )
        )

    async def finish_delivery(
        self, claimed: ClaimedDelivery, outcome: Delivery, endpoint: EndpointState | None = None
    ) -> bool:
        """Keep what came of a claimed delivery."""
        now = self._clock()
        return await self._database.write(lambda db: delivering.finish(db, claimed, outcome, endpoint, now))

    async def next_delivery_at(self) -> float | None:
        """Return when the next delivery may be claimed."""
        (found,) = await self._one("next_delivery_at")
        return None if found is None else float(found)

    async def deliveries(
        self,
        *,
        relying_party: str | None = None,
        state: DeliveryState | None = None,
        event_id: str | None = None,
        limit: int = 100,
    ) -> Sequence[Delivery]:
        """Return deliveries, newest first."""
        rows = await self._every(
            "deliveries", relying_party=relying_party, state=state, event_id=event_id, limit=limit
        )
        return [delivery_of(row) for row in rows]

    async def replay_deliveries(
        self,
        *,
        relying_party: str,
        endpoint: str | None = None,
        event_id: str | None = None,
        state: DeliveryState | None = None,
        since: float = 0.0,
    ) -> int:
        """Make ended deliveries due now."""
        return await self._count(
            "replay_deliveries",
            relying_party=relying_party,
            endpoint=endpoint,
            event_id=event_id,
            state=state,
            since=since,
            now=self._clock(),
        )

    async def endpoint_states(self, relying_party: str | None = None) -> Sequence[EndpointState]:
        """Return what is remembered of endpoints."""
        rows = await self._every("endpoint_states", relying_party=relying_party)
        return [endpoint_of(row) for row in rows]

    async def set_endpoint(self, state: EndpointState) -> None:
        """Replace what is remembered of an endpoint."""
        await self._database.write(lambda db: delivering.set_endpoint(db, state))

    async def add_credential(self, credential: Credential) -> None:
        """Keep a new credential."""
        await self._count("insert_credential", **credential_columns(credential))

    async def credential(self, credential_id: str) -> Credential | None:
        """Return the credential with that id, also a retired one."""
        rows = await self._every("credentials", id=credential_id, relying_party=None, kind=None)
        return credential_of(rows[0]) if rows else None

    async def credentials(
        self, *, relying_party: str | None = None, kind: CredentialKind | None = None
    ) -> Sequence[Credential]:
        """Return credentials, oldest first, also retired ones."""
        rows = await self._every("credentials", id=None, relying_party=relying_party, kind=kind)
        return [credential_of(row) for row in rows]

    async def retire_credential(self, credential_id: str, *, at: float) -> bool:
        """Have a credential be refused from *at* on."""
        return await self._count("retire_credential", id=credential_id, at=at) > 0

    async def note_use(self, credential_id: str, *, at: float) -> None:
        """Remember that a credential was used."""
        await self._count("note_use", id=credential_id, at=at)

    async def delete_credential(self, credential_id: str) -> bool:
        """Delete a credential."""
        return await self._count("delete_credential", id=credential_id) > 0

    async def _one(self, name: str, **values: Any) -> Any:
        """Run a statement that reads and return its first row, or None."""
        return await self._database.read(lambda db: one(db, name, values))

    async def _every(self, name: str, **values: Any) -> list[Row]:
        """Run a statement that reads and return its rows."""
        return await self._database.read(lambda db: every(db, name, values))

    async def _count(self, name: str, **values: Any) -> int:
        """Run a statement that writes and return how many rows it changed."""

        def work(db: sqlite3.Connection) -> int:
            return db.execute(query(name), values).rowcount

        return await self._database.write(work)

    async def _empty_log(self) -> None:
        """Overwrite what the log still holds of deleted values; the next purge of it comes by itself."""
        with contextlib.suppress(StoreUnavailableError):
            await self._database.empty_log()
