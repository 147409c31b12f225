"""Answers of AWS that say no: each ends in one of our errors, and tells nothing that it should not."""

import http.server
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from proofing.base.errors import ConfigurationError, EncryptionError, ProofingError, StoreUnavailableError
from proofing.testing.image_slots import make_terms
from proofing_aws.image_store import S3ImageStore
from proofing_aws.key_service import KMSKeyService
from proofing_aws.secret_store import S3SecretStore

CONTEXT = {"purpose": "args"}


class Refuser:
    """An AWS that answers everything with one error."""

    def __init__(self) -> None:
        refuser = self
        self.status = 500
        self.code = ""

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers with the refuser's error, as S3 or as KMS words it."""

            def do_POST(self) -> None:
                """Refuse."""
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                text = (
                    json.dumps({"__type": refuser.code, "message": "canary"})
                    if self.command == "POST"
                    else f"<Error><Code>{refuser.code}</Code><Message>canary</Message></Error>"
                )
                self.send_response(refuser.status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def refuser() -> Iterator[Refuser]:
    """Run an AWS that refuses."""
    refuser = Refuser()
    thread = threading.Thread(target=refuser.server.serve_forever, args=(0.05,))
    thread.start()
    yield refuser
    refuser.server.shutdown()
    thread.join()
    refuser.server.server_close()


async def error_of(call: Awaitable[object]) -> ProofingError:
    """Return the error that *call* ends with, which must be ours and name no cause."""
    with pytest.raises(ProofingError) as caught:
        await call
    assert caught.value.__cause__ is None
    assert "canary" not in str(caught.value)
    return caught.value


S3_CALLS: dict[str, Callable[[S3ImageStore], Awaitable[object]]] = {
    "read": lambda store: store.read("images/one", max_bytes=10),
    "delete": lambda store: store.delete("images/one"),
    "sweep": lambda store: store.sweep(older_than_seconds=0),
}


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (503, "SlowDown", "cannot serve now"),
        (500, "InternalError", "cannot serve now"),
        (403, "AccessDenied", "does not allow"),
        (403, "ExpiredToken", "refuses our credentials"),
        (403, "RequestTimeTooSkewed", "refuses our credentials"),
        (400, "SomethingNew", "cannot serve now"),
    ],
)
async def test_s3(status: int, code: str, said: str, refuser: Refuser, aws: Any) -> None:
    """Every call says in one sentence whether it is S3, our credentials or our rights."""
    settings = aws.settings(s3_endpoint_url=refuser.url, attempts=1, probe_at_start=False)
    refuser.status, refuser.code = 403, "AccessDenied"
    store = S3ImageStore(settings, role="worker")
    await store.open()
    await store.open()
    refuser.status, refuser.code = status, code
    for call in S3_CALLS.values():
        error = await error_of(call(store))
        assert isinstance(error, StoreUnavailableError)
        assert said in str(error)
    assert (await store.presign(make_terms()[0])).url  # needs nobody
    await store.close()
    secrets = await error_of(S3SecretStore(settings, environment="test").load())
    assert isinstance(secrets, ConfigurationError if code == "AccessDenied" else StoreUnavailableError)


@pytest.mark.parametrize(
    ("status", "code", "errors"),
    [
        (500, "KMSInternalException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "ThrottlingException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "ExpiredTokenException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "InvalidSignatureException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "IncompleteSignatureException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "MissingAuthenticationTokenException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "UnrecognizedClientException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "AccessDeniedException", (StoreUnavailableError, EncryptionError)),
        (400, "DisabledException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "KMSInvalidStateException", (StoreUnavailableError, StoreUnavailableError)),
        (400, "InvalidCiphertextException", (StoreUnavailableError, EncryptionError)),
        (400, "IncorrectKeyException", (StoreUnavailableError, EncryptionError)),
    ],
)
async def test_kms(
    status: int,
    code: str,
    errors: tuple[type[ProofingError], type[ProofingError]],
    refuser: Refuser,
    aws: Any,
) -> None:
    """What says something about the message is an encryption error; what says nothing about it is not."""
    settings = aws.settings(kms_endpoint_url=refuser.url, attempts=1)
    refuser.status, refuser.code = 400, "AccessDeniedException"
    service = KMSKeyService(settings, environment="test")
    await service.open()  # describing the key may be forbidden
    refuser.status, refuser.code = status, code
    assert type(await error_of(service.generate(CONTEXT))) is errors[0]
    assert type(await error_of(service.unwrap(b"wrapped", "key", CONTEXT))) is errors[1]
    await service.close()
    assert isinstance(await error_of(service.generate(CONTEXT)), StoreUnavailableError)


async def test_a_probe_that_fails_otherwise_is_no_verdict(refuser: Refuser, aws: Any) -> None:
    """Only a second success proves a careless bucket; a refusal is a refusal."""
    refuser.status, refuser.code = 403, "AccessDenied"
    store = S3ImageStore(aws.settings(s3_endpoint_url=refuser.url, attempts=1), role="web")
    assert isinstance(await error_of(store.open()), StoreUnavailableError)


async def test_without_a_region_the_start_names_the_setting(
    refuser: Refuser, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain may name a region; when nothing does, KMS cannot be found."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    service = KMSKeyService(aws.settings(region=None), environment="test")
    assert "set aws.region" in str(await error_of(service.open()))
