"""The webhook of DocV: whose posts are believed, and what they say."""

import json
from datetime import UTC, datetime

import pytest

from proofing.contracts.continuation import EventKind
from proofing.contracts.webhooks import Incoming, NotAuthenticError
from proofing.testing.vendor_fakes import make_process
from proofing_socure import SocureSettings, proofing_proofers, proofing_webhooks

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECRET, PREVIOUS, OLDER = "current-secret-1", "previous-secret-2", "older-secret-345"
SECTION = {"base_url": "https://sandbox.socure.example", "api_key": "k"}
SECRETS = {"webhook_secret": SECRET, "webhook_previous_secrets": [PREVIOUS, OLDER]}


def event_of(kind="DOCUMENTS_UPLOADED", **changes):
    """Return an event as Socure writes it."""
    return {
        "created": "2024-01-01T00:00:00Z",
        "customerUserId": "u-1",
        "eventType": kind,
        "referenceId": "w-1",
        "docvTransactionToken": "t-1",
        **changes,
    }


def post(event=None, *, authorization=SECRET, body=None):
    """Return a post."""
    body = json.dumps({"event": event_of() if event is None else event}).encode() if body is None else body
    headers = {} if authorization is None else {"authorization": authorization}
    return Incoming(headers=headers, body=body)


def receive(incoming, **secrets):
    """Return event and reply."""
    (descriptor,) = proofing_webhooks()
    settings = SocureSettings(**SECTION, **(secrets or SECRETS))
    return descriptor.make(settings, make_process()).receive(incoming, NOW)


def test_the_descriptors_agree():
    """Events of the webhook resume the questions of DocV."""
    (descriptor,) = proofing_webhooks()
    assert descriptor.name == "socure"
    assert {one.webhook for one in proofing_proofers() if one.continues} == {"socure"}


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS, OLDER])
@pytest.mark.parametrize("form", ["{}", "secret {}", "Bearer {}", "a b\t{}", "{} "])
def test_the_last_word_is_the_secret(secret, form):
    """Current or from before a rotation, with any words before it."""
    event, reply = receive(post(authorization=form.format(secret)))
    assert (event.kind, event.reference, event.question_id, event.id) == (EventKind.READY, "t-1", None, None)
    assert (reply.status, json.loads(reply.body), reply.content_type) == (
        200,
        {"message": "ok"},
        "application/json",
    )


@pytest.mark.parametrize(
    "authorization",
    [None, "", " ", "secret", f"{SECRET} x", f"secret{SECRET}", SECRET[:-1], SECRET.upper(), "é" * 16],
)
@pytest.mark.parametrize("body", [None, b"{}", b"no JSON"])
def test_wrong_secrets_are_refused(authorization, body):
    """Whatever the body is, which nobody looks at then."""
    with pytest.raises(NotAuthenticError):
        receive(post(authorization=authorization, body=body))


@pytest.mark.parametrize("authorization", [None, "", "secret", SECRET])
def test_without_a_secret_everything_is_refused(authorization):
    """An empty header matches no missing secret."""
    with pytest.raises(NotAuthenticError):
        receive(post(authorization=authorization), webhook_secret=None)


def test_a_secret_that_is_gone_is_refused():
    """A rotation ends when the settings say so."""
    with pytest.raises(NotAuthenticError):
        receive(post(authorization=PREVIOUS), webhook_secret=SECRET)


@pytest.mark.parametrize(
    ("kind", "wanted", "finished"),
    [
        ("DOCUMENTS_UPLOADED", EventKind.READY, False),
        ("SESSION_COMPLETE", EventKind.PROGRESS, True),
        ("SESSION_EXPIRED", EventKind.EXPIRED, False),
        ("WAITING_FOR_USER_TO_REDIRECT", EventKind.PROGRESS, False),
        ("APP_OPENED", EventKind.PROGRESS, False),
        ("DOCUMENT_FRONT_UPLOADED", EventKind.PROGRESS, False),
        ("DOCUMENT_BACK_UPLOADED", EventKind.PROGRESS, False),
        ("SOMETHING_NEW", EventKind.OTHER, False),
        ("documents_uploaded", EventKind.OTHER, False),
        (None, EventKind.OTHER, False),
        (7, EventKind.OTHER, False),
        ({}, EventKind.OTHER, False),
    ],
)
def test_event_types(kind, wanted, finished):
    """Each documented one has its kind; what Socure may add later says little."""
    event, reply = receive(post(event_of(kind)))
    assert (event.kind, event.data) == (wanted, {"finished": True} if finished else {})
    assert reply.status == 200


@pytest.mark.parametrize(
    ("tokens", "reference"),
    [
        ({"docVTransactionToken": "t-2"}, "t-2"),
        ({"docvTransactionToken": "t-2"}, "t-2"),
        ({"docvTransactionToken": "t-2", "docVTransactionToken": "t-2"}, "t-2"),
        ({"docvTransactionToken": None, "docVTransactionToken": "t-2"}, "t-2"),
    ],
)
def test_the_token_has_two_spellings(tokens, reference):
    """Both are Socure's."""
    event = event_of()
    del event["docvTransactionToken"]
    assert receive(post({**event, **tokens}))[0].reference == reference


@pytest.mark.parametrize(
    "changes",
    [
        {"docvTransactionToken": None},
        {"docvTransactionToken": ""},
        {"docvTransactionToken": 7},
        {"docvTransactionToken": ["t-1"]},
        {"docvTransactionToken": "t" * 257},
        {"docVTransactionToken": "t-2"},
    ],
)
def test_an_event_of_no_question_is_taken_and_wakes_nobody(changes):
    """Socure would keep sending it otherwise."""
    event, reply = receive(post(event_of(**changes)))
    assert (event, reply.status) == (None, 200)


def test_what_is_on_the_document_is_not_kept():
    """Some events carry it."""
    event, _reply = receive(post(event_of(data={"documentData": {"firstName": "Fakey"}})))
    assert "Fakey" not in json.dumps(event.to_json())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'"event"',
        b'{"event":null}',
        b'{"event":{}}',
        b'{"event":[]}',
        b'{"event":"x"}',
        b'{"event":1,"event":2}',
    ],
)
def test_what_is_no_event_is_malformed(body):
    """The one status besides 401 that is not 200."""
    event, reply = receive(post(body=body))
    assert (event, reply.status) == (None, 400)
