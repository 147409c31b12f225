"""The strict KMS stand-in: signatures, rights, keys that may be used, aliases, and a state file."""

import hashlib
import json
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from proofing_devtools.aws_rights import DEFAULT_CREDENTIAL, Credential, Statement, allowing
from proofing_devtools.aws_signature import SignedRequest, sign
from proofing_devtools.kms import KMSServer, running_kms

ARGUMENTS = {"app": "proofing", "purpose": "args"}
SESSION = {"app": "proofing", "purpose": "session"}
#: May wrap for every purpose, and unwrap for sessions.
WEB = Credential(
    access_key="AKIAWEB",
    secret_key="web",
    policy=(
        *allowing("kms:GenerateDataKey"),
        Statement(
            actions=frozenset({"kms:Decrypt"}),
            equals={"kms:EncryptionContext:purpose": frozenset({"session"})},
        ),
    ),
)
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/none"
#: May use one key, which is not the one that is there.
OTHER = Credential(
    access_key="AKIAOTHER",
    secret_key="other",
    policy=(
        Statement(
            actions=frozenset({"kms:GenerateDataKey", "kms:Decrypt"}), resources=(OTHER_KEY,), equals={}
        ),
    ),
)
TEMPORARY = Credential(access_key="ASIATEMPORARY", secret_key="temporary", session_token="token")


@pytest.fixture(scope="module")
def kms() -> Iterator[KMSServer]:
    """Run one KMS for the tests of this module."""
    with running_kms(credentials=[DEFAULT_CREDENTIAL, WEB, OTHER, TEMPORARY]) as server:
        yield server


def make_client(server: KMSServer, credential: Credential = DEFAULT_CREDENTIAL) -> Any:
    """Return a boto3 client."""
    return boto3.client(
        "kms",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=credential.access_key,
        aws_secret_access_key=credential.secret_key,
        aws_session_token=credential.session_token,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def code_of(call: Callable[..., object], **arguments: object) -> str:
    """Return the code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_keys_wrap_in_their_context_and_survive_with_a_state_file(tmp_path: Path) -> None:
    """A data key opens in its context only, also after a restart; the state file is private."""
    state = tmp_path / "kms.json"
    with running_kms(state=state) as server:
        client = make_client(server)
        made = client.generate_data_key(
            KeyId=server.alias, KeySpec="AES_256", EncryptionContext={"purpose": "args"}
        )
        with pytest.raises(ClientError):
            client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"purpose": "image"})
        client.close()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    with running_kms(state=state) as server:
        client = make_client(server)
        opened = client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"purpose": "args"})
        assert opened["Plaintext"] == made["Plaintext"]
        assert opened["KeyId"] == made["KeyId"]
        client.close()


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        (Credential(access_key="AKIANOBODY", secret_key="s"), "UnrecognizedClientException"),
        (Credential(access_key=WEB.access_key, secret_key="wrong"), "InvalidSignatureException"),
        (Credential(access_key=WEB.access_key, secret_key="Web"), "InvalidSignatureException"),
        (
            Credential(access_key=WEB.access_key, secret_key="web", session_token="unasked"),
            "UnrecognizedClientException",
        ),
        (
            Credential(access_key=TEMPORARY.access_key, secret_key=TEMPORARY.secret_key),
            "UnrecognizedClientException",
        ),
    ],
)
def test_wrong_credentials_are_refused(kms: KMSServer, credential: Credential, code: str) -> None:
    """Neither an unknown key, nor a wrong secret, nor a token that was never issued or is missing."""
    client = make_client(kms, credential)
    assert code_of(client.generate_data_key, KeyId=kms.alias, KeySpec="AES_256") == code
    assert code_of(client.decrypt, CiphertextBlob=b"x" * 100) == code
    assert code_of(client.list_aliases) == code
    client.close()


def test_temporary_credentials_need_their_token(kms: KMSServer) -> None:
    """With its token it may do what the others may."""
    client = make_client(kms, TEMPORARY)
    assert client.list_aliases()["Aliases"]
    client.close()


def signed_headers(server: KMSServer, body: bytes, *, age_seconds: int = 0) -> dict[str, str]:
    """Return the headers of a request to make a data key, signed by hand."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age_seconds))
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": server.url.removeprefix("http://"),
        "x-amz-date": date,
        "x-amz-target": "TrentService.GenerateDataKey",
    }
    scope = f"{date[:8]}/us-east-1/kms/aws4_request"
    signature = sign(
        SignedRequest("POST", "/", "", list(headers.items()), body),
        WEB.secret_key,
        scope=scope,
        date=date,
        signed=";".join(headers),
        payload=hashlib.sha256(body).hexdigest(),
    )
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={WEB.access_key}/{scope},"
        f" SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
    )
    return headers


def ask(url: str, body: bytes, headers: dict[str, str]) -> str:
    """Send a request as it is; return the code of the refusal, or nothing."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        return str(json.loads(error.read())["__type"])


def test_the_signature_covers_the_request(kms: KMSServer) -> None:
    """Another body, action, host or time, a header that was not signed, or no signature at all."""
    body = json.dumps({"KeyId": kms.alias, "KeySpec": "AES_256"}).encode()
    good = signed_headers(kms, body)
    assert ask(kms.url, body, good) == ""
    cases = [
        (body + b" ", good, "InvalidSignatureException"),
        (body, {**good, "x-amz-target": "TrentService.ListAliases"}, "InvalidSignatureException"),
        (body, {**good, "host": "kms.example"}, "InvalidSignatureException"),
        (body, {**good, "x-amz-more": "x"}, "MissingAuthenticationTokenException"),
        (body, signed_headers(kms, body, age_seconds=16 * 60), "InvalidSignatureException"),
        (body, {**good, "authorization": "Basic x"}, "IncompleteSignatureException"),
        (body, {**good, "authorization": good["authorization"].replace("/kms/", "/s3/")}, None),
        (body, {**good, "authorization": good["authorization"].replace("us-east-1", "us-west-2")}, None),
        (
            body,
            {k: v for k, v in good.items() if k != "authorization"},
            "MissingAuthenticationTokenException",
        ),
    ]
    for content, headers, code in cases:
        assert ask(kms.url, content, headers) == (code or "IncompleteSignatureException")
    assert ask(f"{kms.url}/?Action=Decrypt", body, good) == "InvalidSignatureException"
    assert ask(f"{kms.url}/other", body, good) == "InvalidSignatureException"


def test_rights_are_checked_by_encryption_context(kms: KMSServer) -> None:
    """Permission to unwrap for one purpose permits no other, also without a context or with a false one."""
    web, owner = make_client(kms, WEB), make_client(kms)
    made = {
        purpose["purpose"]: web.generate_data_key(
            KeyId=kms.alias, KeySpec="AES_256", EncryptionContext=purpose
        )
        for purpose in (ARGUMENTS, SESSION)
    }
    opened = web.decrypt(CiphertextBlob=made["session"]["CiphertextBlob"], EncryptionContext=SESSION)
    assert opened["Plaintext"] == made["session"]["Plaintext"]
    wrapped = made["args"]["CiphertextBlob"]
    assert (
        code_of(web.decrypt, CiphertextBlob=wrapped, EncryptionContext=ARGUMENTS) == "AccessDeniedException"
    )
    assert code_of(web.decrypt, CiphertextBlob=wrapped) == "AccessDeniedException"
    assert code_of(web.decrypt, CiphertextBlob=wrapped, EncryptionContext=SESSION) != ""
    owned = owner.decrypt(CiphertextBlob=wrapped, EncryptionContext=ARGUMENTS)
    assert owned["Plaintext"] == made["args"]["Plaintext"]
    for call, arguments in (
        (web.encrypt, {"KeyId": kms.alias, "Plaintext": b"x"}),
        (web.disable_key, {"KeyId": kms.alias}),
        (web.create_key, {}),
        (web.list_aliases, {}),
        (web.describe_key, {"KeyId": kms.alias}),
        (
            web.re_encrypt,
            {
                "CiphertextBlob": wrapped,
                "DestinationKeyId": kms.alias,
                "SourceEncryptionContext": ARGUMENTS,
                "DestinationEncryptionContext": SESSION,
            },
        ),
    ):
        assert code_of(call, **arguments) == "AccessDeniedException"
    for client in (web, owner):
        client.close()


def test_rights_are_checked_by_key(kms: KMSServer) -> None:
    """A policy that names one key is of no use with another, whichever way that one is named."""
    client, owner = make_client(kms, OTHER), make_client(kms)
    key = owner.generate_data_key(KeyId=kms.alias, KeySpec="AES_256")
    for name in (kms.alias, key["KeyId"], key["KeyId"].rpartition("/")[2]):
        made = code_of(client.generate_data_key, KeyId=name, KeySpec="AES_256")
        assert made == "AccessDeniedException"
    for more in ({}, {"KeyId": OTHER_KEY}):
        opened = code_of(client.decrypt, CiphertextBlob=key["CiphertextBlob"], **more)
        assert opened == "AccessDeniedException"
    for one in (client, owner):
        one.close()


@pytest.mark.parametrize(
    ("call", "code"),
    [("disable_key", "DisabledException"), ("schedule_key_deletion", "KMSInvalidStateException")],
)
def test_keys_that_are_not_enabled_are_refused(kms: KMSServer, call: str, code: str) -> None:
    """They neither wrap nor unwrap, be the key named or only in the wrapping; enabled again they do."""
    client = make_client(kms)
    arn = kms.create_key(f"alias/{call.replace('_', '-')}")
    key = client.generate_data_key(KeyId=arn, KeySpec="AES_256")
    getattr(client, call)(KeyId=arn.rpartition("/")[2])  # moto takes no ARN here
    assert code_of(client.generate_data_key, KeyId=arn, KeySpec="AES_256") == code
    assert code_of(client.decrypt, CiphertextBlob=key["CiphertextBlob"], KeyId=arn) == code
    assert code_of(client.decrypt, CiphertextBlob=key["CiphertextBlob"]) == code
    if call == "disable_key":
        client.enable_key(KeyId=arn.rpartition("/")[2])
        assert client.decrypt(CiphertextBlob=key["CiphertextBlob"])["Plaintext"] == key["Plaintext"]
    client.close()


def test_nonsense_is_refused(kms: KMSServer) -> None:
    """Keys and wrappings that are not there or no such thing are errors of the request."""
    client = make_client(kms)
    assert code_of(client.describe_key, KeyId="alias/none") == "NotFoundException"
    assert code_of(client.decrypt, CiphertextBlob=b"\xff" * 100) == "InvalidCiphertextException"
    client.close()
    for body in (b"{", b"[]", b'{"EncryptionContext":1}'):
        assert ask(kms.url, body, signed_headers(kms, body)) == "SerializationException"


def test_a_program_that_does_not_come_up_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without moto the message says what to install."""
    monkeypatch.setattr("proofing_devtools.kms.sys.executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"moto\[kms\]"):
        KMSServer().start()
