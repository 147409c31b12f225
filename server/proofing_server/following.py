"""Following a job from its page: one look at it, and what its end does to the session.

A step is completed here and nowhere else, with a record that the service has read for this person, job and
step. Nothing that the browser says of a job is believed.
"""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from proofing.records import JobKind, StatusRecord
from proofing_server import flow
from proofing_server.flow import Data
from proofing_server.screens import SUCCESS, screen_for
from proofing_server.sessions import Session
from proofing_server.site import Site


class Stage(StrEnum):
    """How a job looks from its page."""

    #: Under way, within the time that the page promises.
    WAITING = "in_progress"
    #: Under way for longer than that; still followed.
    LATE = "late"
    #: Ended; the session can move on.
    DONE = "done"
    #: There is no record (any more): the person has to try again.
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a job.

    Attributes:
        stage: how it looks.
        seconds_to_late: until the page gives up, 0 when it has.
    """

    stage: Stage
    seconds_to_late: float = 0.0


def look_at(site: Site, record: StatusRecord | None, submitted_at: float) -> Look:
    """Judge *record*, as it was read a moment ago."""
    if record is None:
        return Look(Stage.MISSING)
    if record.is_done:
        return Look(Stage.DONE)
    left = submitted_at + site.service.settings.async_wait_timeout_seconds - time.time()
    return Look(Stage.WAITING, left) if left > 0 else Look(Stage.LATE)


async def settle(site: Site, session: Session, kind: JobKind) -> None:
    """Let the end of the pending job of *kind* take effect, once; a second tab finds it done."""
    async with session.change() as data:
        result_id = flow.pending(data, kind)
        if result_id is None:
            return
        adopted = await site.service.adopt(session.person, result_id, kind)
        if adopted is None or not adopted.record.is_done:
            return
        record, result = adopted.record, adopted.result
        _remember_failures(data, kind, record, result or {})
        if record.is_success and flow.complete(data, kind, record, result, at=time.time()):
            return
        flow.drop(data, kind)
        name = screen_for(record).name
        data["problem"] = {
            "kind": kind.value,
            # A success that cannot be taken is one whose personal data has expired.
            "screen": "document_expired" if name == SUCCESS else name,
            "codes": list(record.reasons) if kind is JobKind.DOCUMENT else [],
            "fields": dict(record.fields or {}) if kind is JobKind.DOCUMENT else {},
            "tips": bool((result or {}).get("tips")),
            "shows_attempts": screen_for(record).shows_attempts,
        }


def _remember_failures(data: Data, kind: JobKind, record: StatusRecord, result: Any) -> None:
    """Keep what failed in this session: pictures, which are not taken twice, and phone numbers."""
    if kind is JobKind.DOCUMENT:
        known = set(data.get("failed_fingerprints", []))
        data["failed_fingerprints"] = sorted(known | set(result.get("failed_fingerprints", [])))
    failed = not record.is_success and not record.is_exception
    if kind is JobKind.ADDRESS and failed and data.get("phone"):
        data["failed_phones"] = sorted({*data.get("failed_phones", []), data["phone"]})
