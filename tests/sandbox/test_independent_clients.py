"""The vendors' own clients, unmodified, take the sandbox for their vendor."""

import boto3
import httpx
import pytest
import stripe
from botocore.config import Config
from botocore.exceptions import ClientError
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from proofing.testing.images import make_jpeg

_ENDPOINTS = {"pinpoint-sms-voice-v2": "messaging"}


def aws_client(sandbox, service, **changes):
    """Return a client of AWS."""
    known = sandbox.settings["aws_identity"]
    values = {
        "region_name": known["region"],
        "aws_access_key_id": known["access_key_id"],
        "aws_secret_access_key": known["secret_access_key"],
        "endpoint_url": known[f"{_ENDPOINTS.get(service, service)}_endpoint_url"],
        "config": Config(retries={"total_max_attempts": 1}),
    }
    return boto3.client(service, **{**values, **changes})


def test_textract_reads_a_license(sandbox):
    """In the protocol that boto3 has chosen."""
    client = aws_client(sandbox, "textract")
    found = client.analyze_id(DocumentPages=[{"Bytes": make_jpeg()}, {"Bytes": make_jpeg()}])
    fields = {
        one["Type"]["Text"]: one["ValueDetection"]
        for one in found["IdentityDocuments"][0]["IdentityDocumentFields"]
    }
    assert fields["FIRST_NAME"]["Text"] == "ADA"
    assert fields["DATE_OF_BIRTH"]["NormalizedValue"]["Value"].startswith("1985-03-07")
    assert found["DocumentMetadata"]["Pages"] == 2
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.analyze_id(DocumentPages=[{"Bytes": make_jpeg()}] * 3)


def test_rekognition_compares_faces(sandbox):
    """And refuses what is too large."""
    client = aws_client(sandbox, "rekognition")
    images = {"SourceImage": {"Bytes": make_jpeg()}, "TargetImage": {"Bytes": make_jpeg()}}
    found = client.compare_faces(**images, SimilarityThreshold=90)
    assert found["FaceMatches"][0]["Similarity"] > 90
    with pytest.raises(client.exceptions.ImageTooLargeException):
        client.compare_faces(**{**images, "TargetImage": {"Bytes": bytes(5 * 1024 * 1024 + 1)}})


@pytest.mark.parametrize("service", ["textract", "rekognition", "pinpoint-sms-voice-v2"])
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aws_secret_access_key": "other"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIAOTHER"}, "UnrecognizedClientException"),
    ],
)
def test_aws_signatures_are_verified(sandbox, service, changes, code):
    """A wrong key is refused as AWS does."""
    client = aws_client(sandbox, service, **changes)
    image = {"Bytes": make_jpeg()}
    call, arguments = {
        "textract": ("analyze_id", {"DocumentPages": [image]}),
        "rekognition": ("compare_faces", {"SourceImage": image, "TargetImage": image}),
        "pinpoint-sms-voice-v2": ("send_text_message", {"DestinationPhoneNumber": "+12025550123"}),
    }[service]
    with pytest.raises(ClientError) as caught:
        getattr(client, call)(**arguments)
    assert caught.value.response["Error"]["Code"] == code


def test_end_user_messaging_sends(sandbox):
    """Text and voice arrive at the tester's phone; who has opted out gets no text."""
    client = aws_client(sandbox, "pinpoint-sms-voice-v2")
    known = sandbox.settings["aws_identity"]
    to = "+12025550123"
    text = client.send_text_message(
        DestinationPhoneNumber=to, OriginationIdentity=known["text_from"], MessageBody="Code 1 & 2"
    )
    voice = client.send_voice_message(
        DestinationPhoneNumber=to, OriginationIdentity=known["voice_from"], MessageBody="Code 3"
    )
    assert text["MessageId"] != voice["MessageId"]
    assert phone(sandbox) == [("voice", to, "Code 3"), ("text", to, "Code 1 & 2")]
    with pytest.raises(client.exceptions.ConflictException) as caught:
        client.send_text_message(
            DestinationPhoneNumber="+17035550181", OriginationIdentity=known["text_from"], MessageBody="x"
        )
    assert caught.value.response["Reason"] == "DESTINATION_PHONE_NUMBER_OPTED_OUT"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.send_text_message(DestinationPhoneNumber=to, OriginationIdentity="pool-other", MessageBody="x")
    with pytest.raises(client.exceptions.ValidationException):
        client.send_text_message(DestinationPhoneNumber=to, OriginationIdentity=known["text_from"])


def phone(sandbox):
    """Return channel, number and text of what arrived, the newest first."""
    found = httpx.get(f"{sandbox.url}/sandbox/phone").json()
    return [(one["channel"], one["to"], one["text"]) for one in found]


def stripe_client(sandbox, key=None):
    """Return a client of Stripe."""
    known = sandbox.settings["stripe"]
    return stripe.StripeClient(
        key or known["api_key"], base_addresses={"api": known["api_url"]}, max_network_retries=0
    )


def test_a_session_of_stripe(sandbox):
    """Created once for an idempotency key, shown, canceled and redacted."""
    sessions = stripe_client(sandbox).v1.identity.verification_sessions
    wanted = {"type": "document", "metadata": {"ours": "q-1"}, "return_url": "https://proofing.example.gov/"}
    first = sessions.create(wanted, {"idempotency_key": "key-1"})
    again = sessions.create(wanted, {"idempotency_key": "key-1"})
    assert (first.id, first.status, first.metadata["ours"]) == (again.id, "requires_input", "q-1")
    with pytest.raises(stripe.IdempotencyError):
        sessions.create({**wanted, "metadata": {"ours": "q-2"}}, {"idempotency_key": "key-1"})
    assert sessions.retrieve(first.id).url.startswith(sandbox.url)
    assert sessions.cancel(first.id).status == "canceled"
    assert sessions.redact(first.id).redaction.status == "processing"
    kept = sessions.retrieve(first.id)
    assert (kept.redaction.status, kept.metadata.to_dict()) == ("processing", {})
    with pytest.raises(stripe.InvalidRequestError):
        sessions.retrieve("vs_unknown")
    with pytest.raises(stripe.AuthenticationError):
        stripe_client(sandbox, "rk_test_other").v1.identity.verification_sessions.retrieve(first.id)


def twilio_client(sandbox, monkeypatch, **changes):
    """Return a client of Twilio whose requests go to the sandbox: it has no setting for an address."""
    known = {**sandbox.settings["twilio"], **changes}
    http = TwilioHttpClient()
    request = http.request

    def redirected(method, url, *arguments, **options):
        for host in ("https://lookups.twilio.com", "https://api.twilio.com"):
            url = url.replace(host, sandbox.url)
        return request(method, url, *arguments, **options)

    monkeypatch.setattr(http, "request", redirected)
    return Client(known["api_key_sid"], known["api_key_secret"], known["account_sid"], http_client=http)


def test_a_lookup_of_twilio(sandbox, monkeypatch):
    """Each package that is asked for, and no other."""
    numbers = twilio_client(sandbox, monkeypatch).lookups.v2.phone_numbers
    found = numbers("+12025550123").fetch(
        fields="identity_match,line_type_intelligence", first_name="Ada", last_name="Quill"
    )
    assert (found.valid, found.national_format) == (True, "(202) 555-0123")
    assert found.identity_match["first_name_match"] == "exact_match"
    assert found.line_type_intelligence["type"] == "mobile"
    assert found.sim_swap is None
    assert not numbers("+1202").fetch().valid
    assert (
        numbers("+17035555555")
        .fetch(fields="identity_match", first_name="A")
        .identity_match["first_name_match"]
        == "no_match"
    )
    with pytest.raises(TwilioRestException) as caught:
        twilio_client(sandbox, monkeypatch, api_key_secret="x" * 20).lookups.v2.phone_numbers("+1").fetch()
    assert (caught.value.status, caught.value.code) == (401, 20003)


def test_messages_and_calls_of_twilio(sandbox, monkeypatch):
    """Both arrive at the tester's phone; STOP, a fixed line and a wrong sender are refused as Twilio does."""
    client, known = twilio_client(sandbox, monkeypatch), sandbox.settings["twilio"]
    to = "+12025550123"
    sent = client.messages.create(to=to, messaging_service_sid=known["text_from"], body="Code 1 & 2")
    call = client.calls.create(
        to=to, from_=known["voice_from"], twiml="<Response><Say>Code &lt;3</Say></Response>"
    )
    assert (sent.status, sent.to, sent.sid[:2]) == ("accepted", to, "SM")
    assert (call.status, call.to, call.sid[:2]) == ("queued", to, "CA")
    assert phone(sandbox) == [("voice", to, "Code <3"), ("text", to, "Code 1 & 2")]
    for code, number, sender in (
        (21610, "+17035550181", known["text_from"]),
        (21614, "+17035550182", known["text_from"]),
        (21606, to, "+12025550199"),
        (21211, "+1202", known["text_from"]),
    ):
        key = "messaging_service_sid" if sender.startswith("MG") else "from_"
        with pytest.raises(TwilioRestException) as caught:
            client.messages.create(to=number, body="x", **{key: sender})
        assert (caught.value.status, caught.value.code) == (400, code)
    with pytest.raises(TwilioRestException) as caught:
        client.calls.create(to=to, from_=known["voice_from"], twiml="no TwiML")
    assert caught.value.code == 12100
    with pytest.raises(TwilioRestException) as caught:
        twilio_client(sandbox, monkeypatch, api_key_secret="x" * 20).messages.create(to=to, body="x")
    assert (caught.value.status, caught.value.code) == (401, 20003)
