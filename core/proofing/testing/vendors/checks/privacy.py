"""Nothing of the person, of a secret or of the vendor's texts gets where it can be read."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from proofing.base.errors import ProofingError
from proofing.contracts.applicant import ATTRIBUTES
from proofing.contracts.circumstances import CIRCUMSTANCES, Circumstances
from proofing.contracts.proofers import Maturity, ProofingRequest
from proofing.testing.canary import Canary
from proofing.testing.vendors.checks.loading import MIN_SECRET, secrets_of
from proofing.testing.vendors.checks.speech import SENTENCE, Speech, normalized, said, say, vendor_speeches
from proofing.testing.vendors.contract_times import SIGNED_AT
from proofing.testing.vendors.reading import read_attributes
from proofing.testing.vendors.subject import CheckRule, Subject, facts_of
from proofing.testing.vendors.trial import Run

#: How the first bytes of a JPEG look in a text.
_JPEG = ("/9j/", "ffd8ff", "\\xff\\xd8", "\\u00ff\\u00d8", "ÿØ")
_SECRET = "secret."  # noqa: S105 - how names of secrets begin
#: Circumstances that differ from those of the examples in everything.
_OTHERS = Circumstances(
    locale="es",
    consented_at=SIGNED_AT - timedelta(days=1),
    attempt_number=2,
    ip_address="198.51.100.7",
    user_agent="Other/1.0",
    device_session_id="another-device-session",
)


def _leaks(subject: Subject, speech: Speech) -> list[str]:
    secrets = {
        name: value for name, value in secrets_of(subject.trial.found.settings) if len(value) >= MIN_SECRET
    }
    return Canary(extra=secrets).find_leaks(speech.everything + speech.ids)


def secret_leak(subject: Subject) -> Iterator[str]:
    """No secret setting is to be seen."""
    settings = subject.trial.found.settings
    for speech in said(subject):
        for leak in _leaks(subject, speech):
            if leak.startswith(_SECRET):
                yield f"{speech.case}: {leak.removeprefix(_SECRET)} is in {_where(subject, speech, leak)}"
    secrets = {name: value for name, value in secrets_of(settings) if len(value) >= MIN_SECRET}
    for leak in Canary(extra=secrets).find_leaks(repr(settings)):
        yield f"the settings print {leak.removeprefix(_SECRET)}"


def person_leak(subject: Subject) -> Iterator[str]:
    """Nothing of the person is to be seen."""
    for speech in said(subject):
        for leak in _leaks(subject, speech):
            if not leak.startswith(_SECRET):
                yield f"{speech.case}: {leak} is in {_where(subject, speech, leak)}"


def _where(subject: Subject, speech: Speech, leak: str) -> str:
    secrets = dict(secrets_of(subject.trial.found.settings))
    canary = Canary(extra=secrets)
    places = {
        "a log line or on stdout": speech.lines,
        "the error or the result's codes": speech.facts,
        "transaction_id or reference": speech.ids,
    }
    return next(
        (place for place, text in places.items() if leak in canary.find_leaks(text)), "the error's trail"
    )


def person_in_url(subject: Subject) -> Iterator[str]:
    """No URL holds personal data."""
    for name, run in subject.runs.items():
        for request in run.requests:
            if leaks := Canary().find_leaks(str(request.url)):
                yield f"example {name!r}: a URL holds {', '.join(leaks)}"


def person_traced(subject: Subject) -> Iterator[str]:
    """Two people with the same answer are spoken of in the same words."""
    few = (401, 404, 422, 500)
    first, again, other = (list(say(subject, person, few)) for person in (Canary(), Canary(), Canary(seed=2)))
    for one, same, different in zip(first, again, other, strict=True):
        if one.run.came_to != different.run.came_to or _leaks(subject, one):
            continue
        for place in ("lines", "facts", "ids"):
            texts = [normalized(getattr(speech, place)) for speech in (one, same, different)]
            if texts[0] == texts[1] != texts[2]:
                where = {
                    "lines": "log lines",
                    "facts": "error or codes",
                    "ids": "transaction_id or reference",
                }
                yield f"{one.case}: the {where[place]} differ between two people"


def image_leak(subject: Subject) -> Iterator[str]:
    """No bytes of an image are to be seen."""
    for speech in said(subject):
        if any(mark in speech.everything for mark in _JPEG):
            yield f"{speech.case}: the bytes of an image are in a log line, on stdout or in the error"


def vendor_text(subject: Subject) -> Iterator[str]:
    """The vendor's sentences are to be seen nowhere."""
    mark = SENTENCE.partition(" ")[0].lower()
    for speech in vendor_speeches(subject):
        if mark in speech.everything.lower():
            yield f"{speech.case}: it is repeated in a log line, an error or a code"


def exception_chain(subject: Subject) -> Iterator[str]:
    """Errors carry no foreign exception along."""
    for speech in said(subject):
        error = speech.run.error
        if error is None:
            continue
        carried = (error.__cause__, None if error.__suppress_context__ else error.__context__)
        for one in carried:
            if one is not None and not isinstance(one, ProofingError):
                yield f"{speech.case}: the error carries a {type(one).__name__} along"


def attribute_unused(subject: Subject) -> Iterator[str]:
    """Every declared attribute and circumstance makes a difference."""
    example = subject.yes
    if example is None or not subject.suite.calls_out or subject.descriptor.maturity is Maturity.MOCK:
        # A mock takes what vendors of its kind take.
        return
    question = subject.question(example)
    before, again = (_asked(subject, question) for _ in range(2))
    is_stable = before == again
    read = read_attributes(subject, question)
    other = subject.question(example, Canary(seed=2))
    for name in sorted(subject.descriptor.attributes):
        tried = [
            replace(question, applicant=replace(question.applicant, **{name: value}))
            for value in (None, getattr(other.applicant, name))
        ]
        if is_stable:
            is_used = any(_asked(subject, one) != before for one in tried)
        else:
            is_used = bool({name, "*"} & read)
        if getattr(question.applicant, name) is not None and not is_used:
            yield f"{name} is declared, and makes no difference"
    for name in sorted(subject.descriptor.needs):
        tried = [
            replace(question, circumstances=replace(question.circumstances, **{name: value}))
            for value in (None, getattr(_OTHERS, name))
        ]
        is_used = any(_asked(subject, one) != before for one in tried) if is_stable else name in read
        if getattr(question.circumstances, name) is not None and not is_used:
            yield f"{name} is needed, and makes no difference"


def _asked(subject: Subject, question: ProofingRequest) -> tuple[object, ...]:
    """Return what the vendor was asked, and what was read of its answer."""
    example = subject.yes
    assert example is not None
    run = subject.put_asked(example, question)
    requests = [
        (request.method, str(request.url), sorted(request.headers.items()), request.content)
        for request in run.requests
    ]
    return (requests, facts_of(run.result), run.came_to, *_more(run))


def _more(run: Run) -> tuple[object, ...]:
    result = run.result
    return tuple(
        getattr(result, name, None) for name in ("verified_attributes", "requested_attributes", "reasons")
    )


def attribute_undeclared(subject: Subject) -> Iterator[str]:
    """Only declared attributes and circumstances are read."""
    example = subject.yes
    if example is None:
        return
    read = read_attributes(subject, subject.question(example))
    declared = subject.descriptor.attributes | subject.descriptor.needs
    for name in sorted((read & {*ATTRIBUTES, *CIRCUMSTANCES}) - declared):
        yield f"{name} is read, and not declared"


CHECKS: Mapping[str, CheckRule] = {
    "secret-leak": secret_leak,
    "person-leak": person_leak,
    "person-in-url": person_in_url,
    "person-traced": person_traced,
    "image-leak": image_leak,
    "vendor-text": vendor_text,
    "exception-chain": exception_chain,
    "attribute-unused": attribute_unused,
    "attribute-undeclared": attribute_undeclared,
}
