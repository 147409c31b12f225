"""Stripe's own SDK: it asks what the adapter asks, reads our answers as the adapter does, and signs alike.

Its types are generated from Stripe's specification, so that they say which words there are.
"""

import json
from datetime import UTC, datetime
from typing import Literal, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import httpx
import pytest
import stripe
from stripe import SignatureVerificationError, Webhook, WebhookSignature
from stripe.identity import VerificationReport, VerificationSession
from tests.plugins.vendors.stripe.answers import (
    DOCUMENT,
    SECTION,
    SESSION,
    Asked,
    answering,
    refused,
    session,
    verified,
)
from tests.plugins.vendors.stripe.test_webhook import event

from proofing.contracts.continuation import EventKind
from proofing.contracts.webhooks import Incoming
from proofing_stripe import StripeSettings
from proofing_stripe.results import _ENDED, _NOS
from proofing_stripe.session import API_VERSION, DocumentReport, Redaction, Session
from proofing_stripe.webhook import StripeWebhook


class Transport(stripe.HTTPClient):
    """Gives the SDK our answers, and keeps what it asked."""

    name = "test"

    def __init__(self, body, status=200):
        """Answer *body*."""
        super().__init__()
        self.body, self.status, self.asked = body, status, []

    def request(self, method, url, headers, post_data=None, **_options):
        """Answer one request."""
        self.asked.append((method.upper(), url, headers, post_data))
        return json.dumps(self.body), self.status, {"request-id": "req_Invented01"}

    def close(self):
        """Nothing is open."""


def sdk(transport):
    """Return the SDK's client over our answers."""
    return stripe.StripeClient(
        SECTION["api_key"], http_client=transport, stripe_version=API_VERSION, max_network_retries=0
    ).v1.identity.verification_sessions


def words(of):
    """Return the words of a type of the SDK, however deep in it."""
    if get_origin(of) is Literal:
        return set(get_args(of))
    return set().union(*(words(part) for part in get_args(of)))


def test_the_version_is_that_of_the_sdk():
    """The answers are those of one version; with a new SDK read what changed."""
    assert stripe.api_version == API_VERSION


async def test_it_opens_the_session_that_the_adapter_opens():
    """The same call, parameters, key, version and idempotency key."""
    asked = Asked(answering(session()))
    await asked.open()
    (ours,) = asked.fake.requests
    transport = Transport(session())
    opened = sdk(transport).create(
        {
            "type": "document",
            "return_url": asked.context.return_url,
            "metadata": {"question_id": asked.context.question_id},
            "options": {
                "document": {
                    "require_live_capture": True,
                    "require_matching_selfie": True,
                    "allowed_types": ["driving_license", "id_card"],
                }
            },
        },
        {"idempotency_key": asked.context.idempotency_key},
    )
    ((method, url, headers, body),) = transport.asked
    assert (opened.id, opened.status) == (SESSION, "requires_input")
    assert (ours.method, str(ours.url)) == (method, url)
    assert parse_qsl(ours.content.decode()) == parse_qsl(body)
    for name in ("Authorization", "Stripe-Version", "Idempotency-Key", "Content-Type"):
        assert ours.headers[name] == headers[name]


async def test_it_fetches_and_reads_what_the_adapter_does():
    """Every value of the result is where the SDK has it."""
    asked = Asked(answering(verified()))
    result = await asked.resume()
    ours = asked.fake.requests[1]
    transport = Transport(verified())
    expanded = [value for _name, value in parse_qsl(ours.url.query.decode())]
    found = sdk(transport).retrieve(SESSION, {"expand": expanded})
    ((method, url, _headers, _body),) = transport.asked
    address, _, query = url.partition("?")
    assert (ours.method, f"https://{ours.url.host}{ours.url.path}") == (method, address)
    assert [value for _name, value in parse_qsl(query)] == expanded
    assert isinstance(found, VerificationSession)
    report = found.last_verification_report
    assert isinstance(report, VerificationReport)
    document, read = report.document, result.applicant
    assert (document.first_name, document.last_name) == (read.first_name, read.last_name)
    assert (document.number, document.address.line1) == (read.state_id_number, read.address1)
    born = document.dob
    assert f"{born.year}-{born.month:02d}-{born.day:02d}" == read.dob
    assert (report.selfie.status, found.metadata["question_id"]) == ("verified", "q" * 48)


async def test_it_redacts_as_the_adapter_does():
    """The same call, whose answer says that the session is redacted."""
    redacting = session(redaction={"status": "processing"}, metadata={})
    asked = Asked(
        lambda request: httpx.Response(200, json=redacting if "redact" in str(request.url) else session())
    )
    assert await asked.proofer.forget(await asked.open(), asked.context)
    ours = asked.fake.requests[-1]
    transport = Transport(redacting)
    assert sdk(transport).redact(SESSION).redaction.status == "processing"
    ((method, url, _headers, _body),) = transport.asked
    assert (ours.method, str(ours.url)) == (method, url)


def test_every_word_of_a_redaction_is_read():
    """No word more, and none less."""
    known = words(get_type_hints(VerificationSession.Redaction)["status"])
    assert known == words(Redaction.model_fields["status"].annotation)


def test_refusals_are_the_sdks():
    """Its `last_error` has the code that the adapter reads."""
    found = sdk(Transport(refused("selfie_face_mismatch"))).retrieve(SESSION)
    assert found.last_error.code == "selfie_face_mismatch"


def test_every_error_code_of_the_sdk_has_a_meaning():
    """And one more, which its texts name alone."""
    known = words(get_type_hints(VerificationSession.LastError)["code"])
    assert known | {"document_type_not_allowed"} == _NOS.keys() | _ENDED


def test_every_status_of_the_sdk_is_read():
    """No word more, and none less."""
    hints = {
        "status": get_type_hints(VerificationSession, localns={"VerificationReport": VerificationReport})[
            "status"
        ],
        "type": get_type_hints(VerificationReport.Document)["type"],
        "sex": get_type_hints(VerificationReport.Document)["sex"],
        "document": get_type_hints(VerificationReport.Document)["status"],
    }
    assert words(hints["status"]) == words(Session.model_fields["status"].annotation)
    assert words(hints["type"]) == words(DocumentReport.model_fields["type"].annotation)
    assert words(hints["document"]) == words(DocumentReport.model_fields["status"].annotation)
    # A redacted session is refused as a whole.
    assert words(hints["sex"]) - {"[redacted]"} == words(DocumentReport.model_fields["sex"].annotation)


def test_our_example_is_a_document_of_the_sdk():
    """Every field that is read is one of its own."""
    fields = get_type_hints(VerificationReport.Document).keys()
    assert DocumentReport.model_fields.keys() <= fields
    assert DOCUMENT.keys() <= fields


def test_what_it_signs_is_believed():
    """And what our tests sign it believes."""
    body = json.dumps(event()).encode()
    header = WebhookSignature.generate_signature_header(body.decode(), SECTION["webhook_secret"])
    webhook = StripeWebhook(StripeSettings.model_validate(SECTION))
    incoming = Incoming(headers={"stripe-signature": header}, body=body)
    found, _reply = webhook.receive(incoming, datetime.now(UTC))
    read = Webhook.construct_event(body, header, SECTION["webhook_secret"])
    assert (found.kind, found.id) == (EventKind.READY, read.id)
    assert read.data.object.metadata["question_id"] == found.question_id
    with pytest.raises(SignatureVerificationError):
        Webhook.construct_event(body, header, "whsec_another")
