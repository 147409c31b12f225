"""Codes by AWS End User Messaging: the contract of messengers, and what botocore sends and reads."""

import asyncio
import json
from typing import Any, ClassVar

import botocore.session
import httpx
import pytest
from tests.plugins.vendors.aws_identity.answers import REQUEST_ID, SECTION

from proofing.contracts.messages import Channel, Message
from proofing.contracts.results import Refusal
from proofing.plugin import Cause, ConfigurationError
from proofing.registry.proofers import as_proofer
from proofing.testing.messengers import MessageExample, MessengerContract
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process, open_proofer
from proofing_aws_identity import AWSIdentitySettings, proofing_messengers
from proofing_aws_identity.messaging import _VOICES, REFUSALS

SENDING = {**SECTION, "text_from": "pool-0123456789", "voice_from": "+12025550100"}
MESSAGE_ID = "5f2b1c64-0000-4000-8000-000000000009"
TEXT, VOICE = frozenset({Channel.TEXT}), frozenset({Channel.VOICE})
_TYPE = "application/x-amz-json-1.0"


def answer(body: Any, status: int = 200) -> httpx.Response:
    """Return a body as the service sends it."""
    headers = {"content-type": _TYPE, "x-amzn-requestid": REQUEST_ID}
    return httpx.Response(status, content=json.dumps(body), headers=headers)


def refused(kind: str, reason: str | None = None, status: int = 400) -> httpx.Response:
    """Return an error of the service."""
    why = {} if reason is None else {"Reason": reason}
    return answer({"__type": f"com.amazonaws.sms#{kind}", "Message": "of the number", **why}, status)


class TestAWSMessenger(MessengerContract):
    """The messenger keeps the contract."""

    plugin = "proofing_aws_identity"
    section: ClassVar = SENDING
    examples: ClassVar = {
        "taken": MessageExample(
            answer({"MessageId": MESSAGE_ID}), None, facts={"transaction_id": MESSAGE_ID}
        ),
        "stop": MessageExample(
            refused("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
            Refusal.OPTED_OUT,
            facts={
                "vendor_codes": ("ConflictException.DESTINATION_PHONE_NUMBER_OPTED_OUT",),
                "transaction_id": REQUEST_ID,
            },
        ),
        "blocked country": MessageExample(
            refused("ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"),
            Refusal.NOT_ALLOWED,
        ),
        "blocked number": MessageExample(
            refused("ConflictException", "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE"),
            Refusal.NOT_ALLOWED,
        ),
        "no such country": MessageExample(
            refused("ValidationException", "DESTINATION_COUNTRY_BLOCKED"), Refusal.NOT_ALLOWED
        ),
        "trial account": MessageExample(
            refused("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"), Cause.BAD_REQUEST
        ),
        "no voice": MessageExample(
            refused("ValidationException", "VOICE_CAPABILITY_NOT_AVAILABLE"), Cause.BAD_REQUEST, VOICE
        ),
        "no such sender": MessageExample(refused("ResourceNotFoundException"), Cause.BAD_REQUEST),
        "no rights": MessageExample(refused("AccessDeniedException"), Cause.AUTHENTICATION),
        "spent": MessageExample(
            refused("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"),
            Cause.QUOTA,
            TEXT,
        ),
        "too fast": MessageExample(refused("ThrottlingException"), Cause.QUOTA),
        "outage": MessageExample(refused("InternalServerException", status=500), Cause.UNREACHABLE),
        "an error of tomorrow": MessageExample(refused("TeleportException"), Cause.BAD_REQUEST),
        "a reason of tomorrow": MessageExample(refused("ConflictException", "TELEPORTED"), Cause.BAD_REQUEST),
        "no id": MessageExample(answer({"MessageId": None}), Cause.NONSENSE),
        "stop, but with 500": MessageExample(
            refused("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT", 500), Cause.UNREACHABLE
        ),
    }


async def send(channel, locale="en", **section):
    """Send a message; return the request."""
    (offer,) = proofing_messengers()
    settings = AWSIdentitySettings.model_validate({**SENDING, **section})
    fake = FakeVendor(lambda _request: answer({"MessageId": MESSAGE_ID}))
    messenger = offer.make(settings, make_process())
    context = make_context(fake, as_proofer(offer), settings)
    await open_proofer(messenger, context)
    message = Message(
        channel=channel, number="+12025550123", locale=locale, text="Code 123456", code="123456"
    )
    await asyncio.to_thread(messenger.send, message, context)
    (request,) = fake.requests
    return request


async def test_what_is_sent():
    """As botocore's model says; the message is transactional, and expires after ten minutes."""
    request = await send(Channel.TEXT)
    assert str(request.url) == "https://sms-voice.us-east-1.amazonaws.com/"
    assert request.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendTextMessage"
    assert "/us-east-1/sms-voice/aws4_request" in request.headers["authorization"]
    assert json.loads(request.content) == {
        "DestinationPhoneNumber": "+12025550123",
        "OriginationIdentity": "pool-0123456789",
        "MessageBody": "Code 123456",
        "MessageType": "TRANSACTIONAL",
        "TimeToLive": 600,
    }
    request = await send(Channel.VOICE, "es", messaging_configuration_set="codes", fips=True)
    assert str(request.url) == "https://sms-voice-fips.us-east-1.amazonaws.com/"
    assert request.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendVoiceMessage"
    assert json.loads(request.content) == {
        "DestinationPhoneNumber": "+12025550123",
        "OriginationIdentity": "+12025550100",
        "MessageBody": "Code 123456",
        "MessageBodyTextType": "TEXT",
        "VoiceId": "LUPE",
        "TimeToLive": 600,
        "ConfigurationSetName": "codes",
    }


def test_words_are_those_of_the_model():
    """Errors, reasons and voices occur in botocore's description of the service."""
    model = botocore.session.get_session().get_service_model("pinpoint-sms-voice-v2")
    for known in REFUSALS:
        kind, reason = known.split(".")
        assert reason in model.shape_for(f"{kind}Reason").enum
        assert kind in {error.name for error in model.operation_model("SendTextMessage").error_shapes}
    assert set(_VOICES.values()) <= set(model.shape_for("VoiceId").enum)


def test_channels_are_those_with_a_sender():
    """And without one the messenger says what it lacks."""
    (offer,) = proofing_messengers()
    for section, channels in (
        ({}, {Channel.TEXT, Channel.VOICE}),
        ({"voice_from": None}, {Channel.TEXT}),
        ({"text_from": None}, {Channel.VOICE}),
    ):
        assert offer.channels(AWSIdentitySettings.model_validate({**SENDING, **section})) == channels
    with pytest.raises(ConfigurationError):
        offer.make(AWSIdentitySettings.model_validate(SECTION), make_process())
