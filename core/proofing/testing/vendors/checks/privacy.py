"""Nothing of the person, of a secret or of the vendor's texts gets where it can be read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from weakref import WeakKeyDictionary

import httpx

from proofing.base.errors import ProofingError
from proofing.contracts.applicant import ATTRIBUTES
from proofing.contracts.circumstances import CIRCUMSTANCES, Circumstances
from proofing.contracts.continuation import Leave
from proofing.contracts.proofers import Maturity, ProofingRequest
from proofing.contracts.results import ProoferKind
from proofing.testing.canary import Canary
from proofing.testing.vendors.bending import body_of
from proofing.testing.vendors.checks.loading import MIN_SECRET, names_secret, secrets_of
from proofing.testing.vendors.checks.speech import SENTENCE, Speech, codes_of, said, vendor_speeches
from proofing.testing.vendors.checks.webhooks import said_of_posts
from proofing.testing.vendors.contract_times import SIGNED_AT
from proofing.testing.vendors.reading import read_attributes
from proofing.testing.vendors.sent import credentials_in
from proofing.testing.vendors.subject import CheckRule, Subject, facts_of
from proofing.testing.vendors.trial import Run

#: How the first bytes of a JPEG look in a text.
_JPEG = ("/9j/", "ffd8ff", "\\xff\\xd8", "\\u00ff\\u00d8", "ÿØ")
_SECRET = "secret."  # noqa: S105 - how names of secrets begin
_SCORE = re.compile(r"score|similarity|confidence|distance|probability", re.IGNORECASE)
#: How often it is tried to see the same twice, where a clock may have moved on.
_ATTEMPTS = 3
#: Circumstances that differ from those of the examples in everything.
_OTHERS = Circumstances(
    locale="es",
    consented_at=SIGNED_AT - timedelta(days=1),
    attempt_number=2,
    ip_address="198.51.100.7",
    user_agent="Other/1.0",
    device_session_id="another-device-session",
)


_found: "WeakKeyDictionary[Speech, list[str]]" = WeakKeyDictionary()


def _canary(subject: Subject) -> Canary:
    """Return what finds the person of the examples, and the secrets, in a text."""
    return subject.once(_make_canary)


def _make_canary(subject: Subject) -> Canary:
    secrets = dict(secrets_of(subject.trial.found.settings))
    secrets |= _tokens(subject)
    found = {name: value for name, value in secrets.items() if len(value) >= MIN_SECRET}
    return Canary(extra={**found, **_personal(subject), **_posted(subject)})


def _posted(subject: Subject) -> dict[str, str]:
    """Return the texts that a wallet posts."""
    found = {}
    for name, run in subject.runs.items():
        posted = subject.examples[name].posted
        if posted is None or not run.pendings:
            continue
        body = body_of(
            httpx.Response(200, content=posted if isinstance(posted, bytes) else posted(run.pendings[0]))
        )
        for place in body.leaves if body is not None else ():
            if isinstance(place.value, str) and len(place.value) >= MIN_SECRET:
                found[f"{place.name} of the wallet's answer"] = place.value
    return found


def _tokens(subject: Subject) -> dict[str, str]:
    """Return what the vendor hands out: by which it knows us, or that lets anybody in, as a person's page."""
    pages = {
        f"{_SECRET}the address of the vendor's page": pending.then.url
        for run in subject.runs.values()
        for pending in run.pendings
        if isinstance(pending.then, Leave)
    }
    return (
        pages
        | {
            f"{_SECRET}{place.name} of the vendor's answer": place.value
            for steps in subject.steps.values()
            for step in steps
            for place in (step.body.leaves if step.body is not None else ())
            if isinstance(place.value, str) and names_secret(place.key)
        }
        | {
            f"{_SECRET}{place.name} of the vendor's answer, which is in later headers": str(place.value)
            for name, run in subject.runs.items()
            for step in subject.steps[name]
            for place in credentials_in(step, run)
        }
    )


def _personal(subject: Subject) -> dict[str, str]:
    """Return the circumstances that say who somebody is."""
    if subject.yes is None:
        return {}
    known = subject.question(subject.yes).circumstances
    return {
        name: value
        for name in ("ip_address", "user_agent", "device_session_id")
        if (value := getattr(known, name)) is not None
    }


def leaks_of(subject: Subject, speech: Speech) -> list[str]:
    """Return what of the person or of a secret *speech* holds."""
    if speech not in _found:
        _found[speech] = _canary(subject).find_leaks(speech.everything + speech.ids)
    return _found[speech]


def secret_leak(subject: Subject) -> Iterator[str]:
    """No secret setting is to be seen."""
    for speech in said(subject):
        for leak in leaks_of(subject, speech):
            if leak.startswith(_SECRET):
                yield f"{speech.case}: {leak.removeprefix(_SECRET)} is in {_where(subject, speech, leak)}"
    for case, text in said_of_posts(subject):
        for leak in _canary(subject).find_leaks(text):
            if leak.startswith(_SECRET):
                yield f"{case}: {leak.removeprefix(_SECRET)} is in a log line, the reply or an error"
    yield from (
        f"{case}: a URL holds {leak.removeprefix(_SECRET)}"
        for case, leak in _in_urls(subject)
        if leak.startswith(_SECRET)
    )
    for leak in _canary(subject).find_leaks(repr(subject.trial.found.settings)):
        yield f"the settings print {leak.removeprefix(_SECRET)}"


def person_leak(subject: Subject) -> Iterator[str]:
    """Nothing of the person is to be seen."""
    for speech in said(subject):
        for leak in leaks_of(subject, speech):
            if not leak.startswith(_SECRET):
                yield f"{speech.case}: {leak} is in {_where(subject, speech, leak)}"


def _where(subject: Subject, speech: Speech, leak: str) -> str:
    canary = _canary(subject)
    places = {
        "a log line or on stdout": speech.lines,
        "the error or the result's codes": speech.facts,
        "transaction_id or reference": speech.ids,
        "a name in context.cache": speech.names,
    }
    return next(
        (place for place, text in places.items() if leak in canary.find_leaks(text)), "the error's trail"
    )


def person_in_url(subject: Subject) -> Iterator[str]:
    """No URL holds personal data."""
    for case, leak in _in_urls(subject):
        if not leak.startswith(_SECRET):
            yield f"{case}: a URL holds {leak}"


def _in_urls(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield what of the person or of a secret is in a URL, after the example."""
    canary = _canary(subject)
    for name, run in subject.runs.items():
        for request in run.requests:
            yield from ((f"example {name!r}", leak) for leak in canary.find_leaks(str(request.url)))


def image_leak(subject: Subject) -> Iterator[str]:
    """No bytes of an image are to be seen."""
    for speech in said(subject):
        if any(mark in speech.everything for mark in _JPEG):
            yield f"{speech.case}: the bytes of an image are in a log line, on stdout or in the error"
    yield from _scores(subject)


def _scores(subject: Subject) -> Iterator[str]:
    """Yield which scores of a document, or of a face, are among the codes of the result."""
    for name in subject.good[:1] if subject.descriptor.kind is ProoferKind.DOCUMENT else ():
        for step in subject.steps[name]:
            body = step.body
            for leaf in body.leaves if body is not None else ():
                value = leaf.value
                if body is None or not _SCORE.search(leaf.key) or not isinstance(value, (int, float)):
                    continue
                other = value - 1
                bent = subject.put_bent(name, step, [body.replaced(leaf, other) or b""])[0]
                if str(value) in codes_of(subject.runs[name]) and str(other) in codes_of(bent):
                    yield f"example {name!r}: {leaf.name} is among the codes of the result"


def vendor_text(subject: Subject) -> Iterator[str]:
    """The vendor's sentences are to be seen nowhere."""
    mark = SENTENCE.partition(" ")[0].lower()
    with subject.trial.session():
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
    other = subject.question(example, Canary(seed=2))
    tried = {
        (name, "declared"): [
            replace(question, applicant=replace(question.applicant, **{name: value}))
            for value in (None, getattr(other.applicant, name))
        ]
        for name in sorted(subject.descriptor.attributes)
        if getattr(question.applicant, name) is not None
    } | {
        (name, "needed"): [
            replace(question, circumstances=replace(question.circumstances, **{name: value}))
            for value in (None, getattr(_OTHERS, name))
        ]
        for name in sorted(subject.descriptor.needs)
        if getattr(question.circumstances, name) is not None
    }
    same = _of_no_use(subject, question, tried)
    if same is None:
        read = read_attributes(subject, question)
        same = [
            (name, how) for name, how in tried if name not in read and not (how == "declared" and "*" in read)
        ]
    yield from (f"{name} is {how}, and makes no difference" for name, how in same)


def _of_no_use(
    subject: Subject,
    question: ProofingRequest,
    tried: Mapping[tuple[str, str], list[ProofingRequest]],
) -> list[tuple[str, str]] | None:
    """Return those of *tried* whose requests change nothing; None where each question differs anyway."""
    for _ in range(_ATTEMPTS):
        before, again = (_asked(subject, question) for _ in range(2))
        if before != again:
            continue
        same = [one for one, asked in tried.items() if all(_asked(subject, each) == before for each in asked)]
        if _asked(subject, question) == before:
            return same
    return None


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
    "image-leak": image_leak,
    "vendor-text": vendor_text,
    "exception-chain": exception_chain,
    "attribute-unused": attribute_unused,
    "attribute-undeclared": attribute_undeclared,
}
