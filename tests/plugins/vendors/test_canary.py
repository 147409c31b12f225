"""Nothing of a person and no secret is to be seen, whatever a vendor answers and however its calls fail.

Every product is asked about a canary, and each answer of a yes is replaced in turn: by every status, broken
and foreign body and failure of the kit, by the request's own body, and by texts that repeat the person and
the secrets. Searched are log lines, what is printed, results, errors with all they carry along, what is left
pending, and what events say.
"""

import traceback
from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import FakeVendor
from proofing.testing.vendor_hostility import BODIES, FAILURES, SLOW, STATUSES, whole
from proofing.testing.vendors import ProoferContract
from proofing.testing.vendors.checks.loading import MIN_SECRET, secrets_of
from proofing.testing.vendors.subject import Step, Subject, bend_to, respond_with
from proofing.testing.vendors.trial import Bend, Run
from proofing_dos import passport

ROOT = Path(__file__).parents[3]
MODULES = (
    *("aamva.test_contract", "aws_identity.test_contract", "dos.test_passport", "lexisnexis.test_contract"),
    *("lexisnexis.test_contract_documents", "socure.test_contract", "stripe.test_contract"),
    "twilio.test_contract",
)
#: With the one protocol that a fixture chooses; the other asks the same of the same adapter.
LEFT_OUT = {"TestReadingByCBOR"}
TYPES = ("application/json", "text/xml", "text/plain", "text/html")
ECHOED_STATUSES = (200, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503)
#: Long enough for a call that answers, on a machine that is busy.
SLOW_SECONDS = 1.0
SUITES = {
    f"{module.partition('.')[0]}:{name}": suite
    for module in MODULES
    for name, suite in vars(import_module(f"tests.plugins.vendors.{module}")).items()
    if name.startswith("Test")
    and name not in LEFT_OUT
    and isinstance(suite, type)
    and issubclass(suite, ProoferContract)
}


def canary_of(subject: Subject) -> Canary:
    """Return the person that the kit asks about, who is searched for along with the secrets."""
    known = secrets_of(subject.trial.found.settings)
    return Canary(extra={name: value for name, value in known if len(value) >= MIN_SECRET})


def echo(status: int, content_type: str) -> Callable[[httpx.Request], httpx.Response]:
    """Return what answers with the request itself: its address, headers and body."""

    def answer(request: httpx.Request) -> httpx.Response:
        known = f"{request.url} {dict(request.headers)} ".encode() + request.content
        return httpx.Response(status, content=known, headers={"content-type": content_type})

    return answer


def bare_echo(status: int) -> Callable[[httpx.Request], httpx.Response]:
    """Return what answers with the request's own body, as what it is."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"content-type": request.headers.get("content-type", "application/json")}
        return httpx.Response(status, content=request.content, headers=headers)

    return answer


def error_of(canary: Canary) -> dict[str, object]:
    """Return an error body all of whose texts repeat the person and the secrets."""
    text = "; ".join(f"{name} {value}" for name, value in canary.values.items())
    inner = {"code": text, "message": text, "reason": text, "type": text}
    return {
        "error": inner,
        "errors": [inner],
        "status": {"code": text, "message": text},
        "msg": text,
        "message": text,
        "Status": {"TransactionStatus": text, "TransactionReasonCode": {"Code": text}},
        "__type": text,
        "Information": [{"InformationType": "error-details", "Code": text}],
    }


def faults(step: Step, canary: Canary, ids: Collection[object]) -> Iterator[tuple[str, Bend]]:
    """Yield everything that replaces the answers to *step* and after it; *ids* are the vendor's of a yes."""
    answers = {
        **{f"status {status}": whole(status, b"{}", {"content-type": TYPES[0]}) for status in STATUSES},
        **{f"200 with {label}": whole(200, *body) for label, body in BODIES.items()},
        **FAILURES,
        **{
            f"{status}, an echo as {kind}": echo(status, kind) for status in ECHOED_STATUSES for kind in TYPES
        },
        **{f"{status}, the question": bare_echo(status) for status in ECHOED_STATUSES},
    }
    for label, answer in answers.items():
        yield label, respond_with(step, answer)
    body = error_of(canary)
    for status in ECHOED_STATUSES:
        yield (
            f"{status} with an error about the person",
            respond_with(step, lambda _request, status=status: httpx.Response(status, json=body)),
        )
    if step.body is None:
        return
    text = " ".join(canary.values.values())
    for leaf in step.body.leaves:
        # A word in the place of the vendor's id is the vendor's id.
        words = () if str(leaf.value).strip() in ids else canary.values.values()
        for value in (text, *words) if isinstance(leaf.value, str) else ():
            if (content := step.body.replaced(leaf, value)) is not None:
                yield f"the person in {leaf.name}", bend_to(step, content)


def said_of(run: Run) -> str:
    """Return everything that *run* came to, as it may be printed or logged."""
    result, error = run.result, run.error
    texts = [run.came_to, repr(result), repr(run.pendings), repr(run.broken)]
    if error is not None:
        # With the errors behind it, as a log shows them.
        texts += [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
    if result is not None:
        facts = (result.reasons, result.vendor_codes, result.vendor_workflow, dict(result.attributes))
        texts.append(repr((facts, result.transaction_id, result.reference)))
        texts.append(repr((getattr(result, "findings", ()), getattr(result, "applicant", None))))
    return "\n".join(texts)


def search(subject: Subject, *, every: int = 1) -> tuple[int, list[str]]:
    """Try one in *every* fault; return how many those were, and what is to be seen, in which case."""
    canary, name = canary_of(subject), subject.good[0]
    example, good = subject.examples[name], subject.runs[name].result
    ids = () if good is None else (good.transaction_id, good.reference)
    question = subject.question(example)
    cases: list[tuple[str, dict[str, Any]]] = [
        (f"answer {step.number + 1}, {label}", {"bend": bend})
        for step in subject.steps[name]
        for label, bend in faults(step, canary, ids)
    ]
    cases += [
        (label, {"vendor": FakeVendor(answer), "seconds": SLOW_SECONDS}) for label, answer in SLOW.items()
    ]
    cases = cases[::every]
    found = []

    async def put_all() -> None:
        # To make a proofer takes longer than to ask it.
        loaded = subject.trial.loaded()
        for label, changes in cases:
            before = len(watch.lines)
            run = await subject.trial.put(example, question, loaded=loaded, **changes)
            said = "\n".join([*watch.lines[before:], said_of(run)])
            found.extend(f"{name}, {label}: {leak}" for leak in canary.find_leaks(said))

    with subject.trial.watched() as watch:
        subject.trial.do(put_all)
    # What was printed comes last, and of no case in particular.
    printed = canary.find_leaks("\n".join(watch.lines))
    return len(cases), found or [f"{name}: {leak}" for leak in printed]


def subject_of(suite: type[ProoferContract]) -> Subject:
    """Return the proofer of *suite*, with the examples that are read as they must be."""
    made = suite()
    return Subject(made, made.trial())


def test_every_product_is_asked() -> None:
    """Of all plugins of vendors but mocks and those that ask nobody; one that is added is among them."""
    products = {
        descriptor.name
        for folder in (ROOT / "plugins/vendors").glob("proofing_*")
        if folder.name != "proofing_mock" and (folder / "__init__.py").exists()
        for descriptor in import_module(folder.name).proofing_proofers()
        if not descriptor.offline
    }
    assert {suite().descriptor().name for suite in SUITES.values()} == products


@pytest.mark.parametrize("name", ["dos:TestPassportCheck", "twilio:TestTwilio"])
def test_nothing_is_to_be_seen_when_calls_fail(name: str) -> None:
    """One in twenty of what the long form tries."""
    tried, found = search(subject_of(SUITES[name]), every=20)
    assert tried > 0
    assert found == []


@pytest.mark.security
def test_nothing_is_to_be_seen_whatever_vendors_answer(claim: Callable[..., None]) -> None:
    """The long form: every product, every fault, every text of a yes."""
    tried = values = 0
    found: dict[str, list[str]] = {}
    for name, suite in SUITES.items():
        subject = subject_of(suite)
        count, leaks = search(subject)
        tried, values = tried + count, max(values, len(canary_of(subject).values))
        if leaks:
            found[name] = leaks
    assert found == {}
    claim(
        "S1",
        "Adapters of vendors show nothing of a person and no secret, whatever answers and failures they get",
        f"0 hits of up to {values} values in all spellings; {len(SUITES)} suites,"
        f" {tried:,} answers and failures",
    )


@pytest.mark.parametrize("shown", ["ssn", "secret.client_secret"])
def test_a_leak_is_found(shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a vendor's text in a code, which repeats the person or a secret."""
    monkeypatch.setattr(passport, "_error_codes", lambda response: (response.content.decode("latin-1"),))
    _tried, found = search(subject_of(SUITES["dos:TestPassportCheck"]))
    assert any(f": {shown} " in leak for leak in found)
