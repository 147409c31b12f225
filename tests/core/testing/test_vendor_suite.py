"""The contract suite of vendors is only worth what it refuses: one bad adapter after the other."""

import asyncio
import contextlib
import logging
import socket
import sys
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any, ClassVar

import httpx
import pytest
from pydantic import SecretStr

from proofing.base.errors import Cause, CPUFailure, CPUWorkError, VendorError
from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.continuation import Again, Pending
from proofing.contracts.http import VendorResponse
from proofing.contracts.plugin_settings import PluginSettings
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import (
    DeviceResult,
    DocumentResult,
    Finding,
    FindingCode,
    Match,
    Outcome,
    ProoferKind,
    ResolutionResult,
    ReviewStatus,
)
from proofing.testing.vendor_fakes import FakeVendor, make_context
from proofing.testing.vendors import (
    DeviceProfilerContract,
    DocumentProoferContract,
    ResolutionProoferContract,
)

URL = "https://vendor.example.test/resolve"
KEY = "an-account-key-that-is-secret"


class GoodVendor:
    """Keeps the contract; the others below each break it in one way."""

    async def proof(self, request: Any, context: Any) -> Any:
        """Ask once."""
        return self.read(await self.send(request, context), request)

    async def send(self, request: Any, context: Any) -> Any:
        """Send what is known."""
        return await context.http.post(URL, json_body=request.applicant.reveal())

    def read(self, response: Any, request: Any) -> Any:
        """Read the decision."""
        body = response.require_success().json()
        decision = body.get("decision") if isinstance(body, dict) else None
        if decision not in ("yes", "no"):
            raise VendorError(Cause.NONSENSE, "no decision", vendor_name="vendor")
        return self.result(decision == "yes", body)

    def result(self, passed: bool, body: Any) -> Any:
        """Build the result."""
        outcome = Outcome.PASSED if passed else Outcome.FAILED
        return ResolutionResult(vendor_name="vendor", outcome=outcome, attributes={"ssn": Match.MATCH})


class Later(GoodVendor):
    """Submits the question, and fetches the answer when it is resumed; keeps the contract as well."""

    async def proof(self, request: Any, context: Any) -> Any:
        """Submit the question."""
        response = await context.http.post(URL, json_body=request.applicant.reveal())
        body = response.require_success().json()
        if not isinstance(body, dict) or body.get("decision") not in ("yes", "no"):
            raise VendorError(Cause.NONSENSE, "no id", vendor_name="vendor")
        return Pending(state={"id": "1"}, then=Again(5), expires_at=context.now() + timedelta(minutes=5))

    async def resume(self, request: Any, pending: Any, because: Any, context: Any) -> Any:
        """Fetch the answer."""
        return self.read(await context.http.get(f"{URL}/{pending.state['id']}"), None)


class Unsound(Later):
    """Keeps a secret in what it leaves pending, which is no JSON."""

    async def proof(self, request: Any, context: Any) -> Any:
        return replace(await super().proof(request, context), state={"id": {1, 2}})


class Threads:
    """A plain function on a `requests` session; keeps the contract as well."""

    def proof(self, request: Any, context: Any) -> Any:
        """Ask in a thread."""
        response = context.sync.http.post(URL, json=request.applicant.reveal())
        answer = VendorResponse(response.status_code, dict(response.headers), response.content, "vendor")
        return GoodVendor().read(answer, request)


class Signs(GoodVendor):
    """Gets a token before its first question, in the cache; keeps the contract as well."""

    def __init__(self) -> None:
        self.is_open = False

    async def open(self, context: Any) -> None:
        """Get the token."""

        async def make() -> tuple[str, float]:
            with context.unbilled():
                return self.read(await context.http.get(f"{URL}/token"), None).vendor_name, 60.0

        await context.cache.get_or_make("token", make)
        self.is_open = True

    async def close(self) -> None:
        """Drop it."""
        self.is_open = False

    async def send(self, request: Any, context: Any) -> Any:
        assert self.is_open
        return await super().send(request, context)


class OpensWithoutContext(GoodVendor):
    """Could not be opened."""

    def open(self) -> None:
        """Take nothing."""


class Logs(GoodVendor):
    """Logs what it sends."""

    async def send(self, request: Any, context: Any) -> Any:
        context.logger.info("sending %s", request.applicant.last_name)
        return await super().send(request, context)


class LogsElsewhere(GoodVendor):
    """Logs with a logger of its own."""

    async def send(self, request: Any, context: Any) -> Any:
        logging.getLogger("some.library").debug(
            "body", extra={"proofing_fields": {"x": request.applicant.ssn}}
        )
        return await super().send(request, context)


class PutsIntoURL(GoodVendor):
    """Asks with a query."""

    async def send(self, request: Any, context: Any) -> Any:
        return await context.http.get(f"{URL}?ssn={request.applicant.ssn}")


class Trusts(GoodVendor):
    """Takes everything that is not a no for a yes."""

    def read(self, response: Any, request: Any) -> Any:
        try:
            body = response.json()
        except VendorError:
            body = {}
        return self.result(not isinstance(body, dict) or body.get("decision") != "no", body)


class Fails(GoodVendor):
    """Takes everything that is not a yes for a no, and so hides time-outs and outages."""

    async def proof(self, request: Any, context: Any) -> Any:
        try:
            return await super().proof(request, context)
        except VendorError:
            return self.result(False, {})


class Stumbles(GoodVendor):
    """Expects a key."""

    def read(self, response: Any, request: Any) -> Any:
        return self.result(response.require_success().json()["decision"] == "yes", {})


class Quotes(GoodVendor):
    """Puts the body into the error."""

    def read(self, response: Any, request: Any) -> Any:
        if response.status != 200:
            raise VendorError(Cause.NONSENSE, f"unexpected: {response.content!r}", vendor_name="vendor")
        return super().read(response, request)


class Drags(GoodVendor):
    """Raises its error from a foreign one."""

    def read(self, response: Any, request: Any) -> Any:
        try:
            int(response.content)
        except ValueError as error:
            if response.status != 200:
                raise VendorError(Cause.NONSENSE, "no number", vendor_name="vendor") from error
        return super().read(response, request)


class Chats(GoodVendor):
    """Passes on the vendor's sentences."""

    def result(self, passed: bool, body: Any) -> Any:
        reasons = (str(body.get("reason", "none")),)
        return ResolutionResult(
            vendor_name="vendor", outcome=Outcome.PASSED if passed else Outcome.FAILED, reasons=reasons
        )


class Invents(GoodVendor):
    """Names attributes of its own."""

    def result(self, passed: bool, body: Any) -> Any:
        outcome = Outcome.PASSED if passed else Outcome.FAILED
        return ResolutionResult(vendor_name="vendor", outcome=outcome, attributes={"SSN4": Match.MATCH})


class Mumbles(GoodVendor):
    """Answers with something else."""

    def result(self, passed: bool, body: Any) -> Any:
        return {"passed": passed}


class Strays(GoodVendor):
    """Calls a host that it did not declare."""

    async def send(self, request: Any, context: Any) -> Any:
        return await context.http.post("https://other.example.test/", json_body={})


class Module(ModuleType):
    """A plugin made on the spot."""

    proofer: ClassVar[Any] = None

    def proofing_proofers(self) -> list[ProoferDescriptor]:
        """Offer the one proofer."""
        return [
            ProoferDescriptor(
                name="vendor",
                kind=ProoferKind.RESOLUTION,
                make=lambda *_: self.proofer(),
                attributes=frozenset({"first_name", "last_name", "ssn"}),
                hosts=lambda _settings: frozenset({"vendor.example.test"}),
            )
        ]


class Suite(ResolutionProoferContract):
    """The suite for the plugin made on the spot; pytest does not collect it."""

    __test__ = False
    plugin = "a_vendor_made_on_the_spot"

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Say yes."""
        return httpx.Response(200, json={"decision": "yes", "reason": "all_good"})

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Say no."""
        return httpx.Response(200, json={"decision": "no", "reason": "ssn"})


async def run(monkeypatch, proofer, **replaced) -> str:
    """Run the suite's cases on *proofer* and return what it complains of; empty when of nothing."""
    suite = prepare(monkeypatch, proofer, **replaced)
    complaints = []
    suite.test_descriptor_is_whole()
    for case in (
        suite.test_yes_is_a_passed_result,
        suite.test_no_is_a_result,
        suite.test_missing_attributes_are_typed,
        suite.test_hostile_answers_are_no_answers,
        suite.test_slow_answers_end_with_the_deadline,
        suite.test_bent_answers_are_typed,
    ):
        try:
            await case()
        except AssertionError as error:
            complaints.append(f"{case.__name__}: {error}")
    return "\n".join(complaints)


class Defers(GoodVendor):
    """Has a person look at what the vendor has decided."""

    def result(self, passed: bool, body: Any) -> Any:
        """Take a no for an open question."""
        return replace(super().result(passed, body), outcome=Outcome.PASSED if passed else Outcome.REVIEW)


@pytest.mark.parametrize("proofer", [GoodVendor, Threads, Signs])
async def test_good_adapters_pass(monkeypatch, proofer):
    """Nothing to complain of, in any shape."""
    assert await run(monkeypatch, proofer) == ""


@pytest.mark.parametrize(
    ("proofer", "complaint"),
    [
        (Logs, "the logs hold ['last_name (plain)']"),
        (LogsElsewhere, "the logs hold ['ssn (plain)']"),
        (PutsIntoURL, "a URL holds ['ssn (plain)']"),
        (Trusts, "200 with empty: read as passed"),
        (Fails, "no answer: ResolutionResult"),
        (Fails, "200 with an empty list: read as failed"),
        (Stumbles, "a foreign KeyError escaped"),
        (Quotes, "a VendorError holds"),
        (Drags, "drags a ValueError along"),
        (Chats, "a reason or code is free text"),
        (Invents, "SSN4 is not an attribute"),
        (Mumbles, "dict is not ResolutionResult"),
        (Strays, "no result but VendorError"),
        (Defers, "the vendor's no is read as review"),
    ],
)
async def test_each_bad_adapter_is_found(monkeypatch, proofer, complaint):
    """The suite names the fault, and tells nothing of the applicant itself."""
    found = await run(monkeypatch, proofer)
    assert complaint in found
    assert "900" not in found.replace("2900", "")


async def test_a_status_may_say_no(monkeypatch):
    """A vendor whose contract says so may answer no by a status; it must be named."""

    class NotFound(GoodVendor):
        def read(self, response: Any, request: Any) -> Any:
            return self.result(False, {}) if response.status == 404 else super().read(response, request)

    assert "status 404: read as failed" in await run(monkeypatch, NotFound)
    monkeypatch.setattr(Suite, "statuses_that_say_no", frozenset({404}))
    assert await run(monkeypatch, NotFound) == ""


class Connects(GoodVendor):
    """Looks its vendor up at once, and hides what comes of it."""

    def __init__(self) -> None:
        with contextlib.suppress(AssertionError):
            socket.create_connection(("vendor.example.test", 443))


class Loops(GoodVendor):
    """Takes the running loop when it is made."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()


class Shouts(GoodVendor):
    """Logs the key of its account."""

    def __init__(self) -> None:
        logging.getLogger("some.library").debug("signing in with %s", KEY)


class Prints(GoodVendor):
    """Shows the key of its account."""

    def __repr__(self) -> str:
        return f"Prints({KEY})"


class Settings(PluginSettings):
    """Secrets at several depths."""

    account: tuple[SecretStr, ...] = (SecretStr(KEY),)
    by_state: dict[str, SecretStr] = {"MT": SecretStr(KEY)}  # noqa: RUF012 - pydantic copies it


@pytest.mark.parametrize(
    ("proofer", "error", "complaint"),
    [
        (Connects, AssertionError, "connects when it is asked"),
        (Loops, RuntimeError, "no running event loop"),
        (Shouts, AssertionError, "the logs hold"),
        (Prints, AssertionError, "the settings or the proofer print"),
        (OpensWithoutContext, AssertionError, r"open must be open\(context\)"),
    ],
)
async def test_making_is_watched(monkeypatch, proofer, error, complaint):
    """A factory that connects, needs a loop or reveals a secret is reported."""
    suite = prepare(monkeypatch, proofer)
    sys.modules[Suite.plugin].proofing_settings = lambda: Settings
    with pytest.raises(error, match=complaint) as caught:
        suite.test_making_does_no_io()
    assert KEY not in str(caught.value)


async def test_a_quiet_adapter_is_made(monkeypatch):
    """Nothing to complain of, with secrets and without."""
    suite = prepare(monkeypatch, GoodVendor)
    suite.test_making_does_no_io()
    sys.modules[Suite.plugin].proofing_settings = lambda: Settings
    suite.test_making_does_no_io()


def test_a_heavy_import_is_found(tmp_path, monkeypatch):
    """A plugin that imports its vendor's library on registering is reported."""
    (tmp_path / "heavy_vendor.py").write_text("import yaml\n\n\ndef proofing_proofers():\n    return []\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    class Heavy(Suite):
        plugin = "heavy_vendor"

    with pytest.raises(AssertionError, match="import these where the proofer is made"):
        Heavy().test_descriptor_needs_no_vendor_library()


async def test_a_slow_adapter_is_found(monkeypatch):
    """One that outlives its deadline is reported."""
    monkeypatch.setattr("proofing.testing.vendors._GIVE_UP_SECONDS", 0.1)

    class Sleeps(GoodVendor):
        async def send(self, request: Any, context: Any) -> Any:
            while True:
                try:
                    return await context.http.post(URL, json_body={})
                except VendorError:
                    continue

    # Every other case would wait for it, too, once for each answer that the suite makes up.
    with pytest.raises(AssertionError, match="outlives its deadline"):
        await prepare(monkeypatch, Sleeps).test_slow_answers_end_with_the_deadline()


def prepare(monkeypatch, proofer, suite=Suite, **replaced) -> Any:
    """Return the suite for *proofer*, with fields of its descriptor replaced."""
    module = Module(Suite.plugin)
    module.proofer = proofer
    offer = replace(module.proofing_proofers()[0], **replaced)
    module.proofing_proofers = lambda: [offer]
    monkeypatch.setitem(sys.modules, Suite.plugin, module)
    return suite()


async def test_answers_that_come_later(monkeypatch):
    """A pending question is resumed as after a park, and what is left pending is held to its rules."""
    continues = {"continues": frozenset({Again})}
    assert await run(monkeypatch, Later, **continues) == ""
    assert "state of a Pending must be JSON" in await run(monkeypatch, Unsound, **continues)


async def test_idempotency_is_held_to_its_promise(monkeypatch):
    """A proofer that claims to be idempotent and sends no key is reported."""

    class Keeps(GoodVendor):
        async def send(self, request: Any, context: Any) -> Any:
            headers = {"idempotency-key": context.idempotency_key}
            return await context.http.post(URL, json_body={}, headers=headers)

    await prepare(monkeypatch, Keeps, idempotent=True).test_an_idempotency_key_is_sent_where_promised()
    await prepare(monkeypatch, GoodVendor).test_an_idempotency_key_is_sent_where_promised()
    with pytest.raises(AssertionError):
        await prepare(
            monkeypatch, GoodVendor, idempotent=True
        ).test_an_idempotency_key_is_sent_where_promised()


async def test_what_the_kinds_add(monkeypatch):
    """A device profile must agree with itself, and a passed document must have been read."""

    class Device(Suite, DeviceProfilerContract):
        kind = ProoferKind.DEVICE

    class Document(Suite, DocumentProoferContract):
        kind = ProoferKind.DOCUMENT

        def question(self, canary: Any) -> Any:
            return DocumentProoferContract.question(self, canary)

    class Wavers(GoodVendor):
        def result(self, passed: bool, body: Any) -> Any:
            outcome = Outcome.PASSED if passed else Outcome.FAILED
            return DeviceResult(vendor_name="vendor", outcome=outcome, review_status=ReviewStatus.PASS)

    class Reads(GoodVendor):
        facts: ClassVar[dict[str, Any]] = {}

        def result(self, passed: bool, body: Any) -> Any:
            good = {"document_type": DocumentType.PASSPORT, "applicant": Applicant(first_name="ANNA")}
            return DocumentResult(vendor_name="vendor", outcome=Outcome.PASSED, **{**good, **self.facts})

    device = prepare(monkeypatch, Wavers, Device, kind=ProoferKind.DEVICE)
    with pytest.raises(AssertionError):
        await device.test_review_status_and_outcome_agree()
    document = prepare(monkeypatch, Reads, Document, kind=ProoferKind.DOCUMENT)
    await document.test_yes_tells_what_was_read()
    for wrong in (
        {"applicant": None},
        {"document_type": None},
        {"document_type": DocumentType.OTHER},
        {"findings": (Finding(code=FindingCode.OTHER, vendor_code="Moon Phase"),)},
        {"findings": (Finding(code=FindingCode.GLARE, vendor_code="Dear Anna, try again!"),)},
        {"findings": ("glare",)},
    ):
        monkeypatch.setattr(Reads, "facts", wrong)
        with pytest.raises((AssertionError, TypeError)):
            await document.test_yes_tells_what_was_read()


async def test_a_suite_without_answers_says_what_is_missing(monkeypatch):
    """A suite that does not give the vendor's answers is reported."""

    class Forgot(ResolutionProoferContract):
        __test__ = False
        plugin = Suite.plugin

    suite = prepare(monkeypatch, GoodVendor, Forgot)
    for answer in (suite.answer_yes, suite.answer_no):
        with pytest.raises(AssertionError, match="must say what the vendor answers"):
            answer(httpx.Request("GET", URL))


async def test_the_context_of_the_kit_has_real_cpu_children():
    """An adapter's function runs where it would run in a worker, and may be tested there."""
    descriptor = ProoferDescriptor(name="v", kind=ProoferKind.DOCUMENT, make=lambda *_: GoodVendor())
    context = make_context(FakeVendor(lambda _request: httpx.Response(200)), descriptor)
    bounds = {"seconds": 60, "megabytes": 200}
    assert await context.cpu("operator:ne", b"a", "a", **bounds) is True
    with pytest.raises(CPUWorkError) as caught:
        await context.cpu("time:sleep", b"", None, **bounds)
    assert caught.value.failure is CPUFailure.RAISED
