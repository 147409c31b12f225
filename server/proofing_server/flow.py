"""The order of the pages: which page a person may see, and which comes next.

Pure functions on the session's data, so that every pair of state and request can be tried in a table. What a
policy asks for is in the data, and with it the steps. A step with a job is complete only through a record
that `complete` took: done, successful, and of the very job that this session waits for. Nothing that a
browser sends completes it.
"""

from dataclasses import fields

from proofing.contracts.job_results import AnyJobResult, DocumentJobResult, ResolutionJobResult
from proofing.contracts.records import JobKind, StatusRecord
from proofing.sessions.data import PendingJob, ReadDocument, SessionData
from proofing.sessions.handoffs import HandoffState
from proofing.sessions.phone_codes import PhoneConfirmation
from proofing.sessions.steps import STEP_OF, SUBMIT_STEP, Page, steps_of
from proofing_server import kept_uploads


def current_page(data: SessionData) -> Page:
    """Return the page where this session belongs: that of the first step that is not complete."""
    if data.is_finished:
        return Page.DONE
    if data.pending:
        return SUBMIT_STEP[data.pending.kind].wait_page
    return next((step.page for step in steps_of(data) if not step.is_complete(data)), Page.DONE)


def redirect_for(data: SessionData, page: Page) -> Page | None:
    """Return None when *page* may be seen now, else the page to go to."""
    current = current_page(data)
    if page in (current, Page.WELCOME):
        return None
    if current is Page.DONE or data.pending:
        return current
    step, steps = STEP_OF.get(page), steps_of(data)
    if step is None or step not in steps or not step.applies(data):
        return current
    if page is not step.page:
        is_on_show = step.job is not None and _has_problem(data, step.job)
        if page is step.wait_page:
            return step.problem_page if is_on_show else current
        return None if is_on_show else current
    order = [one.page for one in steps]
    return None if step.may_return and order.index(page) < order.index(current) else current


def next_page(data: SessionData, kind: JobKind) -> Page:
    """Return the page after the end of a job of this *kind*: its problem, or where the session belongs."""
    return SUBMIT_STEP[kind].problem_page if _has_problem(data, kind) else current_page(data)


def submitted(data: SessionData, kind: JobKind, result_id: str, *, at: float) -> None:
    """Note that the session now waits for the job *result_id*; later steps are open again."""
    reset_from(data, SUBMIT_STEP[kind].page, keep_answer=True)
    if kind is JobKind.DOCUMENT:
        kept_uploads.submit(data)
        # Whichever device submitted: the phone's access ends.
        data.handoff = data.handoff and data.handoff.changed(HandoffState.OVER)
    data.add_pending(PendingJob(kind=kind, result_id=result_id, submitted_at=at))


def revert(data: SessionData, before: SessionData, after: SessionData) -> None:
    """Take a change back that led from *before* to *after*; what others have changed since stays."""
    before = before.copy()
    for one in fields(data):
        if getattr(before, one.name) != getattr(after, one.name):
            setattr(data, one.name, getattr(before, one.name))


def complete(
    data: SessionData, record: StatusRecord, result: AnyJobResult | None, *, confirms_phone: bool = False
) -> bool:
    """Complete the step that the session waits for with the adopted *record*, if it allows that.

    With *confirms_phone* a number that the vendors find to be the person's has to be confirmed by a code.
    The job that sends the code completes nothing but itself.

    Returns:
        False, with nothing changed, unless the record is done and successful, of this owner, and the very one
        that the session waits for.
    """
    kind = record.kind
    if data.pending_id(kind) != record.result_id or record.owner != data.person or not record.is_success:
        return False
    if kind is JobKind.DOCUMENT:
        if not isinstance(result, DocumentJobResult) or result.applicant is None:
            return False
        data.document = ReadDocument(
            applicant=result.applicant,
            needs_confirmation=result.needs_confirmation,
            selfie=result.selfie,
        )
    data.pending, data.problem = None, None
    data.completed |= {kind}
    if isinstance(result, ResolutionJobResult) and result.phone_precheck_passed:
        data.completed |= {JobKind.PHONE}
    phone = data.applicant.phone
    if confirms_phone and phone and JobKind.PHONE in data.completed and data.confirmation is None:
        data.confirmation = PhoneConfirmation(phone=phone)
    return True


def finish_if_complete(data: SessionData, *, at: float) -> None:
    """End the flow once nothing is left to do; the session holds no applicant data from then on."""
    if not data.is_finished and current_page(data) is Page.DONE:
        data.finish(at=at)


def clear_pending(data: SessionData, kind: JobKind) -> None:
    """Stop waiting for the job of this *kind*; its step is open again."""
    data.clear_job(kind)
    if kind is JobKind.DOCUMENT:
        kept_uploads.take_back(data, ())


def reset_from(data: SessionData, page: Page, *, keep_answer: bool = False) -> None:
    """Open the step of *page* and all later steps again, because its answer changes.

    Args:
        data: of the session.
        page: the form whose answer changes.
        keep_answer: keep what the person entered there; only the job of the step is forgotten.
    """
    changed, steps = STEP_OF[page], steps_of(data)
    for step in steps[steps.index(changed) :]:
        # Inputs of the same job do not depend on each other: a change of one keeps the others.
        is_independent = step.job is not None and step.job is changed.job
        if not (keep_answer if step is changed else is_independent):
            step.clear_answer(data)
        if step.submits and step.job is not None:
            data.clear_job(step.job)
    data.problem = None


def shows_canceled(data: SessionData, kind: JobKind) -> bool:
    """Return whether the problem on show is that a job of this *kind* was canceled."""
    return data.problem is not None and data.problem.kind is kind and data.problem.screen == "canceled"


def _has_problem(data: SessionData, kind: JobKind) -> bool:
    """Return whether the outcome of a job of this *kind* is on show."""
    return data.problem is not None and data.problem.kind is kind
