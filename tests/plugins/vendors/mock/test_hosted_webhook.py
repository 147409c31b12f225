"""The webhook of `mock:hosted`: what is believed, and what is not."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from proofing.contracts.continuation import EventKind
from proofing.contracts.webhooks import Incoming, NotAuthenticError
from proofing.testing.vendor_fakes import make_process
from proofing_mock import MockSettings, proofing_proofers, proofing_webhooks
from proofing_mock.hosted.credentials import credentials
from proofing_mock.hosted.webhook import TOLERANCE_SECONDS, HostedWebhook

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
SECRET, PREVIOUS = "current-" * 4, "previous" * 4
QUESTION = "q" * 48
#: Where nothing is derived.
PRODUCTION = replace(make_process(), is_production=True)
SETTINGS = MockSettings(hosted_webhook_secret=SECRET, hosted_webhook_previous_secret=PREVIOUS)


def body_of(kind="session.decided", **data):
    """Return a body as the vendor writes it."""
    return json.dumps({"type": kind, "data": {"session": "ses_1", **data}}).encode()


def signed(body=None, *, secret=SECRET, event="evt_1", at=NOW, **headers):
    """Return a post that is signed as the specification says, written apart from the code under test."""
    body = body_of() if body is None else body
    timestamp = str(int(at.timestamp()))
    content = f"{event}.{timestamp}.".encode() + body
    mac = base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()
    return Incoming(
        headers={
            "webhook-id": event,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{mac}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
        body=body,
    )


def receive(incoming, settings=SETTINGS, now=NOW, process=None):
    """Return event and reply."""
    return HostedWebhook(settings, process or PRODUCTION).receive(incoming, now)


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS])
def test_signed_with_the_current_or_the_previous_secret(secret):
    """A rotation loses no event."""
    event, reply = receive(signed(body_of(customer_reference=QUESTION), secret=secret))
    assert (event.kind, event.id, event.question_id) == (EventKind.READY, "evt_1", QUESTION)
    assert (event.reference, event.data, reply.status) == ("ses_1", {}, 204)


def test_a_vendor_that_echoes_nothing_names_its_own_id():
    """By which the question is found."""
    event, _reply = receive(signed())
    assert (event.question_id, event.reference) == (None, "ses_1")


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("session.started", EventKind.PROGRESS),
        ("session.processing", EventKind.PROGRESS),
        ("session.abandoned", EventKind.ABANDONED),
        ("session.expired", EventKind.EXPIRED),
        ("session.archived", EventKind.OTHER),
    ],
)
def test_kinds(kind, wanted):
    """What the vendor may add later is an event, too."""
    assert receive(signed(body_of(kind)))[0].kind is wanted


@pytest.mark.parametrize(
    "incoming",
    [
        signed(secret="forged--" * 4),
        signed(webhook_signature="v1,AAAA"),
        signed(webhook_signature="v1,not base64"),
        signed(webhook_signature=""),
        signed(webhook_signature=signed().headers["webhook-signature"].replace("v1,", "v2,")),
        signed(webhook_id="evt_2"),
        signed(webhook_id=""),
        signed(event="evt 1"),
        signed(webhook_timestamp=str(int(NOW.timestamp()) + 1)),
        signed(webhook_timestamp="٣"),
        signed(webhook_timestamp="-1"),
        signed(at=NOW - timedelta(seconds=TOLERANCE_SECONDS + 1)),
        signed(at=NOW + timedelta(seconds=TOLERANCE_SECONDS + 1)),
        Incoming(headers=signed().headers, body=body_of("session.expired")),
        Incoming(headers={}, body=b""),
    ],
)
def test_what_is_not_the_vendors_is_refused(incoming):
    """Wrong secret, altered id, time or body, too old, too early, or not signed."""
    with pytest.raises(NotAuthenticError):
        receive(incoming)


@pytest.mark.parametrize("seconds", [-TOLERANCE_SECONDS, TOLERANCE_SECONDS])
def test_clocks_may_differ_a_little(seconds):
    """Up to the tolerance of the specification."""
    assert receive(signed(at=NOW + timedelta(seconds=seconds)))[0] is not None


def test_one_of_several_signatures_is_enough():
    """A vendor that rotates signs with both secrets; versions that we do not know are passed over."""
    known = signed().headers["webhook-signature"]
    assert receive(signed(webhook_signature=f"v1a,xyz v1,AAAA {known}"))[0] is not None


def test_without_a_secret_everything_is_refused():
    """Nothing is served that anybody could forge."""
    with pytest.raises(NotAuthenticError):
        receive(signed(secret=""), MockSettings())


def test_the_previous_secret_is_gone_once_it_is_taken_out():
    """It verifies no longer than the settings say."""
    with pytest.raises(NotAuthenticError):
        receive(signed(secret=PREVIOUS), MockSettings(hosted_webhook_secret=SECRET))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'"text"',
        b'{"type":"session.decided","data":[]}',
        b'{"type":["x"],"data":{"session":"ses_1"}}',
        body_of(session="ses 1"),
        body_of(session=7),
        body_of(customer_reference=7),
        body_of(customer_reference="q" * 65),
    ],
)
def test_what_is_signed_and_no_event_is_malformed(body):
    """The vendor's own fault; nothing is woken."""
    event, reply = receive(signed(body))
    assert (event, reply.status) == (None, 400)


def test_secrets_are_not_printed_and_not_short():
    """A typing error in a secret stops the start, without its value."""
    assert "current-" not in repr(SETTINGS)
    with pytest.raises(ValueError, match="hosted_webhook_secret") as caught:
        MockSettings(hosted_webhook_secret="MARIGOLD")
    assert "MARIGOLD" not in str(caught.value)


def test_it_is_not_served_in_production():
    """As mocks are refused there."""
    (descriptor,) = proofing_webhooks()
    assert not descriptor.production
    hosted = [one for one in proofing_proofers() if one.name == "mock:hosted"]
    assert {one.webhook for one in hosted} == {descriptor.name}


def test_without_settings_the_secret_is_derived():
    """Outside of production, by what all processes of an installation have in common; each secret differs."""
    process = make_process()
    known = credentials(MockSettings(), process)
    assert len({known.api_key, known.webhook_secret, known.webhook_previous_secret}) == 3
    assert known.webhook_secret not in repr(known)
    post = signed(secret=known.webhook_secret)
    assert receive(post, MockSettings(), process=process)[0] is not None
    given = MockSettings(hosted_webhook_secret=SECRET)
    assert credentials(given, process).webhook_secret == SECRET
