"""The form of answers: what the worker itself refuses, names, ids, and codes that are ours."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise

from proofing.contracts.applicant import ATTRIBUTES
from proofing.contracts.continuation import Again, Pending
from proofing.contracts.proofers import Maturity
from proofing.contracts.results import DocumentResult, VendorResult
from proofing.testing.vendors.checks.failures import all_runs
from proofing.testing.vendors.checks.speech import poisoned
from proofing.testing.vendors.checks.waiting import not_yet
from proofing.testing.vendors.subject import CheckRule, Subject

#: Our normalized codes.
_REASON = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
#: The vendor's codes are short and hold no free text.
_CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
#: Vendors give their checks names of several words.
_FINDING = re.compile(r"[A-Za-z0-9_.:/ -]{1,64}")
#: Names of attributes that are not the applicant's own.
_COLLECTIVE = frozenset({"address", "name", "dead", "unknown"})
#: What may pass between the moment a question expires at is set and the check.
_TOLERANCE_SECONDS = 60.0


def answer_form(subject: Subject) -> Iterator[str]:
    """The worker's own check of answers."""
    for case, run in all_runs(subject):
        if run.broken and not run.is_foreign:
            yield f"{case}: {run.broken}"
        if run.result is not None:
            unknown = sorted(set(run.result.attributes) - set(ATTRIBUTES) - _COLLECTIVE)
            if unknown:
                yield f"{case}: {', '.join(unknown)} is not an attribute"
    waiting = [(found.where, found.run) for found in not_yet(subject)]
    for case, run in [*((f"example {name!r}", run) for name, run in subject.runs.items()), *waiting]:
        ends = [answer.expires_at for answer in run.returned if isinstance(answer, Pending)]
        if any(later > before for before, later in pairwise(ends)):
            yield f"{case}: a later Pending moves expires_at further away"
            break
    for name, run in subject.runs.items():
        for pending in run.pendings:
            left = (pending.expires_at - datetime.now(UTC)).total_seconds()
            if isinstance(pending.then, Again) and pending.then.after_seconds > left + _TOLERANCE_SECONDS:
                yield (
                    f"example {name!r}: asked again after {pending.then.after_seconds:g} seconds, "
                    "when it has expired"
                )
                break


def transaction_id(subject: Subject) -> Iterator[str]:
    """A result has the vendor's id of the call."""
    if not subject.suite.calls_out:
        return
    for name in [*subject.good, *subject.refused]:
        result = subject.runs[name].result
        if result is not None and not result.transaction_id:
            yield f"example {name!r}: transaction_id is empty"


def vendor_name(subject: Subject) -> Iterator[str]:
    """Results and errors name the descriptor's vendor."""
    if subject.descriptor.maturity is Maturity.MOCK:
        return
    wanted = subject.descriptor.name
    for case, run in all_runs(subject):
        found = (
            run.result.vendor_name if run.result is not None else run.error.vendor_name if run.error else ""
        )
        if found not in {"", wanted}:
            yield f"vendor_name is {found!r}, and must be {wanted!r} ({case})"
            return


def reason_words(subject: Subject) -> Iterator[str]:
    """Reasons are ours; the vendor's codes are short."""
    for name, run in subject.runs.items():
        if run.result is not None:
            yield from (f"example {name!r}: {complaint}" for complaint in _free_words(run.result))
    for where, word, run in poisoned(subject):
        if run.result is not None and any(word.lower() in reason.lower() for reason in run.result.reasons):
            yield f"{where}: what the vendor says becomes a reason"


def _free_words(result: VendorResult) -> Iterator[str]:
    """Yield what in the codes of *result* is none."""
    for reason in result.reasons:
        if not _REASON.fullmatch(reason):
            yield f"the reason {reason!r} is none of our codes"
    for code in result.vendor_codes:
        if not _CODE.fullmatch(code):
            yield f"{code!r} in vendor_codes is a text, not a code"
    for finding in result.findings if isinstance(result, DocumentResult) else ():
        if finding.vendor_code is not None and not _FINDING.fullmatch(finding.vendor_code):
            yield "the vendor_code of a finding is a text, not a name"


CHECKS: Mapping[str, CheckRule] = {
    "answer-form": answer_form,
    "transaction-id": transaction_id,
    "vendor-name": vendor_name,
    "reason-words": reason_words,
}
