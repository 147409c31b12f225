"""Codes by Twilio: the contract of messengers, what is sent, and the same by Twilio's own SDK."""

import re
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import httpx
import pytest
from tests.plugins.vendors.twilio.answers import SECTION
from tests.plugins.vendors.twilio.test_sdk import Transport
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance
from twilio.rest.api.v2010.account.message import MessageInstance

from proofing.contracts.messages import Channel, Message
from proofing.contracts.results import Refusal
from proofing.plugin import Cause, ConfigurationError
from proofing.registry.proofers import as_proofer
from proofing.testing.messengers import MessageExample, MessengerContract
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing_twilio import TwilioSettings, proofing_messengers
from proofing_twilio.messages import REFUSALS, TakenCall, TakenMessage

ACCOUNT = "AC" + "a" * 32
SENDING = {
    **SECTION,
    "account_sid": ACCOUNT,
    "text_from": "MG" + "b" * 32,
    "voice_from": "+12025550100",
}
TEXT, VOICE = frozenset({Channel.TEXT}), frozenset({Channel.VOICE})


def message_of(to: str = "+12025550123", **changes: Any) -> dict[str, Any]:
    """Return what Messages answers."""
    return {
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": "what was sent",
        "date_created": "Mon, 30 Nov 2026 10:00:00 +0000",
        "date_sent": None,
        "date_updated": "Mon, 30 Nov 2026 10:00:00 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": None,
        "messaging_service_sid": SENDING["text_from"],
        "num_media": "0",
        "num_segments": "0",
        "price": None,
        "price_unit": None,
        "sid": "SM" + "c" * 32,
        "status": "accepted",
        "subresource_uris": {},
        "to": to,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/SM{'c' * 32}.json",
        **changes,
    }


def call_of(to: str = "+12025550123", **changes: Any) -> dict[str, Any]:
    """Return what Calls answers."""
    return {
        "account_sid": ACCOUNT,
        "annotation": None,
        "answered_by": None,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": None,
        "date_updated": None,
        "direction": "outbound-api",
        "duration": None,
        "end_time": None,
        "forwarded_from": None,
        "from": SENDING["voice_from"],
        "from_formatted": "(202) 555-0100",
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": "PN" + "d" * 32,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": "CA" + "e" * 32,
        "start_time": None,
        "status": "queued",
        "subresource_uris": {},
        "to": to,
        "to_formatted": "(202) 555-0123",
        "trunk_sid": None,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Calls/CA{'e' * 32}.json",
        **changes,
    }


def form_of(request: httpx.Request) -> dict[str, str]:
    """Return the fields of a request."""
    return dict(parse_qsl(request.content.decode(), strict_parsing=True))


def taken(request: httpx.Request, **changes: Any) -> httpx.Response:
    """Answer as Twilio does when it takes a message."""
    values = {"to": form_of(request)["To"], **changes}
    body = message_of(**values) if "/Messages" in request.url.path else call_of(**values)
    return httpx.Response(201, json=body)


def refused(code: int, status: int = 400) -> httpx.Response:
    """Return an error of Twilio's."""
    return httpx.Response(
        status, json={"code": code, "message": "of the number", "more_info": "", "status": status}
    )


class TestTwilioMessenger(MessengerContract):
    """Twilio keeps the contract of messengers."""

    plugin = "proofing_twilio"
    section: ClassVar = SENDING
    examples: ClassVar = {
        "text": MessageExample(taken, None, TEXT, facts={"transaction_id": "SM" + "c" * 32}),
        "call": MessageExample(taken, None, VOICE, facts={"transaction_id": "CA" + "e" * 32}),
        "stop": MessageExample(refused(21610), Refusal.OPTED_OUT, TEXT, facts={"vendor_codes": ("21610",)}),
        "fixed line": MessageExample(refused(21635), Refusal.UNREACHABLE, TEXT),
        "no text messages": MessageExample(refused(21614), Refusal.UNREACHABLE, TEXT),
        "no way": MessageExample(refused(21612), Refusal.UNREACHABLE, TEXT),
        "not there, text": MessageExample(refused(21408, 403), Refusal.NOT_ALLOWED, TEXT),
        "not there, call": MessageExample(refused(21215, 403), Refusal.NOT_ALLOWED, VOICE),
        "cannot be called": MessageExample(refused(21214), Refusal.UNREACHABLE, VOICE),
        "no number": MessageExample(refused(21211), Refusal.UNREACHABLE),
        "bad key": MessageExample(refused(20003, 401), Cause.AUTHENTICATION),
        "suspended": MessageExample(refused(20005, 403), Cause.AUTHENTICATION),
        "too many": MessageExample(refused(20429, 429), Cause.QUOTA),
        "long queue": MessageExample(refused(21611), Cause.QUOTA, TEXT),
        "wrong sender": MessageExample(refused(21606), Cause.BAD_REQUEST, TEXT),
        "unknown code": MessageExample(refused(29999), Cause.BAD_REQUEST),
        "outage": MessageExample(refused(20500, 500), Cause.UNREACHABLE),
        "failed at once": MessageExample(lambda one: taken(one, status="failed"), Cause.NONSENSE),
        "a status of tomorrow": MessageExample(lambda one: taken(one, status="teleported"), Cause.NONSENSE),
        "another number": MessageExample(lambda one: taken(one, to="+12025550199"), Cause.NONSENSE),
        "another kind of id": MessageExample(lambda one: taken(one, sid="RQ" + "c" * 32), Cause.NONSENSE),
    }


def message(channel=Channel.TEXT, **changes):
    """Return a message."""
    values = {"number": "+12025550123", "locale": "en", "text": 'Code 123456 & <"it\'s">', "code": "123456"}
    return Message(channel=channel, **{**values, **changes})


async def send(one, answer=taken, **section):
    """Send *one*; return what came of it, and the request."""
    (offer,) = proofing_messengers()
    settings = TwilioSettings.model_validate({**SENDING, **section})
    fake = FakeVendor(answer)
    sent = await offer.make(settings, make_process()).send(
        one, make_context(fake, as_proofer(offer), settings)
    )
    (request,) = fake.requests
    return sent, request


async def test_a_text_message():
    """By the messaging service, or by a number; undelivered, it expires after ten minutes."""
    _sent, request = await send(message())
    assert str(request.url) == f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert form_of(request) == {
        "To": "+12025550123",
        "MessagingServiceSid": SENDING["text_from"],
        "Body": message().text,
        "ValidityPeriod": "600",
    }
    _sent, request = await send(message(), text_from="+12025550177", redacts_messages=True)
    form = form_of(request)
    assert (form["From"], "MessagingServiceSid" in form) == ("+12025550177", False)
    assert (form["ContentRetention"], form["AddressRetention"]) == ("discard", "obfuscate")


async def test_a_call():
    """The text is escaped, and read in its language."""
    _sent, request = await send(message(Channel.VOICE))
    form = form_of(request)
    assert request.url.path.endswith("/Calls.json")
    assert form["Twiml"] == (
        '<Response><Say language="en-US">Code 123456 &amp; &lt;"it\'s"&gt;</Say></Response>'
    )
    assert (form["From"], form["Timeout"], form["TimeLimit"]) == (SENDING["voice_from"], "30", "90")
    for locale, language in (("es", "es-US"), ("fr", "fr-CA"), ("zh", "cmn-CN"), ("tlh", "en-US")):
        _sent, request = await send(message(Channel.VOICE, locale=locale))
        assert f'language="{language}"' in form_of(request)["Twiml"]


def test_channels_are_those_with_a_sender():
    """A number for text messages alone makes no calls."""
    (offer,) = proofing_messengers()
    for section, channels in (
        ({}, {Channel.TEXT, Channel.VOICE}),
        ({"voice_from": None}, {Channel.TEXT}),
        ({"text_from": None}, {Channel.VOICE}),
    ):
        assert offer.channels(TwilioSettings.model_validate({**SENDING, **section})) == channels


def test_what_is_missing_is_named():
    """Lookup alone needs no account; the messenger says what it lacks."""
    (offer,) = proofing_messengers()
    with pytest.raises(ConfigurationError) as caught:
        offer.make(TwilioSettings.model_validate(SECTION), make_process())
    assert [problem.key for problem in caught.value.problems] == [
        "twilio.account_sid",
        "twilio.text_from or twilio.voice_from",
    ]


async def test_the_sdk_sends_the_same():
    """Twilio's SDK: the same address and fields for a text message and a call."""
    for channel in Channel:
        one = message(channel)
        _sent, ours = await send(one)
        transport = Transport(message_of() if channel is Channel.TEXT else call_of(), 201)
        client = Client(
            SECTION["api_key_sid"], SECTION["api_key_secret"], ACCOUNT, http_client=_Form(transport)
        )
        form = form_of(ours)
        if channel is Channel.TEXT:
            made = client.messages.create(
                to=form["To"],
                messaging_service_sid=form["MessagingServiceSid"],
                body=form["Body"],
                validity_period=int(form["ValidityPeriod"]),
            )
        else:
            made = client.calls.create(
                to=form["To"],
                from_=form["From"],
                twiml=form["Twiml"],
                timeout=int(form["Timeout"]),
                time_limit=int(form["TimeLimit"]),
            )
        ((method, uri, data, _auth),) = transport.asked
        assert (ours.method, str(ours.url)) == (method, uri)
        assert {name: str(value) for name, value in data.items()} == form
        assert made.to == one.number


class _Form:
    """A transport that keeps the form in place of the query."""

    def __init__(self, transport):
        self._transport = transport

    def request(self, method, uri, params=None, data=None, auth=None, **options):
        """Answer one request."""
        assert not params
        return self._transport.request(method, uri, data, auth, **options)


def test_our_answers_are_those_that_the_sdk_reads():
    """Fields and states; every refusal arrives with its code."""
    for kind, answer, model in (
        (MessageInstance, message_of(), TakenMessage),
        (CallInstance, call_of(), TakenCall),
    ):
        states = {value for name, value in vars(kind.Status).items() if name.isupper()}
        assert set(model.model_fields["status"].annotation.__args__) <= states
        assert model.model_fields.keys() <= answer.keys()
    with pytest.raises(TwilioRestException) as caught:
        Client(
            SECTION["api_key_sid"],
            SECTION["api_key_secret"],
            ACCOUNT,
            http_client=_Form(Transport({"code": 21610, "message": "no", "status": 400}, 400)),
        ).messages.create(to="+12025550123", from_="+12025550100", body="x")
    assert str(caught.value.code) in REFUSALS
    assert all(re.fullmatch(r"2\d{4}", code) for code in REFUSALS)
