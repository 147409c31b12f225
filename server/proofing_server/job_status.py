"""The status of a job as its page sees it, and what its end does to the session.

A step is completed here and nowhere else, with a record that the service has read for this person, job and
step. Nothing that the browser says of a job is believed.
"""

from dataclasses import dataclass
from enum import StrEnum

from proofing.base.logs import get_logger, log
from proofing.base.metrics import ASSURANCE
from proofing.contracts.job_results import AnyJobResult, DocumentJobResult, ResolutionJobResult
from proofing.contracts.people import FinishedJob
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing.sessions.data import Problem, SessionData
from proofing_server import flow, kept_uploads
from proofing_server.screens import SUCCESS, screen_for
from proofing_server.sessions import Session
from proofing_server.site import Site

_logger = get_logger(__name__)


class Stage(StrEnum):
    """How a job looks from its page."""

    #: In progress, within the time that the page promises.
    WAITING = "in_progress"
    #: In progress, and the person has to visit a page of the vendor first.
    AWAY = "away"
    #: In progress for longer than that; still tracked.
    LATE = "late"
    #: Parked for longer than that, because a vendor answers later; still tracked.
    PENDING = "pending"
    #: Ended; the session can move on.
    DONE = "done"
    #: There is no record, or no longer: the person has to try again.
    MISSING = "missing"


#: Ends after which a message may have been sent.
_MAY_ARRIVE = frozenset({EndState.TIMED_OUT, EndState.UNKNOWN_OUTCOME})
#: How long an attempt may be without a record: the session knows of it before anything is submitted.
_SUBMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class JobView:
    """One look at a job.

    Attributes:
        stage: how it looks.
        seconds_to_late: until the page shows that it takes too long, 0 when it does.
    """

    stage: Stage
    seconds_to_late: float = 0.0


def is_fresh(site: Site, submitted_at: float) -> bool:
    """Return whether an attempt may still be on its way into store and queue."""
    return site.service.now() - submitted_at <= _SUBMIT_SECONDS


def job_view(site: Site, record: StatusRecord | None, submitted_at: float) -> JobView:
    """Judge *record*, as it was read a moment ago, by the clock of its store."""
    if record is None and not is_fresh(site, submitted_at):
        return JobView(Stage.MISSING)
    if record is not None and record.is_done:
        return JobView(Stage.DONE)
    if record is not None and record.needs_person:
        return JobView(Stage.AWAY)
    # The page's promise begins again when the person is back from the vendor.
    begun_at = max(submitted_at, (record.returned_at if record else None) or 0.0)
    left = site.service.settings.async_wait_timeout_seconds - (site.service.now() - begun_at)
    if left > 0:
        return JobView(Stage.WAITING, left)
    is_parked = record is not None and record.pending_until is not None
    return JobView(Stage.PENDING if is_parked else Stage.LATE)


def finished_by(record: StatusRecord | None, kind: JobKind) -> FinishedJob | None:
    """Return the job with its result if the record is enough: a session takes nothing else of that kind."""
    if record is None or not record.is_done or kind is not JobKind.CODE:
        return None
    return FinishedJob(record=record, result=None)


def may_have_been_sent(record: StatusRecord) -> bool:
    """Return whether the message of a job that ended without a success may have been sent anyway."""
    return record.timed_out or record.end_state in _MAY_ARRIVE


async def apply_result(
    site: Site, session: Session, kind: JobKind, finished: FinishedJob | None = None
) -> None:
    """Let the end of the pending job of *kind* take effect, once; a second tab finds it done.

    The result stays in its store until the session that has taken it in is kept. A second
    request, on any host, finds in the newest session that the job is no longer pending.

    Args:
        site: of the request.
        session: of the person.
        kind: of the job.
        finished: the job, if it was read already.
    """
    result_id = session.data.pending_id(kind)
    if result_id is None:
        return
    finished = finished or await site.service.finished_job(session.person, result_id, kind)
    if finished is None:
        return
    record, result = finished.record, finished.result
    left = result.kept_sides if isinstance(result, DocumentJobResult) else ()
    if slots := [one.slot for side, one in session.data.submitted_uploads.items() if side in left]:
        # First, so that an upload that the page shows can be submitted.
        await site.service.uploads.free(slots, result_id=result_id)

    def adopt(data: SessionData) -> bool:
        """Store the result of the job, if the session still waits for it; return whether it did."""
        if data.pending_id(kind) != result_id:
            return False
        _remember_failures(data, kind, record, result)
        if kind is JobKind.DOCUMENT:
            kept_uploads.take_back(data, left)
        confirms_phone = data.confirms_phone(site.service.settings.confirms_phone)
        if not (record.is_success and flow.complete(data, record, result, confirms_phone=confirms_phone)):
            data.clear_job(kind)
            data.problem = _problem_of(record, kind, result)
        if result is not None:
            # Of a no, too: what an earlier job of its kind found counts no more.
            data.evidence[kind] = result.evidence
        return True

    if await session.update(adopt, consumes=result_id) and result is not None:
        report_assurance(session.data, kind)


def _problem_of(record: StatusRecord, kind: JobKind, result: AnyJobResult | None) -> Problem:
    """Return what is shown of an end that does not complete its step."""
    screen = screen_for(record)
    is_document = kind is JobKind.DOCUMENT
    return Problem(
        kind=kind,
        # A success that cannot be taken is one whose personal data has expired.
        screen="document_result_expired" if screen.name == SUCCESS else screen.name,
        codes=record.reasons if is_document else (),
        fields=dict(record.fields or {}) if is_document else {},
        tips=isinstance(result, DocumentJobResult) and result.tips,
        counted=screen.counted,
    )


def report_assurance(data: SessionData, kind: JobKind) -> None:
    """Log and count what the evidence of a session supports after its last job of this *kind*."""
    found = data.assurance
    jobs = [result_id for result_id, one in data.recent.items() if one is kind]
    log(
        _logger,
        "assurance_assessed",
        job_id=jobs[-1] if jobs else None,
        kind=kind,
        supports=found.level.label,
        pathway=found.pathway,
        missing=[missing.code for missing in found.missing],
        flags=list(found.flags),
    )
    ASSURANCE.labels(kind.value, found.level.label, found.pathway).inc()


def _remember_failures(
    data: SessionData, kind: JobKind, record: StatusRecord, result: AnyJobResult | None
) -> None:
    """Keep what failed in this session: images, which are not taken twice, and phone numbers."""
    if isinstance(result, DocumentJobResult):
        data.failed_fingerprints |= set(result.failed_fingerprints)
    # The check during resolution was paid for, too: its no is remembered like that of the phone step.
    phone = result.failed_phone if isinstance(result, ResolutionJobResult) else None
    if kind is JobKind.PHONE and record.outcome is Outcome.FAILED:
        phone = data.typed.phone
    # One that was perhaps sent can still be entered.
    may_arrive = record.is_success or may_have_been_sent(record)
    if kind is JobKind.CODE and data.confirmation and not may_arrive:
        data.confirmation = data.confirmation.without_code()
    if phone:
        data.failed_phones |= {phone}
