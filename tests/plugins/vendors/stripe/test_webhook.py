"""The webhook: what is believed, and what is not."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.plugins.vendors.stripe.answers import QUESTION, SECTION, session

from proofing.contracts.continuation import EventKind
from proofing.contracts.webhooks import Incoming, NotAuthenticError
from proofing.testing.vendor_fakes import make_process
from proofing_stripe import StripeSettings, proofing_webhooks
from proofing_stripe.webhook import StripeWebhook

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECRET, PREVIOUS, FOREIGN = SECTION["webhook_secret"], "whsec_InventedSecretFromBefore00", "whsec_" + "x" * 26
WEBHOOK = StripeWebhook(StripeSettings.model_validate({**SECTION, "webhook_previous_secret": PREVIOUS}))


def event(kind="identity.verification_session.verified", about=None, **changes):
    """Return an event as Stripe writes it."""
    return {
        "id": "evt_1Invented01",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1796000200,
        "data": {"object": session("verified") if about is None else about},
        "livemode": False,
        "type": kind,
        **changes,
    }


def mac(body, secret=SECRET, at=NOW):
    """Return a signature, computed apart from the code under test."""
    return hmac.new(secret.encode(), f"{int(at.timestamp())}.".encode() + body, hashlib.sha256).hexdigest()


def post(value=None, header=None, at=NOW):
    """Return a post; by default it is signed as Stripe does."""
    body = json.dumps(event() if value is None else value, indent=2).encode()
    header = header or f"t={int(at.timestamp())},v1={mac(body, at=at)},v0={'0' * 64}"
    return Incoming(headers={"stripe-signature": header}, body=body)


def signed(*secrets):
    """Return a post that is signed with each of *secrets*, as while one is rolled."""
    macs = ",".join(f"v1={mac(post().body, secret)}" for secret in secrets)
    return post(header=f"t={int(NOW.timestamp())},{macs}")


@pytest.mark.parametrize("secrets", [[SECRET], [PREVIOUS], [FOREIGN, SECRET], [SECRET, PREVIOUS]])
def test_signed_with_one_of_our_secrets(secrets):
    """While a secret is rolled Stripe sends a signature of each."""
    found, reply = WEBHOOK.receive(signed(*secrets), NOW)
    assert (found.kind, found.id, found.question_id) == (EventKind.READY, "evt_1Invented01", QUESTION)
    assert (found.data, found.reference, reply.status) == ({}, None, 200)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("created", EventKind.OTHER),
        ("processing", EventKind.PROGRESS),
        ("verified", EventKind.READY),
        ("requires_input", EventKind.READY),
        ("canceled", EventKind.ABANDONED),
        ("redacted", EventKind.OTHER),
        ("framed", EventKind.OTHER),
    ],
)
def test_kinds(kind, wanted):
    """What Stripe may add later is an event, too."""
    found, _reply = WEBHOOK.receive(post(event(f"identity.verification_session.{kind}")), NOW)
    assert found.kind is wanted


BODY = post().body
STAMP = f"t={int(NOW.timestamp())}"


@pytest.mark.parametrize(
    "incoming",
    [
        signed(FOREIGN),
        post(at=NOW - timedelta(seconds=301)),
        post(at=NOW + timedelta(seconds=301)),
        Incoming(headers=post().headers, body=post(event(id="evt_2")).body),
        Incoming(headers=post().headers, body=json.dumps(event()).encode()),
        Incoming(headers={}, body=BODY),
        post(header="t=1"),
        post(header=f"v1={mac(BODY)}"),
        post(header=f"{STAMP},v0={mac(BODY)}"),
        post(header=f"{STAMP},v1={mac(BODY)[:-1]}"),
        post(header=f"{STAMP},{STAMP},v1={mac(BODY)}"),
        post(header=f"{STAMP}0,v1={mac(BODY)}"),
        post(header="t=now,v1=" + "é" * 64),
    ],
)
def test_what_somebody_else_posts(incoming):
    """It is refused."""
    with pytest.raises(NotAuthenticError):
        WEBHOOK.receive(incoming, NOW)


def test_a_webhook_without_a_secret_refuses_everything():
    """It is served also while Stripe is not chosen."""
    (offer,) = proofing_webhooks()
    settings = StripeSettings.model_validate({"api_key": SECTION["api_key"]})
    with pytest.raises(NotAuthenticError):
        offer.make(settings, make_process()).receive(post(), NOW)


@pytest.mark.parametrize(
    "value",
    [
        event("customer.created"),
        event(about={**session(), "metadata": {}}),
        event(about={**session(), "object": "identity.verification_report"}),
    ],
)
def test_events_that_are_about_something_else(value):
    """They are accepted, so that Stripe does not send them again, and forgotten."""
    found, reply = WEBHOOK.receive(post(value), NOW)
    assert (found, reply.status) == (None, 200)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        event(id=7),
        event(object="list"),
        event(type=None),
        event(data=None),
        event(about=[]),
        event(about={**session(), "metadata": None}),
        event(about={**session(), "metadata": {"question_id": "q w"}}),
        event(about={**session(), "metadata": {"question_id": 7}}),
    ],
)
def test_what_is_signed_and_cannot_be_read(value):
    """A bad request, and not our error."""
    assert WEBHOOK.receive(post(value), NOW)[1].status == 400
