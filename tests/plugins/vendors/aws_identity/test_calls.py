"""The calls: what is sent and how it is signed, credentials, errors, endpoints."""

import base64
import hashlib
import hmac
import json
import re
from unittest import mock

import botocore.session
import httpx
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError
from pydantic import ValidationError
from tests.plugins.vendors.aws_identity.answers import (
    LICENSE,
    REKOGNITION,
    REQUEST_ID,
    SECTION,
    TEXTRACT,
    analyzed,
    ask,
    refusal,
    response,
    vendor,
)

from proofing.base.errors import Cause, VendorError
from proofing.contracts.images import Image, Side
from proofing.contracts.results import FindingCode, Outcome
from proofing.testing.vendor_checks import caused_by
from proofing_aws_identity import AWSIdentitySettings

FRONT, SELFIE = Image(b"front" * 20_000, "image/jpeg", 9, 9), Image(b"selfie" * 20_000, "image/jpeg", 9, 9)


async def test_what_is_sent():
    """The front to Textract; front and selfie to Rekognition. Nothing else of the person."""
    images = {Side.FRONT: FRONT, Side.BACK: Image(b"back", "image/jpeg", 9, 9), Side.SELFIE: SELFIE}
    _result, fake = await ask(vendor(analyzed(LICENSE)), images=images)
    read, compared = fake.requests
    front, selfie = (base64.b64encode(image.content).decode() for image in (FRONT, SELFIE))
    assert json.loads(read.content) == {"DocumentPages": [{"Bytes": front}]}
    assert json.loads(compared.content) == {
        "SourceImage": {"Bytes": front},
        "TargetImage": {"Bytes": selfie},
        "SimilarityThreshold": 99.0,
        "QualityFilter": "AUTO",
    }
    assert (read.headers["x-amz-target"], str(read.url)) == ("Textract.AnalyzeID", f"https://{TEXTRACT}/")
    assert compared.headers["x-amz-target"] == "RekognitionService.CompareFaces"
    assert str(compared.url) == f"https://{REKOGNITION}/"


async def test_the_signature_is_over_what_is_sent():
    """Computed again, apart from botocore: Signature Version 4."""
    _result, fake = await ask(vendor(analyzed(LICENSE)), images={Side.FRONT: FRONT, Side.SELFIE: SELFIE})
    for request, service in zip(fake.requests, ("textract", "rekognition"), strict=True):
        given = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/us-east-1/(\w+)/aws4_request, "
            r"SignedHeaders=(\S+), Signature=([0-9a-f]{64})",
            request.headers["authorization"],
        )
        key_id, day, name, signed, signature = given.groups()
        assert (key_id, name) == (SECTION["access_key_id"], service)
        headers = "".join(f"{header}:{request.headers[header]}\n" for header in signed.split(";"))
        digest = hashlib.sha256(request.content).hexdigest()
        canonical = f"POST\n/\n\n{headers}\n{signed}\n{digest}"
        text = "\n".join(
            (
                "AWS4-HMAC-SHA256",
                request.headers["x-amz-date"],
                f"{day}/us-east-1/{service}/aws4_request",
                hashlib.sha256(canonical.encode()).hexdigest(),
            )
        )
        key = f"AWS4{SECTION['secret_access_key']}".encode()
        for part in (day, "us-east-1", service, "aws4_request"):
            key = hmac.digest(key, part.encode(), hashlib.sha256)
        assert hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == signature


async def test_a_temporary_key_sends_its_token():
    """As AWS wants it."""
    section = {**SECTION, "session_token": "an-invented-session-token"}
    _result, fake = await ask(vendor(analyzed(LICENSE)), "aws_identity", section=section)
    assert fake.requests[0].headers["x-amz-security-token"] == "an-invented-session-token"


async def test_both_calls_are_paid_for():
    """The intent is noted before each."""
    noted = []

    async def note():
        noted.append(None)

    await ask(vendor(analyzed(LICENSE)), note_intent=note)
    assert len(noted) == 2


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("BadDocumentException", FindingCode.IMAGE_UNREADABLE),
        ("UnsupportedDocumentException", FindingCode.IMAGE_UNREADABLE),
        ("DocumentTooLargeException", FindingCode.IMAGE_SIZE),
    ],
)
async def test_images_that_textract_refuses(code, finding):
    """The person takes another photo."""
    result, fake = await ask(vendor(refusal(code)))
    (found,) = result.findings
    assert (result.outcome, found.code, found.side, found.vendor_code) == (
        Outcome.FAILED,
        finding,
        Side.FRONT,
        code,
    )
    assert (result.transaction_id, len(fake.requests)) == (REQUEST_ID, 1)


@pytest.mark.parametrize(
    ("code", "status", "cause"),
    [
        ("AccessDeniedException", 400, Cause.AUTHENTICATION),
        ("UnrecognizedClientException", 400, Cause.AUTHENTICATION),
        ("ExpiredTokenException", 400, Cause.AUTHENTICATION),
        ("InvalidSignatureException", 400, Cause.AUTHENTICATION),
        ("NeverHeardOfException", 403, Cause.AUTHENTICATION),
        ("ThrottlingException", 400, Cause.QUOTA),
        ("ProvisionedThroughputExceededException", 400, Cause.QUOTA),
        ("NeverHeardOfException", 429, Cause.QUOTA),
        ("InvalidParameterException", 400, Cause.BAD_REQUEST),
        ("NeverHeardOfException", 400, Cause.BAD_REQUEST),
        ("BadDocumentException", 500, Cause.UNREACHABLE),
        ("InternalServerError", 500, Cause.UNREACHABLE),
        ("ServiceUnavailableException", 503, Cause.UNREACHABLE),
    ],
)
async def test_errors(code, status, cause):
    """By AWS's code, else by the status; asked once, and without AWS's text."""
    answer = refusal(code, status)
    with pytest.raises(VendorError, check=caused_by(cause)) as caught:
        await ask(lambda _request: answer)
    assert caught.value.codes == (code,)
    assert caught.value.transaction_id == REQUEST_ID
    assert "FAKEY" not in str(caught.value)


async def test_an_error_whose_code_is_a_text():
    """A code has no spaces: the status is named in its place."""
    answer = refusal("no such FAKEY MCFAKERSON")
    with pytest.raises(VendorError) as caught:
        await ask(lambda _request: answer)
    assert caught.value.codes == ("400",)


async def test_one_request_for_one_question():
    """Botocore repeats nothing that may have been billed."""
    seen = []

    def answer(request):
        seen.append(request)
        return refusal("InternalServerError", 500)

    with pytest.raises(VendorError):
        await ask(answer)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"IdentityDocuments": []}', b'{"IdentityDocuments": null}', b"{", b"\xff"],
)
async def test_answers_that_are_cut_off(content):
    """Botocore reads an empty answer from some of them; no reading follows."""
    answer = response({})
    broken = httpx.Response(200, headers=answer.headers, content=content)
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await ask(lambda _request: broken)


async def test_a_type_that_is_not_documented():
    """Neither a yes nor a no."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await ask(vendor(analyzed(LICENSE, ID_TYPE="SENATOR CARD")))


@pytest.mark.parametrize(
    ("region", "fips"), [("us-east-1", True), ("us-west-2", False), ("us-gov-west-1", False)]
)
def test_endpoints_are_those_of_botocore(region, fips):
    """The allow-list needs their hosts before botocore is imported."""
    settings = AWSIdentitySettings.model_validate({**SECTION, "region": region, "fips": fips})
    session = botocore.session.get_session()
    session.set_credentials("AKIDEXAMPLE", "a-secret")
    urls = {"textract": settings.textract_url, "rekognition": settings.rekognition_url}
    for service, url in urls.items():
        config = Config(use_fips_endpoint=fips)
        assert session.create_client(service, region_name=region, config=config).meta.endpoint_url == url


# Credentials


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine without credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    return tmp_path


CHAIN = {"region": "us-east-1"}


async def test_without_credentials(nowhere):
    """An operator has to act; the metadata service is not asked."""
    with pytest.raises(VendorError, check=caused_by(Cause.AUTHENTICATION)):
        await ask(vendor(analyzed(LICENSE)), section=CHAIN)


async def test_credentials_of_the_environment(nowhere, monkeypatch):
    """The first of the AWS chain."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    _result, fake = await ask(vendor(analyzed(LICENSE)), section=CHAIN)
    assert "Credential=AKIDENVIRONMENT/" in fake.requests[0].headers["authorization"]


async def test_a_profile_that_assumes_a_role_is_not_used(nowhere):
    """It would call another service, past the outbound client."""
    (nowhere / "config").write_text(
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/reader\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n"
    )
    with pytest.raises(VendorError, check=caused_by(Cause.AUTHENTICATION)):
        await ask(vendor(analyzed(LICENSE)), section=CHAIN)


async def test_the_metadata_service_is_asked_where_the_settings_allow_it(nowhere, monkeypatch):
    """The role of the instance or the container."""
    provided = Credentials("AKIDROLE", "a-secret", "a-token")
    monkeypatch.setattr("botocore.credentials.InstanceMetadataProvider.load", lambda _self: provided)
    _result, fake = await ask(vendor(analyzed(LICENSE)), section={**CHAIN, "metadata_credentials": True})
    assert "Credential=AKIDROLE/" in fake.requests[0].headers["authorization"]
    with pytest.raises(VendorError):
        await ask(vendor(analyzed(LICENSE)), section=CHAIN)


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"region": "Virginia"},
        {**CHAIN, "access_key_id": "AKIDEXAMPLE000000001"},
        {**CHAIN, "session_token": "a-token-without-a-key"},
        {**CHAIN, "textract_endpoint_url": "http://textract.example.gov"},
        {**CHAIN, "textract_endpoint_url": "https://user@textract.example.gov"},
        {**CHAIN, "min_similarity": 50.0},
    ],
)
def test_settings_that_are_refused(section):
    """At the start, not at the first question."""
    with pytest.raises(ValidationError):
        AWSIdentitySettings.model_validate(section)


def test_settings_hide_the_credentials():
    """Also where they are printed."""
    assert "an-invented-secret" not in repr(AWSIdentitySettings.model_validate(SECTION))


async def test_an_endpoint_of_ones_own():
    """A VPC endpoint, or what plays AWS on this machine."""
    section = {**SECTION, "textract_endpoint_url": "http://127.0.0.1:8911"}
    _result, fake = await ask(lambda _request: response(analyzed(LICENSE)), "aws_identity", section=section)
    assert str(fake.requests[0].url) == "http://127.0.0.1:8911/"


@pytest.mark.parametrize("provider", ["load", "refresh"])
async def test_credentials_that_cannot_be_had(nowhere, monkeypatch, provider):
    """By the program that should give them: an operator has to act."""
    program = nowhere / "program"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    (nowhere / "config").write_text(f"[default]\ncredential_process = {program}\n")
    if provider == "refresh":
        failing = mock.Mock(side_effect=CredentialRetrievalError(provider="role", error_msg="gone"))
        monkeypatch.setattr("botocore.signers.RequestSigner.sign", failing)
    section = CHAIN if provider == "load" else SECTION
    with pytest.raises(VendorError, check=caused_by(Cause.AUTHENTICATION)):
        await ask(vendor(analyzed(LICENSE)), section=section)
