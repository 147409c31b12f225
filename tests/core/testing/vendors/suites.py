"""The suites of the honest plugins of `plugins`, each with everything that its vendor documents."""

import hashlib
import hmac
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import httpx

from proofing.plugin import Cause, DocumentType, Incoming, Match, Outcome, ReviewStatus, SelfieCheck
from proofing.testing.vendors import (
    DeviceProfilerContract,
    DocumentProoferContract,
    Example,
    PhoneProoferContract,
    ResolutionProoferContract,
    StateIDProoferContract,
    Ticket,
)

PLUGINS = Path(__file__).parent / "plugins"
KEY, OLD_KEY = "a-key-that-nobody-has-1", "a-key-from-before-222222"
MATCH, MISMATCH, UNAVAILABLE = Match.MATCH, Match.MISMATCH, Match.UNAVAILABLE


def make_plugin(shape: str, *changes: tuple[str, str]) -> str:
    """Make the plugin *shape* with its source changed, and return its import name."""
    source = (PLUGINS / f"{shape}.py").read_text()
    for old, new in changes:
        assert source.count(old) >= 1, f"{shape} has no {old!r}"
        source = source.replace(old, new)
    name = f"proofing_made_{shape}"
    module = ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)  # noqa: S102 - our own text
    sys.modules[name] = module
    return name


def responding(code: int = 200, /, **body: object) -> httpx.Response:
    """Return a JSON answer."""
    return httpx.Response(code, json=body)


class Answer(ResolutionProoferContract):
    """`plugins/answer.py`."""

    __test__ = False
    plugin = "proofing_made_answer"
    section: ClassVar = {"client": KEY}
    token = responding(token="a-token-of-the-vendor")
    answers: ClassVar = {
        "yes": Example(
            [
                token,
                responding(id="c-1", verdict="pass", fields={"first": "yes", "last": "yes", "number": "yes"}),
            ],
            Outcome.PASSED,
            {"first_name": MATCH, "last_name": MATCH, "ssn": MATCH},
        ),
        "no": Example(
            [
                token,
                responding(
                    id="c-2", verdict="fail", fields={"first": "yes", "last": "nodata", "number": "no"}
                ),
            ],
            Outcome.FAILED,
            {"first_name": MATCH, "last_name": UNAVAILABLE, "ssn": MISMATCH},
            ("ssn_mismatch",),
        ),
        "manual": Example([token, responding(id="c-3", verdict="manual", fields={})], Outcome.REVIEW),
        "an error": Example([token, responding(error={"code": "E1"})], Cause.NONSENSE),
        "bad client": Example(responding(401), Cause.AUTHENTICATION),
    }


def soap(number: str, last: str, birth: str, locator: str = "L-20261") -> httpx.Response:
    """Return a SOAP answer."""
    return httpx.Response(
        200,
        headers={"content-type": "text/xml; charset=utf-8"},
        content=f"""<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><r:VerifyResponse xmlns:r="urn:soapy">
<r:LocatorId>{locator}</r:LocatorId><r:NumberMatch>{number}</r:NumberMatch><r:LastNameMatch>{last}</r:LastNameMatch>
<r:BirthDateMatch>{birth}</r:BirthDateMatch><r:Note>served by node 7</r:Note>
</r:VerifyResponse></s:Body></s:Envelope>""",
    )


FAULT = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
<faultcode>s:Server</faultcode><faultstring>down</faultstring></s:Fault></s:Body></s:Envelope>"""


class Soap(StateIDProoferContract):
    """`plugins/soap.py`."""

    __test__ = False
    plugin = "proofing_made_soap"
    section: ClassVar = {"password": KEY}
    answers: ClassVar = {
        "yes": Example(
            soap("true", "true", "true"),
            Outcome.PASSED,
            {"state_id_number": MATCH, "last_name": MATCH, "dob": MATCH},
        ),
        "no": Example(
            soap("true", "true", "false", "L-20262"),
            Outcome.FAILED,
            {"state_id_number": MATCH, "last_name": MATCH, "dob": MISMATCH},
            ("dob_mismatch",),
        ),
        "no locator": Example(soap("true", "true", "true", ""), Cause.NONSENSE),
        "a fault": Example(
            httpx.Response(200, headers={"content-type": "text/xml"}, content=FAULT), Cause.SOURCE_DOWN
        ),
    }


class Polling(PhoneProoferContract):
    """`plugins/polling.py`."""

    __test__ = False
    plugin = "proofing_made_polling"
    section: ClassVar = {"api_key": KEY}
    started, running = responding(201, id="chk_1", status="running"), responding(id="chk_1", status="running")
    answers: ClassVar = {
        "yes": Example(
            [started, running, responding(id="chk_1", status="verified")], Outcome.PASSED, {"phone": MATCH}
        ),
        "no": Example(
            [started, responding(id="chk_1", status="refused", detail="line_type_voip")],
            Outcome.FAILED,
            {"phone": MISMATCH},
            ("phone_mismatch",),
        ),
        "unclear": Example(
            [started, responding(id="chk_1", status="unclear")], Outcome.UNKNOWN, {"phone": UNAVAILABLE}
        ),
    }


def session(request: httpx.Request, status: str, **more: object) -> httpx.Response:
    """Return a session of the hosted vendor, which was just opened, or is fetched."""
    page = "https://verify.harbor.example/s/ver_1"
    if request.method == "POST":
        return responding(201, id="ver_1", status="created", url=page)
    return responding(id="ver_1", status=status, url=page, **more)


READ = {"type": "license", "given": "Fakey", "family": "McFakerson"}


class Hosted(DocumentProoferContract):
    """`plugins/hosted.py`."""

    __test__ = False
    plugin = "proofing_made_hosted"
    section: ClassVar = {"api_key": KEY + "-api", "webhook_secret": KEY, "webhook_previous_secret": OLD_KEY}
    webhook_secrets = ("webhook_secret", "webhook_previous_secret")
    answers: ClassVar = {
        "yes": Example(
            lambda request: session(request, "approved", document=READ),
            Outcome.PASSED,
            facts={"document_type": DocumentType.DRIVERS_LICENSE},
        ),
        "no": Example(lambda request: session(request, "declined"), Outcome.FAILED),
        "review": Example(lambda request: session(request, "review"), Outcome.REVIEW),
        "expired": Example(lambda request: session(request, "expired"), Cause.ABANDONED),
    }

    def signed_event(self, ticket: Ticket) -> Incoming:
        """Sign as the vendor does."""
        body = ticket.body
        if body is None:
            body = json.dumps({"id": "evt_1", "data": {"external_id": ticket.question_id}}).encode()
        at = str(int(ticket.at.timestamp()))
        mac = hmac.new(ticket.secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        return Incoming(
            headers={"content-type": "application/json", "harbor-signature": f"t={at},v1={mac}"}, body=body
        )


def present(status: str):
    """Return what posts a presentation that fits its question."""

    def post(pending) -> bytes:
        claims = {"status": status, "given": "Fakey", "family": "McFakerson", "id": "cred_1"}
        signed = json.dumps(claims, sort_keys=True).encode() + pending.state["nonce"].encode()
        proof = hmac.new(KEY.encode(), signed, "sha256").hexdigest()
        return json.dumps({"claims": claims, "proof": proof}).encode()

    return post


class Wallet(DocumentProoferContract):
    """`plugins/exchange.py`."""

    __test__ = False
    plugin = "proofing_made_exchange"
    section: ClassVar = {"issuer_secret": KEY}
    calls_out = False
    answers: ClassVar = {
        "yes": Example(None, Outcome.PASSED, posted=present("valid")),
        "no": Example(None, Outcome.FAILED, posted=present("revoked")),
        "no answer": Example(None, Cause.ABANDONED),
    }


def scan(number: int, result: str, selfie: str = "Match", *alerts: str) -> httpx.Response:
    """Return what the document vendor answers."""
    document = {"class": "DL", "given": "Fakey", "family": "McFakerson"}
    return responding(
        id=f"doc_{number}", result=result, selfie=selfie, alerts=list(alerts), document=document
    )


class Documents(DocumentProoferContract):
    """`plugins/documents.py`."""

    __test__ = False
    plugin = "proofing_made_documents"
    section: ClassVar = {"signing_key": KEY}
    answers: ClassVar = {
        "yes": Example(
            scan(1, "Passed"), Outcome.PASSED, facts={"document_type": DocumentType.DRIVERS_LICENSE}
        ),
        "a yes with glare": Example(scan(2, "Passed", "Match", "Glare"), Outcome.PASSED),
        "no": Example(scan(3, "Failed", "Match", "Expiration"), Outcome.FAILED),
        "spoof": Example(scan(4, "Failed", "Spoof"), Outcome.FAILED, facts={"selfie": SelfieCheck.NOT_LIVE}),
        "attention": Example(scan(5, "Attention"), Outcome.REVIEW),
    }

    def assert_signed(self, request: httpx.Request) -> None:
        """Compare the signature."""
        mac = hmac.new(KEY.encode(), request.content, "sha256").hexdigest()
        assert request.headers["x-signature"] == mac, "x-signature is not over the body"


def score(status: str, points: int) -> httpx.Response:
    """Return what the device vendor answers."""
    return responding(
        request_id=f"req_{points}", request_result="success", review_status=status, policy_score=points
    )


class Sdk(DeviceProfilerContract):
    """`plugins/sdk.py`."""

    __test__ = False
    plugin = "proofing_made_sdk"
    section: ClassVar = {"api_key": KEY}
    answers: ClassVar = {
        "yes": Example(score("pass", 40), Outcome.PASSED, facts={"review_status": ReviewStatus.PASS}),
        "no": Example(score("reject", -80), Outcome.FAILED, reasons=("device_reject",)),
        "review": Example(score("review", -10), Outcome.REVIEW, reasons=("device_review",)),
    }


SUITES = {
    "answer": Answer,
    "soap": Soap,
    "polling": Polling,
    "hosted": Hosted,
    "exchange": Wallet,
    "documents": Documents,
    "sdk": Sdk,
}
