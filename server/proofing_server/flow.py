"""The order of the pages: which page a person may see, and which comes next.

Pure functions on the session's data (a plain dict), so that every pair of state and request can be tried in
a table. A step is complete only through a record that `complete` took: done, successful, of this kind, and
the one this session waits for. Nothing that a browser sends completes a step.

Keys of the data: docs/reference/pages.md.
"""

import copy
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from proofing.contracts.job_results import AnyJobResult, DocumentJobResult, ResolutionJobResult
from proofing.contracts.records import JobKind, StatusRecord, reference_number
from proofing_server import kept_uploads
from proofing_server.kept_uploads import Data


class Page(StrEnum):
    """A page of the flow; the value is its path."""

    #: What this is, and what one needs.
    WELCOME = "/"
    #: What the person agrees to.
    CONSENT = "/consent"
    #: Capture of the pictures.
    DOCUMENT = "/document"
    #: Until the pictures are judged.
    DOCUMENT_WAIT = "/document/wait"
    #: Why the pictures did not do.
    DOCUMENT_PROBLEM = "/document/problem"
    #: The barcode could not be read: is what we read right?
    CONFIRM = "/document/confirm"
    #: Social Security number.
    SSN = "/ssn"
    #: Home address, when the document has none or it changed.
    ADDRESS = "/address"
    #: Check your information.
    VERIFY = "/verify"
    #: Until the information is checked.
    VERIFY_WAIT = "/verify/wait"
    #: Why the information could not be verified.
    VERIFY_PROBLEM = "/verify/problem"
    #: Phone number.
    PHONE = "/phone"
    #: Until the number is checked.
    PHONE_WAIT = "/phone/wait"
    #: Why the number did not do.
    PHONE_PROBLEM = "/phone/problem"
    #: Verified.
    DONE = "/done"


#: The form, the waiting page and the problem page of each kind of job.
FORM = {JobKind.DOCUMENT: Page.DOCUMENT, JobKind.RESOLUTION: Page.VERIFY, JobKind.PHONE: Page.PHONE}
WAIT = {
    JobKind.DOCUMENT: Page.DOCUMENT_WAIT,
    JobKind.RESOLUTION: Page.VERIFY_WAIT,
    JobKind.PHONE: Page.PHONE_WAIT,
}
PROBLEM = {
    JobKind.DOCUMENT: Page.DOCUMENT_PROBLEM,
    JobKind.RESOLUTION: Page.VERIFY_PROBLEM,
    JobKind.PHONE: Page.PHONE_PROBLEM,
}

#: The forms in their order; a person may go back to any earlier one.
_ORDER = (
    Page.CONSENT,
    Page.DOCUMENT,
    Page.CONFIRM,
    Page.SSN,
    Page.ADDRESS,
    Page.VERIFY,
    Page.PHONE,
    Page.DONE,
)
_KIND_OF_FORM = {page: kind for kind, page in FORM.items()}
_KIND_OF_WAIT = {page: kind for kind, page in WAIT.items()}
_KIND_OF_PROBLEM = {page: kind for kind, page in PROBLEM.items()}

#: What each step leaves in the session besides its job; `forget` removes it.
_ANSWERS = {
    Page.DOCUMENT: ("applicant", "needs_confirmation", "confirmed"),
    Page.SSN: ("ssn",),
    Page.ADDRESS: ("address",),
    Page.PHONE: ("phone",),
}
#: What a finished session is made of; no applicant data.
_KEPT_AT_THE_END = ("person", "csrf", "created_at", "saved_at", "noted_until")
#: How many ended jobs the session still knows by id, so that a second tab hears the end of its job.
_RECENT_JOBS = 8


def pending(data: Mapping[str, Any], kind: JobKind) -> str | None:
    """Return the result id of the job of this *kind* that the session waits for."""
    job: dict[str, str] = data.get("jobs", {}).get(kind.value, {})
    return job.get("pending")


def pending_job(data: Mapping[str, Any]) -> tuple[JobKind, str, float] | None:
    """Return kind, result id and submission time of the job the session waits for; there is at most one."""
    for kind in JobKind:
        job = data.get("jobs", {}).get(kind.value, {})
        if "pending" in job:
            return kind, job["pending"], job["at"]
    return None


def reference(data: Mapping[str, Any]) -> str:
    """Return the number by which an operator finds the session's last job, or else its person."""
    return reference_number(next(reversed(data.get("recent", {})), data["person"]))


def is_complete(data: Mapping[str, Any], kind: JobKind) -> bool:
    """Tell whether a successful record of this *kind* was adopted."""
    return "done" in data.get("jobs", {}).get(kind.value, {})


def has_address(data: Mapping[str, Any]) -> bool:
    """Tell whether a home address is known, from the document or from the person."""
    if data.get("address"):
        return True
    applicant = data.get("applicant") or {}
    return all(applicant.get(name) for name in ("address1", "city", "state", "zipcode"))


def place(data: Mapping[str, Any]) -> Page:  # noqa: PLR0911 - one return for each step is the table
    """Return the page where this session belongs: the first step that is not complete."""
    if data.get("finished"):
        return Page.DONE
    if job := pending_job(data):
        return WAIT[job[0]]
    if not data.get("consented"):
        return Page.CONSENT
    if not is_complete(data, JobKind.DOCUMENT):
        return Page.DOCUMENT
    if data.get("needs_confirmation") and not data.get("confirmed"):
        return Page.CONFIRM
    if not data.get("ssn"):
        return Page.SSN
    if not has_address(data):
        return Page.ADDRESS
    if not is_complete(data, JobKind.RESOLUTION):
        return Page.VERIFY
    return Page.PHONE


def gate(data: Mapping[str, Any], page: Page) -> Page | None:
    """Return None when *page* may be seen now, else the page to go to."""
    here = place(data)
    if page in (here, Page.WELCOME):
        return None
    if here is Page.DONE or pending_job(data):
        return here
    if page in _KIND_OF_WAIT:
        return after(data, _KIND_OF_WAIT[page])
    if page in _KIND_OF_PROBLEM:
        return None if _problem_kind(data) is _KIND_OF_PROBLEM[page] else here
    if page is Page.CONFIRM:
        return here  # it is shown only while it is the next step
    return None if _ORDER.index(page) < _ORDER.index(here) else here


def after(data: Mapping[str, Any], kind: JobKind) -> Page:
    """Return the page after the end of a job of this *kind*: its problem, or where the session belongs."""
    return PROBLEM[kind] if _problem_kind(data) is kind else place(data)


def submitted(data: Data, kind: JobKind, result_id: str, *, at: float) -> None:
    """Note that the session now waits for the job *result_id*; what came later is forgotten."""
    forget(data, FORM[kind], keep_answers=True)
    if kind is JobKind.DOCUMENT:
        kept_uploads.forget(data)
    data.setdefault("jobs", {})[kind.value] = {"pending": result_id, "at": at}
    data.pop("problem", None)
    recent: dict[str, str] = data.setdefault("recent", {})
    recent[result_id] = kind.value
    for old in list(recent)[:-_RECENT_JOBS]:
        del recent[old]


def restore(data: Data, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Take a change back that led from *before* to *after*; what others have changed since stays."""
    for name in {*before, *after}:
        if before.get(name) != after.get(name):
            if name in before:
                data[name] = copy.deepcopy(before[name])
            else:
                data.pop(name, None)


def complete(
    data: Data, kind: JobKind, record: StatusRecord, result: AnyJobResult | None, *, at: float
) -> bool:
    """Complete the step of *kind* with the adopted *record*, if it allows that.

    Returns:
        False, with nothing changed, unless the record is done and successful, of this kind and owner, and
        the very one that the session waits for.
    """
    mine = pending(data, kind) == record.result_id and record.owner == data["person"]
    if not (mine and record.kind is kind and record.is_success):
        return False
    if kind is JobKind.DOCUMENT:
        if not isinstance(result, DocumentJobResult) or result.applicant is None:
            return False
        data["applicant"] = result.applicant.reveal()
        data["needs_confirmation"] = result.needs_confirmation
        data.pop("confirmed", None)
    data["jobs"][kind.value] = {"done": record.result_id}
    data.pop("problem", None)
    prechecked = isinstance(result, ResolutionJobResult) and result.phone_precheck_passed
    if prechecked or kind is JobKind.PHONE:
        _finish(data, at=at)
    return True


def drop(data: Data, kind: JobKind) -> str | None:
    """Stop waiting for the job of this *kind* and return its result id; the step is open again."""
    job: dict[str, str] = data.get("jobs", {}).pop(kind.value, {})
    return job.get("pending")


def forget(data: Data, step: Page, *, keep_answers: bool = False) -> None:
    """Open *step* and all later steps again, because its answer changes.

    Args:
        data: of the session.
        step: the form that is answered anew.
        keep_answers: keep what the person typed in *step* itself; only its job is forgotten.
    """
    # SSN and address are both inputs of the same check: a change of one keeps the other.
    later = _ORDER[_ORDER.index(step) :]
    for page in later:
        if page in (Page.SSN, Page.ADDRESS) and step in (Page.SSN, Page.ADDRESS) and page is not step:
            continue
        if not (keep_answers and page is step):
            for name in _ANSWERS.get(page, ()):
                data.pop(name, None)
        if page in _KIND_OF_FORM:
            data.get("jobs", {}).pop(_KIND_OF_FORM[page].value, None)
    data.pop("problem", None)


def shows_canceled(data: Mapping[str, Any], kind: JobKind) -> bool:
    """Tell whether the problem on show is that a job of this *kind* was canceled."""
    return _problem_kind(data) is kind and data["problem"]["screen"] == "canceled"


def _problem_kind(data: Mapping[str, Any]) -> JobKind | None:
    """Return the kind of job whose problem is on show."""
    problem = data.get("problem")
    return JobKind(problem["kind"]) if problem else None


def _finish(data: Data, *, at: float) -> None:
    """End the flow: the session keeps no applicant data from here on."""
    kept = {name: data[name] for name in _KEPT_AT_THE_END if name in data}
    recent = data.get("recent", {})
    data.clear()
    data.update(kept, finished=True, finished_at=at, recent=recent)
