"""`proofing check --deep`: one real upload, as a browser would make it, and everything that must be refused.

What it writes lies below `PROBE_PREFIX`, under random keys, and is deleted. It needs the rights of a web
process, and to read and delete below that prefix; without those it says what it could not verify.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import httpx

from proofing.base.errors import (
    ImageNotFoundError,
    ProofingError,
    StoreError,
    StoreUnavailableError,
    UploadRefusedError,
)
from proofing.contracts.stores import (
    OBJECT_PREFIX,
    ImageStore,
    PresignedUpload,
    UploadConstraints,
    UploadReceiver,
)
from proofing.registry.backends import BackendReport, Backends, open_backend
from proofing.settings import Settings

PROBE_PREFIX = f"{OBJECT_PREFIX}probe/"
_LIFE_SECONDS = 60.0
_REQUEST_SECONDS = 10.0
#: For all of a deep check.
_SECONDS = 60.0
_ALLOWED_ORIGIN = "access-control-allow-origin"


@dataclass(slots=True)
class DeepReport:
    """What a deep check found.

    Attributes:
        problems: uploads would fail, or be accepted that must not be.
        advice: what could not be verified, and why.
    """

    problems: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


async def check_uploads(
    backends: Backends, settings: Settings, reports: Mapping[str, BackendReport]
) -> DeepReport:
    """Try the uploads of the image store, unless it could not even be opened."""
    if reports["image_store"].problem is not None:
        return DeepReport(problems=["not tried: the image store cannot be used"])
    try:
        async with asyncio.timeout(_SECONDS):
            try:
                await open_backend("image_store", backends.images)
                return await try_uploads(backends.images, settings.public_url)
            finally:
                await backends.images.close()
    except ProofingError as error:
        return DeepReport(problems=[str(error)])
    except TimeoutError:
        return DeepReport(problems=[f"not done within {_SECONDS:g} s"])


async def try_uploads(store: ImageStore, origin: str) -> DeepReport:
    """Upload, as a page of *origin* would, to an open *store*.

    Raises:
        StoreUnavailableError: the store cannot be asked at all.
    """
    report = DeepReport()
    body, other = secrets.token_bytes(64), secrets.token_bytes(64)
    keys = [f"{PROBE_PREFIX}{secrets.token_hex(16)}" for _ in range(2)]
    try:
        async with httpx.AsyncClient(
            timeout=_REQUEST_SECONDS, trust_env=False, follow_redirects=False, headers={"origin": origin}
        ) as client:
            sender = _Receiver(store) if isinstance(store, UploadReceiver) else _Endpoint(client, origin)
            first, second = [await store.presign(_terms(key, body)) for key in keys]
            report.problems += await sender.preflight(first)
            if (status := await sender.put(keys[0], first, other)) < httpx.codes.BAD_REQUEST:
                report.problems.append(
                    "other bytes than were signed are accepted: it ignores the SHA-256 checksum"
                )
            if (status := await sender.put(keys[1], second, body)) >= httpx.codes.BAD_REQUEST:
                report.problems.append(f"an upload through a signed URL is refused with status {status}")
                return report
            report.problems += sender.answer_problems
            if await sender.put(keys[1], second, body) < httpx.codes.BAD_REQUEST:
                report.problems.append(
                    "a second upload through one signed URL is accepted: it ignores If-None-Match"
                )
            await _read_back(store, keys[1], body, report)
    except httpx.HTTPError as error:
        report.problems.append(
            f"the address that browsers upload to cannot be reached from here: {type(error).__name__}"
        )
    finally:
        await _delete(store, keys, report)
    return report


def _terms(object_key: str, body: bytes) -> UploadConstraints:
    """Return what one probe may upload."""
    return UploadConstraints(
        object_key=object_key,
        length=len(body),
        sha256=hashlib.sha256(body).digest(),
        ttl_seconds=_LIFE_SECONDS,
    )


async def _read_back(store: ImageStore, object_key: str, body: bytes, report: DeepReport) -> None:
    """Compare what was kept with what was sent, if our role may read it."""
    try:
        if await store.read(object_key, max_bytes=len(body)) != body:
            report.problems.append("what was kept is not what was sent")
    except ImageNotFoundError:
        report.problems.append("what was uploaded is not there")
    except StoreUnavailableError as error:
        report.advice.append(f"what was kept could not be read: {error}")
    except StoreError:
        report.problems.append("what was kept is longer than what was sent")


async def _delete(store: ImageStore, keys: list[str], report: DeepReport) -> None:
    """Delete the probes, and see that they are gone."""
    try:
        for object_key in keys:
            await store.delete(object_key)
        await store.read(keys[1], max_bytes=1)
    except ImageNotFoundError:
        return
    except StoreUnavailableError as error:
        # A role that may not list is refused, not told that there is nothing.
        report.advice.append(
            f"the probes may be left, until the sweeper or the lifecycle rule comes: {error}"
        )
    except ProofingError:
        report.problems.append("what was deleted is still there")


class _Receiver:
    """Hands uploads to a store that the web server receives for; its own pages need no CORS for it."""

    answer_problems: tuple[str, ...] = ()

    def __init__(self, store: UploadReceiver) -> None:
        self._store = store

    async def preflight(self, _upload: PresignedUpload) -> list[str]:
        """Return nothing: the page and the upload are of one origin."""
        return []

    async def put(self, object_key: str, upload: PresignedUpload, body: bytes) -> int:
        """Return the status that the web server would answer with."""
        headers = {name.lower(): value for name, value in upload.headers.items()}
        headers["content-length"] = str(len(body))
        try:
            await self._store.receive(
                object_key,
                query=dict(parse_qsl(urlsplit(upload.url).query)),
                headers=headers,
                body=_once(body),
            )
        except UploadRefusedError as error:
            return error.status
        return int(httpx.codes.OK)


class _Endpoint:
    """Sends uploads to the store's own address."""

    def __init__(self, client: httpx.AsyncClient, origin: str) -> None:
        self._client = client
        self._origin = origin
        #: What was wrong with the answer to the last upload, as a page sees it.
        self.answer_problems: tuple[str, ...] = ()

    async def preflight(self, upload: PresignedUpload) -> list[str]:
        """Ask as a browser does before the upload, and return what would keep it from uploading."""
        names = sorted(name.lower() for name in upload.headers)
        asked = {"access-control-request-method": "PUT", "access-control-request-headers": ",".join(names)}
        answer = await self._client.options(upload.url, headers=asked)
        if answer.is_error:
            refusal = f"CORS: the preflight of a page of {self._origin} is refused ({answer.status_code});"
            return [f"{refusal} allow this origin, PUT, and the headers {', '.join(names)}"]
        problems = []
        if not self._is_allowed(answer.headers):
            problems.append(f"CORS: the preflight does not allow the origin {self._origin}")
        if not _items(answer.headers, "access-control-allow-methods") & {"put", "*"}:
            problems.append("CORS: the preflight does not allow PUT")
        allowed = _items(answer.headers, "access-control-allow-headers")
        if "*" not in allowed and (missing := [name for name in names if name not in allowed]):
            problems.append(f"CORS: the preflight does not allow the headers {', '.join(missing)}")
        return problems

    async def put(self, _object_key: str, upload: PresignedUpload, body: bytes) -> int:
        """Upload *body* and return the status."""
        answer = await self._client.put(upload.url, headers=dict(upload.headers), content=body)
        self.answer_problems = (
            ()
            if self._is_allowed(answer.headers)
            else (f"CORS: the answer to an upload does not allow the origin {self._origin}",)
        )
        return answer.status_code

    def _is_allowed(self, headers: Mapping[str, str]) -> bool:
        """Return whether a page of our origin may read an answer with *headers*."""
        return headers.get(_ALLOWED_ORIGIN) in {self._origin, "*"}


def _items(headers: Mapping[str, str], name: str) -> set[str]:
    """Return the items of a list header, in lower case."""
    return {item.strip().lower() for item in headers.get(name, "").split(",") if item.strip()}


async def _once(body: bytes) -> AsyncIterator[bytes]:
    """Give *body* as the body of a request."""
    yield body
