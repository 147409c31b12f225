"""The vendors' own clients, unmodified, take the sandbox for their vendor."""

import boto3
import pytest
import stripe
from botocore.config import Config
from botocore.exceptions import ClientError
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from proofing.testing.images import make_jpeg


def aws_client(sandbox, service, **changes):
    """Return a client of AWS."""
    known = sandbox.settings["aws_identity"]
    values = {
        "region_name": known["region"],
        "aws_access_key_id": known["access_key_id"],
        "aws_secret_access_key": known["secret_access_key"],
        "endpoint_url": known[f"{service}_endpoint_url"],
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


@pytest.mark.parametrize("service", ["textract", "rekognition"])
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
    }[service]
    with pytest.raises(ClientError) as caught:
        getattr(client, call)(**arguments)
    assert caught.value.response["Error"]["Code"] == code


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
        return request(method, url.replace("https://lookups.twilio.com", sandbox.url), *arguments, **options)

    monkeypatch.setattr(http, "request", redirected)
    return Client(known["api_key_sid"], known["api_key_secret"], http_client=http)


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
