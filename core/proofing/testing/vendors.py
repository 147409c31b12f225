"""The contract suites of vendor proofers, one for each kind.

Subclass the suite of your proofer's kind, say what your vendor answers, and pytest does the rest::

    class TestAcmeResolution(ResolutionProoferContract):
        plugin = "proofing_acme"
        section = {"base_url": "https://api.acme.example", "api_key": "k"}

        def answer_yes(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"id": "t-1", "decision": "pass"})

        def answer_no(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"id": "t-2", "decision": "fail", "failed": ["ssn"]})

Every case puts the canary (`proofing.testing.canary`) through the proofer and looks for her in logs, errors
and printed results. Some sixty hostile answers are tried in place of the vendor's, at each of its requests.
"""

import asyncio
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, ClassVar

import httpx

from proofing.base.errors import Cause, PluginError, VendorError
from proofing.contracts.applicant import ACCEPTED_TYPES, ATTRIBUTES, JURISDICTIONS, Applicant, DocumentType
from proofing.contracts.circumstances import CIRCUMSTANCES, Circumstances, Wanted
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest
from proofing.contracts.results import (
    RESULT_TYPES,
    DeviceResult,
    DocumentResult,
    Outcome,
    ProoferKind,
    ReviewStatus,
    VendorResult,
)
from proofing.registry.proofers import LoadedProofer
from proofing.rules.document_errors import OUTWEIGHED
from proofing.rules.documents import required_sides
from proofing.rules.image_check import inspect_image
from proofing.testing.canary import Canary
from proofing.testing.images import make_jpeg
from proofing.testing.vendor_checks import check_error, check_result, make_quietly, watch_logs
from proofing.testing.vendor_fakes import (
    Answer,
    FakeVendor,
    ask,
    close_proofer,
    make_context,
    make_process,
    open_proofer,
)
from proofing.testing.vendor_hostility import SLOW, hostile_answers, mutations

#: What a case may take before the suite says that a deadline does not hold.
_GIVE_UP_SECONDS = 10.0
#: The time limit in cases that only a deadline ends.
_SLOW_SECONDS = 0.05
#: Of a flow of several requests, how many are tried with hostile answers.
_MAX_STEPS = 4

#: How the canary came to the question.
_KNOWN = Circumstances(
    locale="en",
    consented_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    attempt_number=1,
    ip_address="192.0.2.33",
    user_agent="Mozilla/5.0 (X11; Linux x86_64)",
    device_session_id="7f5c6b1a-device-session",
)

_NAME = re.compile(r"[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*)?")
_HOST = re.compile(r"[a-z0-9.-]+(:\d+)?")

_LISTING = """
import sys
import proofing.contracts.hooks, proofing.contracts.proofers
before = set(sys.modules)
import {plugin} as plugin
plugin.proofing_proofers()
getattr(plugin, "proofing_settings", lambda: None)()
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(" ".join(sorted(loaded - sys.stdlib_module_names - {{"proofing", "pydantic", "{plugin}"}})))
"""


class ProoferContract:
    """What proofers of all kinds keep. Subclass the suite of a kind, not this.

    Attributes:
        plugin: the import name of the plugin.
        kind: of the proofer.
        proofer_name: as in its descriptor; needed only when the plugin has several of the kind.
        section: the plugin's section in settings.yaml.
        calls_out: False for a proofer that asks nobody, as mocks do.
        statuses_that_say_no: HTTP statuses by which this vendor says no. From any other status than a
            success, and from nonsense, a proofer must not read a no either: no answer is an error.
    """

    plugin: ClassVar[str]
    kind: ClassVar[ProoferKind]
    proofer_name: ClassVar[str | None] = None
    section: ClassVar[Mapping[str, Any]] = {}
    calls_out: ClassVar[bool] = True
    statuses_that_say_no: ClassVar[frozenset[int]] = frozenset()

    # What a subclass says

    def answer_yes(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002 - for subclasses
        """Return what the vendor answers to *request* when all is well."""
        raise AssertionError(f"answer_yes of {type(self).__name__} must say what the vendor answers")

    def answer_no(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002 - for subclasses
        """Return what the vendor answers when the applicant does not match."""
        raise AssertionError(f"answer_no of {type(self).__name__} must say what the vendor answers")

    def question(self, canary: Canary) -> ProofingRequest:
        """Return what the proofer is asked; override when your vendor needs more."""
        return ProofingRequest(
            applicant=canary.applicant.select(self.descriptor().attributes),
            circumstances=_KNOWN.select(self.descriptor().needs),
        )

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Return a question whose answer is no; override for a proofer that asks nobody."""
        return self.question(canary)

    # What the suite makes of it

    def descriptor(self) -> ProoferDescriptor:
        """Return the descriptor under test."""
        found = [
            descriptor
            for descriptor in import_module(self.plugin).proofing_proofers()
            if descriptor.kind is self.kind and self.proofer_name in {None, descriptor.name}
        ]
        assert len(found) == 1, f"{self.plugin} offers {len(found)} matching proofers; set proofer_name"
        one: ProoferDescriptor = found[0]
        return one

    def settings(self) -> Any:
        """Return the section as the plugin's schema reads it."""
        schema = getattr(import_module(self.plugin), "proofing_settings", lambda: None)()
        return schema.model_validate(dict(self.section)) if schema is not None else None

    async def ask(
        self,
        answer: Answer | None = None,
        request: ProofingRequest | None = None,
        *,
        canary: Canary | None = None,
        timeout_seconds: float = 5.0,
    ) -> tuple[VendorResult | VendorError | None, FakeVendor]:
        """Ask a fresh proofer, and return its answer or its error, checked, and the vendor it talked to."""
        canary = canary or Canary()
        vendor = FakeVendor(answer or self.answer_yes)
        descriptor, settings = self.descriptor(), self.settings()
        context = make_context(vendor, descriptor, settings, timeout_seconds=timeout_seconds)
        request = request or self.question(canary)
        proofer = descriptor.make(settings, make_process())
        with watch_logs(canary):
            try:
                async with asyncio.timeout(_GIVE_UP_SECONDS):
                    await open_proofer(proofer, context)
                    result = await ask(proofer, request, context)
                    await close_proofer(proofer)
            except VendorError as error:
                check_error(error, canary)
                return error, vendor
            except TimeoutError:
                raise AssertionError("the proofer outlives its deadline") from None
            except PluginError as error:
                # What it left pending is not sound.
                raise AssertionError(str(error)) from None
            except Exception as error:  # noqa: BLE001 - the very thing the suite looks for
                name, places = type(error).__name__, traceback.format_tb(error.__traceback__)
                raise AssertionError(f"a foreign {name} escaped:\n{''.join(places[-3:])}") from None
        if result is not None:
            check_result(result, RESULT_TYPES[self.kind], canary)
        return result, vendor

    # Cases

    def test_descriptor_is_whole(self) -> None:
        """The descriptor's names, hosts, limits and sets are of the right form."""
        descriptor, settings = self.descriptor(), self.settings()
        assert _NAME.fullmatch(descriptor.name)
        assert descriptor.attributes <= set(ATTRIBUTES)
        assert descriptor.needs <= set(CIRCUMSTANCES)
        hosts = descriptor.hosts(settings)
        assert isinstance(hosts, frozenset)
        assert all(_HOST.fullmatch(host) for host in hosts), "hosts are names, with a port at most"
        assert bool(hosts) is self.calls_out
        assert descriptor.timeout_seconds(settings) > 0
        assert descriptor.jurisdictions is None or descriptor.jurisdictions <= JURISDICTIONS

    def test_descriptor_needs_no_vendor_library(self) -> None:
        """Registering imports the standard library, `proofing` and pydantic, and nothing else."""
        done = subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-c", _LISTING.format(plugin=self.plugin)],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": ":".join(filter(None, sys.path))},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [], "import these where the proofer is made"

    def test_making_does_no_io(self) -> None:
        """A proofer is made without a running loop or a connection, and no secret setting is revealed.

        It has the methods that it must have, and those that it may have can be called.
        """
        descriptor, settings = self.descriptor(), self.settings()
        assert make_quietly(descriptor.make, settings) is not None
        try:
            _ = LoadedProofer(self.plugin, descriptor, settings, make_process).proofer
        except PluginError as error:
            raise AssertionError(str(error)) from None

    async def test_yes_is_a_passed_result(self) -> None:
        """The vendor's yes passes, with the declared attributes alone; only declared hosts are called."""
        result, vendor = await self.ask()
        assert isinstance(result, VendorResult), f"no result but {type(result).__name__}"
        assert result.passed
        assert bool(vendor.requests) is self.calls_out
        # A vendor that takes personal data in its URLs alone says so; then they are not logged by us.
        for request in [] if self.descriptor().personal_urls else vendor.requests:
            leaks = Canary().find_leaks(str(request.url))
            assert not leaks, f"a URL holds {leaks}; URLs are logged by everyone on the way"

    async def test_no_is_a_result(self) -> None:
        """The vendor's no is an answer, and no error; nor is it a review, which nobody decided."""
        canary = Canary()
        result, _vendor = await self.ask(self.answer_no, self.question_no(canary), canary=canary)
        assert isinstance(result, VendorResult), f"no result but {type(result).__name__}"
        assert result.outcome is Outcome.FAILED, f"the vendor's no is read as {result.outcome.value}"

    async def test_missing_attributes_are_typed(self) -> None:
        """An applicant of whom nothing is known is a result or a typed error."""
        await self.ask(request=ProofingRequest(applicant=Applicant()))

    async def test_people_with_one_name_pass(self) -> None:
        """Not everybody has two names: the vendor's yes passes without one of them."""
        canary = Canary()
        for name in {"first_name", "last_name"} & self.descriptor().attributes:
            question = self.question(canary)
            applicant = replace(question.applicant, **{name: None})
            result, vendor = await self.ask(request=replace(question, applicant=applicant), canary=canary)
            assert isinstance(result, VendorResult), f"without {name}: {type(result).__name__}"
            assert result.passed, f"without {name}"
            assert all(b"None" not in request.content for request in vendor.requests), "None is not a name"

    async def test_hostile_answers_are_no_answers(self) -> None:
        """Nonsense, at any request of the flow, is a typed error: neither a yes nor a no."""
        if not self.calls_out:
            return
        _result, vendor = await self.ask()
        faults = []
        for step in range(min(len(vendor.requests), _MAX_STEPS)):
            for name, hostile in hostile_answers():
                fault = await self._fault(_after(step, self.answer_yes, hostile), case=name)
                faults += [f"request {step + 1}, {name}: {fault}"] if fault else []
        assert not faults, "\n".join(faults)

    async def test_slow_answers_end_with_the_deadline(self) -> None:
        """What never ends by itself ends as a time-out."""
        if not self.calls_out:
            return
        for name, slow in SLOW.items():
            answer, _vendor = await self.ask(slow, timeout_seconds=_SLOW_SECONDS)
            timed_out = isinstance(answer, VendorError) and answer.cause is Cause.TIMEOUT
            assert timed_out, f"{name}: {answer!r}"

    async def test_bent_answers_are_typed(self) -> None:
        """A good answer with any one value missing, of another type, or full of PII is read with care."""
        if not self.calls_out:
            return
        canary = Canary()
        person = canary.applicant
        poison = f"{person.first_name} {person.last_name}, {person.ssn}: no such person"
        faults = []
        count = await self._count()
        for good in (self.answer_yes, self.answer_no):
            for name, bent in mutations(await self._last_answer(good), poison):
                fault = await self._fault(_bend_last(good, bent, count))
                faults += [f"{name}: {fault}"] if fault else []
        assert not faults, "\n".join(faults)

    async def test_an_idempotency_key_is_sent_where_promised(self) -> None:
        """A proofer that calls itself idempotent sends the vendor the key."""
        if not self.descriptor().idempotent:
            return
        _result, vendor = await self.ask()
        key = make_context(vendor, self.descriptor(), self.settings()).idempotency_key
        sent = b"".join(request.content + repr(request.headers.raw).encode() for request in vendor.requests)
        assert key.encode() in sent

    async def test_many_at_once_do_not_mix(self) -> None:
        """A proofer holds no state: one instance answers many questions at the same time."""
        descriptor, settings = self.descriptor(), self.settings()
        proofer = descriptor.make(settings, make_process())
        await open_proofer(proofer, make_context(FakeVendor(self.answer_yes), descriptor, settings))

        async def one(seed: int) -> VendorResult | None:
            context = make_context(FakeVendor(self.answer_yes), descriptor, settings)
            return await ask(proofer, self.question(Canary(seed)), context)

        results = await asyncio.gather(*(one(seed) for seed in range(20)))
        assert all(result is not None and result.passed for result in results)

    # Helpers

    async def _fault(self, answer: Answer, *, case: str | None = None) -> str | None:
        """Return what the proofer does wrong with *answer*; None when it handles it well.

        With the name of a hostile *case* any verdict is wrong, too.
        """
        try:
            result, _vendor = await self.ask(answer)
        except AssertionError as error:
            return str(error)
        if case is None or not isinstance(result, VendorResult) or result.outcome is Outcome.UNKNOWN:
            return None
        statuses = {f"status {status}" for status in self.statuses_that_say_no}
        if case in statuses and result.outcome is Outcome.FAILED:
            return None
        return f"read as {result.outcome.value}"

    async def _count(self) -> int:
        """Return how many requests a good flow takes."""
        _result, vendor = await self.ask()
        return len(vendor.requests)

    async def _last_answer(self, answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """Return the answer to the last request of a flow, the one that holds the verdict."""
        _result, vendor = await self.ask(answer)
        assert vendor.requests, "the proofer called nobody"
        return answer(vendor.requests[-1])


class ResolutionProoferContract(ProoferContract):
    """What resolution proofers keep."""

    kind = ProoferKind.RESOLUTION


class PhoneProoferContract(ProoferContract):
    """What phone proofers keep."""

    kind = ProoferKind.PHONE


class StateIDProoferContract(ProoferContract):
    """What state ID proofers keep."""

    kind = ProoferKind.STATE_ID


class DeviceProfilerContract(ProoferContract):
    """What device profilers keep."""

    kind = ProoferKind.DEVICE

    async def test_review_status_and_outcome_agree(self) -> None:
        """A pass is passed, and nothing else is."""
        for answer, question in (
            (self.answer_yes, self.question(Canary())),
            (self.answer_no, self.question_no(Canary())),
        ):
            result, _vendor = await self.ask(answer, question)
            assert isinstance(result, DeviceResult)
            assert result.passed is (result.review_status is ReviewStatus.PASS)


class DocumentProoferContract(ProoferContract):
    """What document proofers keep."""

    kind = ProoferKind.DOCUMENT

    def question(self, canary: Canary) -> ProofingRequest:
        """Return front and back of a document as JPEG."""
        return ProofingRequest(
            applicant=canary.applicant.select(self.descriptor().attributes),
            images={
                side: inspect_image(make_jpeg(comment=f"{side} {canary.seed}".encode()))
                for side in required_sides(passport=False, selfie=self.descriptor().needs_selfie)
            },
            wanted=Wanted(document_types=ACCEPTED_TYPES, selfie=self.descriptor().needs_selfie),
            circumstances=_KNOWN.select(self.descriptor().needs),
        )

    async def test_yes_tells_what_was_read(self) -> None:
        """A passed document has a type and an applicant, and no finding that makes its yes a no."""
        result, _vendor = await self.ask()
        assert isinstance(result, DocumentResult)
        assert result.applicant is not None
        assert result.applicant.reveal()
        assert result.document_type not in {None, DocumentType.OTHER}, "no type that is accepted"
        against = [finding.code for finding in result.findings if finding.code not in OUTWEIGHED]
        assert not against, f"a yes with {against} is judged as a no; leave out what it outweighs"


def _after(step: int, good: Answer, hostile: Answer) -> Answer:
    """Answer well *step* times, and hostile from then on."""
    count = 0

    def answer(request: httpx.Request) -> Any:
        nonlocal count
        count += 1
        return good(request) if count <= step else hostile(request)

    return answer


def _bend_last(good: Answer, bent: httpx.Response, count: int) -> Answer:
    """Answer well, except for the request number *count* and those after it."""
    return _after(count - 1, good, lambda _request: bent)
