"""People whose values are unmistakable, and the ways in which their jobs end."""

import base64
import html
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import yaml

from proofing.cli.smoke import SmokeError, Walk
from proofing.testing.canary import Canary
from proofing.testing.images import make_jpeg

#: Few birth dates, because their eight digits are found by chance in the hex of a thousand MACs and ids.
BIRTH_DATES = ("1941-07-29", "1953-11-17", "1968-02-23")
#: A resolution vendor that breaks its contract, each time with the applicant in hand, when the name says so.
#: It is loaded before a process hides its variables from other processes of its user (`protect_process`), and
#: so can keep those that the process was started with, and those it has at its end.
PLUGIN = '''
"""The mock resolution vendor, which notes whom it was asked about, and breaks in many ways.

It sends some people to a page of its own, and puts whom it knows into every field that the contract has for
that: the address of the page, the QR code, its own id of the question, what it keeps, and its events.
"""

import asyncio
import atexit
import datetime
import hashlib
import json
import os
import urllib.parse
import urllib.request
from dataclasses import replace
from pathlib import Path

from proofing.base.errors import Cause, VendorError
from proofing.contracts.continuation import Again, Event, EventKind, Leave, Pending, Received
from proofing.contracts.hooks import hookimpl
from proofing.contracts.results import Match, Outcome, ResolutionResult
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.contracts.webhooks import NotAuthenticError, Reply, WebhookDescriptor
from proofing_mock import MockSettings
from proofing_mock.proofers import ResolutionMock


def keep(seen):
    """Write the variables of this process to the folder *seen*, as it got them and as they are at its end."""

    def keep_last():
        last = b"\\0".join(name + b"=" + value for name, value in os.environb.items())
        (seen / f"{os.getpid()}.environ-at-end").write_bytes(last)

    (seen / f"{os.getpid()}.environ").write_bytes(Path("/proc/self/environ").read_bytes())
    atexit.register(keep_last)


if "CANARY_SEEN" in os.environ:
    keep(Path(os.environ["CANARY_SEEN"]))


class Clumsy(ResolutionMock):
    async def proof(self, request, context):
        known = request.applicant.reveal()
        with open(os.environ["CANARY_INBOX"], "a") as file:
            file.write(hashlib.sha256(known["ssn"].encode()).hexdigest() + "\\n")
        name = known["first_name"]
        if "Raises" in name:
            raise ValueError(f"cannot read {known}")
        if "Looks" in name:
            return {}[known["ssn"]]
        if "Leaves" in name:
            raise SystemExit(str(known))
        if "Groups" in name:
            raise ExceptionGroup(str(known), [RuntimeError(known["ssn"])])
        if "Texts" in name:
            return str(known)
        if "Words" in name:
            return ResolutionResult(vendor_name="clumsy", outcome=str(known))
        if "Mixes" in name:
            mixed = {known["first_name"]: Match.MATCH, 7: Match.MISMATCH}
            return ResolutionResult(vendor_name="clumsy", outcome=Outcome.PASSED, attributes=mixed)
        if "Strays" in name:
            await context.http.get("https://elsewhere.example/" + known["ssn"] + "?name=" + name)
        if "Hangs" in name:
            await asyncio.Event().wait()
        if "Waits" in name:
            later = context.now() + datetime.timedelta(minutes=5)
            return Pending(state={"asked": known}, then=Again(1), expires_at=later)
        if "Visits" in name:
            return await self.send_away(known, context)
        return await super().proof(request, context)

    async def send_away(self, known, context):
        reference = f"{known['ssn']}/{known['last_name']}"
        values = {"reference": reference, "person": json.dumps(known), "back": context.return_url}
        page = "https://visit.example/" + name_of(known) + "?" + urllib.parse.urlencode(values)
        if "Soon" in known["first_name"]:
            # Before core can know the reference.
            event = {"id": "soon " + reference, "reference": reference, "data": known}
            address = context.return_url.partition("/return/")[0] + "/webhooks/clumsy"
            headers = {"x-signature": known["ssn"]}
            post = urllib.request.Request(address, json.dumps(event).encode(), headers)
            await asyncio.to_thread(lambda: urllib.request.urlopen(post, timeout=3).close())
        return Pending(
            state={"asked": known, "page": page},
            then=Leave(page, page),
            expires_at=context.now() + datetime.timedelta(minutes=30),
            reference=reference,
        )

    async def resume(self, request, pending, because, context):
        name = request.applicant.first_name
        if "Badly" in name:
            raise ValueError(f"cannot continue with {pending.state}, {because}")
        if "Gone" in name:
            raise VendorError(Cause.ABANDONED, str(pending.state), codes=("gone",), vendor_name="clumsy")
        if "Visits" in name and not isinstance(because, Received):
            return replace(pending, state={**pending.state, "again": str(pending.state)})
        if isinstance(because, Received):
            assert because.event.data["ssn"] == request.applicant.ssn
        return await super().proof(request, context)


def name_of(known):
    return urllib.parse.quote(known["first_name"] + " " + known["last_name"])


class Posts:
    def receive(self, incoming, now):
        try:
            values = json.loads(incoming.body)
        except ValueError:
            raise ValueError(f"cannot read {incoming.body}") from None
        if incoming.headers.get("x-signature") != values["data"]["ssn"]:
            raise NotAuthenticError(f"not of {values}")
        return Event(kind=EventKind.READY, **values), Reply()


@hookimpl
def proofing_webhooks():
    return [WebhookDescriptor(name="clumsy", make=lambda *_: Posts())]


@hookimpl
def proofing_proofers():
    attributes = "first_name last_name dob ssn address1 address2 city state zipcode".split()
    return [
        ProoferDescriptor(
            name="clumsy",
            kind=ProoferKind.RESOLUTION,
            make=lambda *_: Clumsy(MockSettings()),
            attributes=frozenset(attributes),
            timeout_seconds=lambda _settings: 4.0,
            continues=frozenset({Again, Leave}),
            webhook="clumsy",
            maturity=Maturity.MOCK,
        )
    ]
'''


class WrongKey(Walk):
    """A browser that submits another key than it encrypted with."""

    async def _json(self, path, body, headers):
        if path == "/api/document":
            body = {**body, "key": base64.b64encode(secrets.token_bytes(32)).decode()}
        return await super()._json(path, body, headers)


class NoUpload(Walk):
    """A browser that says it has uploaded, and has not."""

    async def _upload(self, form, images):
        async def put(*_arguments, **_named):
            return httpx.Response(200)

        self._client.put = put
        await super()._upload(form, images)


class Again(Walk):
    """A person who submits the image again that has failed."""

    async def _document(self):
        await super()._document()
        await self._follow()
        await self._get("/document")
        await super()._document()


class Visits(Walk):
    """A person who visits the vendor's page, from which the vendor posts, and comes back."""

    async def _follow(self):
        if self._path == "/verify/wait":
            await self._visit(await self._link())
        await super()._follow()

    async def _link(self):
        """Wait for the link to the vendor, and return what is in its query."""
        result_id = self._parse().wait["data-result-id"]
        async with self._client.stream("GET", f"/api/jobs/{result_id}/events") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:") and json.loads(line[5:])["state"] in {"away", "done"}:
                    break
        await self._get("/verify/wait")
        address = re.search(r'href="(https://visit\.example/[^"]+)"', self._page)
        assert address is not None, "there is no link to the vendor"
        return dict(parse_qsl(urlsplit(html.unescape(address[1])).query))

    async def _visit(self, values):
        """Have the vendor post what came of the visit, and garbage and a forgery before, then return."""
        known = json.loads(values["person"])
        event = {"id": f"{known['ssn']} is ready", "reference": values["reference"], "data": known}
        for body, signature, status in (
            (values["person"][:-1], known["ssn"], 500),
            (json.dumps(event), "forged", 401),
            (json.dumps(event), known["ssn"], 200),
            (json.dumps(event), known["ssn"], 200),
        ):
            answer = await self._client.post(
                "/webhooks/clumsy", content=body, headers={"x-signature": signature}
            )
            assert answer.status_code == status, (answer.status_code, status)
        await self._get(urlsplit(values["back"]).path)


class Stays(Visits):
    """A person who is still at the vendor in the end."""

    async def _visit(self, values):
        raise SmokeError("left")


class GoesBack(Visits):
    """A person who comes back before the vendor posts."""

    async def _visit(self, values):
        await self._get(urlsplit(values["back"]).path)
        await super()._visit(values)


# What is done to the message of a job that our web process submits.


def tampered(message):
    """Change one bit of the sealed arguments."""
    sealed = message.encrypted_arguments
    return replace(message, encrypted_arguments=sealed[:-1] + bytes([sealed[-1] ^ 1]))


#: Job class, end and outcome, as the summary line of a job has them.
End = tuple[str, str, str]
DOCUMENT_PASSED: End = ("ProofDocument", "done", "passed")
RESOLUTION_PASSED: End = ("ProofResolution", "done", "passed")
ADDRESS_PASSED: End = ("ProofAddress", "done", "passed")
CODE_SENT: End = ("SendCode", "done", "passed")


@dataclass(frozen=True)
class Cause:
    """One way for a person's jobs to end.

    Attributes:
        ends: of each of the jobs.
        changes: attributes that the person has instead; ``{}`` in a text becomes a number of their own.
        read: what the document vendor reads instead.
        form: further keys of the testers' form.
        wrap: makes the file that is uploaded of the form.
        walk: how the person goes through the pages; None: our web process submits the resolution job.
        alter: what is done to that job's message.
        device: the session of the device profiler.
    """

    ends: tuple[End, ...]
    changes: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    wrap: Callable[[bytes], bytes] = bytes
    walk: type[Walk] | None = Walk
    alter: Callable[[Any], Any] | None = None
    device: str = "pass"


def at_document(end="done", outcome="failed", **facts):
    """Return a cause that stops people at their document."""
    return Cause(ends=(("ProofDocument", end, outcome),), **facts)


def at_resolution(end="done", outcome="failed", **facts):
    """Return a cause that stops people at their resolution."""
    return Cause(ends=(DOCUMENT_PASSED, ("ProofResolution", end, outcome)), **facts)


def at_phone(phone, end="done", outcome="failed"):
    """Return a cause that stops people at their phone."""
    ends = (DOCUMENT_PASSED, RESOLUTION_PASSED, ("ProofAddress", end, outcome))
    return Cause(ends=ends, changes={"phone": phone})


def at_code(phone, end="done", outcome="failed"):
    """Return a cause that stops people at their confirmation code."""
    ends = (DOCUMENT_PASSED, RESOLUTION_PASSED, ADDRESS_PASSED, ("SendCode", end, outcome))
    return Cause(ends=ends, changes={"phone": phone})


def handed_in(end, **facts):
    """Return a cause that no person can bring about; *end* None: the job never runs."""
    ends = (("ProofResolution", end, "unknown"),) if end else ()
    return Cause(ends=ends, walk=None, **facts)


def named(name, end="plugin_error"):
    """Return a cause that a name brings about at the resolution vendor."""
    return at_resolution(end, "unknown", changes={"first_name": f"Qx{name}vzk{{}}"})


def broken_image(form):
    """Return an image without an end, with the form inside."""
    return make_jpeg(comment=form)[:-2]


PASSES = Cause(ends=(DOCUMENT_PASSED, RESOLUTION_PASSED, ADDRESS_PASSED, CODE_SENT))
FAILURES: dict[str, Cause] = {
    "forged": at_document(
        form={"doc_auth_result": "Failed", "failed_alerts": [{"name": "Visible Pattern", "result": "Failed"}]}
    ),
    # The second time it is refused without the vendor.
    "submitted again": Cause(
        ends=(("ProofDocument", "done", "failed"), ("ProofDocument", "bad_image", "unknown")),
        walk=Again,
        form={"doc_auth_result": "Failed", "failed_alerts": [{"name": "Layout Valid", "result": "Failed"}]},
    ),
    "unreadable": at_document(wrap=lambda form: form + b"nonsense: [\n"),
    "underage": at_document(read={"dob": "2015-03-14"}),
    "no street": at_document(read={"address1": None}),
    "no ZIP code": at_document(read={"zipcode": "5901"}),
    "expired": at_document(read={"state_id_expiration": "2001-12-31"}),
    "blurred": at_document(form={"image_metrics": {"front": {"SharpnessMetric": 10}}}),
    "not taken": at_document(form={"classification_info": {"Front": {"ClassName": "Tribal Identification"}}}),
    "image refused": at_document(form={"http_status": {"front": 438}}),
    "document vendor away": at_document("vendor_exception", "unknown", form={"http_status": {"result": 500}}),
    "broken image": at_document("bad_image", "unknown", wrap=broken_image),
    "never uploaded": at_document("bad_image", "unknown", walk=NoUpload),
    "another key": at_document("decrypt_error", "unknown", walk=WrongKey),
    "resolution vendor away": named("fail", "vendor_exception"),
    "resolution vendor late": named("time", "vendor_exception"),
    "resolution vendor's nonsense": named("parse", "vendor_exception"),
    "name unknown": at_resolution(changes={"first_name": "Qxbadvzk{}"}),
    "SSN unknown": at_resolution(changes={"ssn": "98765{:04}"}),
    "ZIP code unknown": at_resolution(changes={"zipcode": "00000-7{:03}"}),
    # Too short to be searched for: a row of zeros is found in any number.
    "license unknown": at_resolution(changes={"state_id_number": "0000"}),
    "licensing agency late": at_resolution(
        "state_id_exception", "unknown", changes={"state_id_number": "mvatimeout"}
    ),
    "plugin raises": named("Raises"),
    "plugin looks up": named("Looks"),
    "plugin exits": named("Leaves"),
    "plugin raises a group": named("Groups"),
    "plugin answers a text": named("Texts"),
    "plugin answers wrong words": named("Words"),
    "plugin answers what breaks the rules": named("Mixes", "internal_error"),
    "plugin calls elsewhere": named("Strays", "vendor_exception"),
    "plugin hangs": named("Hangs", "vendor_exception"),
    "plugin answers later": replace(PASSES, changes={"first_name": "QxWaitsvzk{}"}),
    "plugin fails later": named("WaitsBadly"),
    "person visits": replace(PASSES, changes={"first_name": "QxVisitsvzk{}"}, walk=Visits),
    "person comes back early": replace(PASSES, changes={"first_name": "QxVisitsvzkBack{}"}, walk=GoesBack),
    "event comes early": replace(PASSES, changes={"first_name": "QxVisitsSoonvzk{}"}),
    "vendor fails after the visit": replace(named("VisitsBadly"), walk=Visits),
    "person gives up": replace(named("VisitsGone", "vendor_exception"), walk=Visits),
    "person stays there": Cause(
        ends=(DOCUMENT_PASSED,), changes={"first_name": "QxVisitsStaysvzk{}"}, walk=Stays
    ),
    "phone unknown": at_phone("7035555555"),
    "phone vendor late": at_phone("7035555888", "vendor_exception", "unknown"),
    "phone vendor away": at_phone("7035555999", "vendor_exception", "unknown"),
    "internet phone": at_phone("7035550183"),
    "opted out": at_code("7035550181"),
    "messenger late": at_code("7035550188", "vendor_exception", "unknown"),
    "messenger away": at_code("7035550189", "vendor_exception", "unknown"),
    "device profiler away": handed_in("device_exception", device="no_result"),
    "stale": handed_in("stale", alter=lambda message: replace(message, stale_after_seconds=0.0)),
    "deadline over": handed_in("timed_out", alter=lambda message: replace(message, deadline_seconds=1e-6)),
    "of another version": handed_in("unreadable", alter=lambda message: replace(message, schema_version=99)),
    "tampered": handed_in("decrypt_error", alter=tampered),
    "canceled": handed_in(None, alter=lambda message: replace(message, delay_seconds=60.0)),
}


@dataclass(frozen=True)
class Guest:
    """One person, and how it will end.

    Attributes:
        codes: that were sent to them.
        tokens: of the link with which a relying party sends them; empty for who comes alone.
    """

    canary: Canary
    cause: Cause
    codes: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    @property
    def secrets(self) -> Canary:
        """The canary, with the codes that were sent to them, and the token of their link."""
        codes = {f"code {number}": code for number, code in enumerate(self.codes)}
        tokens = {f"link {number}": token for number, token in enumerate(self.tokens)}
        return replace(self.canary, extra={**self.canary.extra, **codes, **tokens})

    @property
    def is_sent(self) -> bool:
        """Whether a relying party sends them."""
        return "subject" in self.canary.extra

    @property
    def is_asked_about(self) -> bool:
        """Whether the resolution vendor is asked about them in the flow."""
        return self.cause.walk is not None and DOCUMENT_PASSED in self.cause.ends

    def form(self) -> bytes:
        """Return the testers' document form."""
        known = self.canary.applicant.reveal()
        names = (
            "first_name last_name dob address1 address2 city state zipcode "
            "state_id_number state_id_jurisdiction document_type_received"
        ).split()
        form = {"document": {**{name: known[name] for name in names}, **self.cause.read}, **self.cause.form}
        return yaml.safe_dump(form).encode()


@pytest.fixture(scope="session")
def guests() -> Callable[[int], list[Guest]]:
    """Return a maker of people: two who pass and one for each cause of failure, so many rounds of them."""
    return make_guests


def make_guests(rounds: int) -> list[Guest]:
    """Make *rounds* of people."""
    people = []
    for cause in [PASSES, PASSES, *FAILURES.values()] * rounds:
        number = len(people)
        changes = {name: text.format(number) for name, text in cause.changes.items()}
        changes.setdefault("dob", BIRTH_DATES[number % len(BIRTH_DATES)])
        known = {name: f"{name}-{secrets.token_hex(8)}" for name in ("subject", "metadata")}
        extra = known if cause.walk and number % 2 else {}
        people.append(Guest(Canary(seed=number, changes=changes, extra=extra), cause))
    return people


@pytest.fixture(scope="session")
def clumsy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the clumsy vendor as any distribution would, and return where: a module and its entry point."""
    plugins = tmp_path_factory.mktemp("plugins")
    facts = plugins / "clumsy-1.0.dist-info"
    facts.mkdir()
    (plugins / "proofing_clumsy.py").write_text(PLUGIN)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: clumsy\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[proofing]\nclumsy = proofing_clumsy\n")
    return plugins
