"""JSON API of uploads: slot, pre-signed URL, ciphertext, submission. See openapi.yaml."""

import base64
import binascii
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofing.encryption import IV_BYTES, KEY_BYTES
from proofing.errors import (
    InvalidInputError,
    LimitReachedError,
    QueueUnavailableError,
    StoreUnavailableError,
    UploadRefusedError,
)
from proofing.images import Side
from proofing.records import JobKind
from proofing.service import EncryptedImage
from proofing.stores import UploadReceiver
from proofing.uploads import SHA256_BYTES
from proofing_server.bodies import read_json
from proofing_server.entry import enter, limit_path
from proofing_server.flow import Data, Page
from proofing_server.sessions import CSRF_HEADER, Session
from proofing_server.site import LIMITS, Site, problem_json, site_of
from proofing_server.submitting import submit

_MEDIA_TYPES = frozenset({"image/jpeg", "image/png", "application/yaml"})
_SOURCES = frozenset({"upload", "camera"})
_MAX_NUMBER = 2**31


async def make_slot(request: Request) -> Response:
    """Make room for the upload of one side."""
    site, session, body = await _enter(request)
    attempt = _known_attempt(session, body)
    side = _side(body.get("side"))
    try:
        slot = await site.service.new_slot(session.person, attempt=attempt, side=side)
    except LimitReachedError as error:
        return _limited(error)
    return JSONResponse({"slot": slot}, 201)


async def presign(request: Request) -> Response:
    """Return where and how the ciphertext of a slot is sent."""
    site, session, body = await _enter(request)
    attempt = _known_attempt(session, body)
    length = body.get("length")
    if type(length) is not int:
        raise HTTPException(400)
    try:
        upload = await site.service.presign(
            session.person,
            attempt=attempt,
            slot=request.path_params["slot"],
            length=length,
            sha256=_decode(body.get("sha256"), SHA256_BYTES),
        )
    except UploadRefusedError as error:
        return problem_json(error.status, error.code)
    return JSONResponse({"url": upload.url, "headers": dict(upload.headers)})


async def submit_document(request: Request) -> Response:
    """Hand in the key and the slots of one attempt: the document job."""
    site, session, body = await _enter(request)
    if not site.service.async_documents:
        return problem_json(409, "mode_changed", next=Page.DOCUMENT)
    attempt = _known_attempt(session, body)
    key = _decode(body.get("key"), KEY_BYTES)
    images = _images(body.get("images"))
    metadata = _metadata(body.get("metadata", {}))

    async def ask(data: Data) -> str:
        return await site.service.submit_uploads(
            session.person,
            attempt=attempt,
            encryption_key=key,
            images=images,
            failed_fingerprints=data.get("failed_fingerprints", ()),
            metadata=metadata,
        )

    try:
        path = await submit(session, JobKind.DOCUMENT, ask)
    except InvalidInputError as error:
        return problem_json(400, "invalid", errors=error.fields)
    except UploadRefusedError as error:
        return problem_json(error.status, error.code)
    except (StoreUnavailableError, QueueUnavailableError):
        return problem_json(503, "technical")
    return JSONResponse({"next": path}, 202)


def receive_upload(receiver: UploadReceiver) -> Any:
    """Return the handler that passes uploads to a store without an endpoint of its own."""

    async def handler(request: Request) -> Response:
        """Keep the ciphertext, if it is what was signed for."""
        try:
            await receiver.receive(
                request.path_params["object_key"],
                query=dict(request.query_params),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=request.stream(),
            )
        except UploadRefusedError as error:
            return problem_json(error.status, error.code)
        return Response(status_code=200)

    return handler


async def _enter(request: Request) -> tuple[Site, Session, dict[str, Any]]:
    """Return site, session and body of a request that may add pictures now."""
    session = await site_of(request).sessions.find(request)
    session.check_csrf(request.headers.get(CSRF_HEADER))
    site, session = await enter(request, Page.DOCUMENT, session, is_counted=True)
    return site, session, await read_json(request)


def _known_attempt(session: Session, body: dict[str, Any]) -> str:
    """Return the attempt, if a capture page of this session was given it."""
    attempt = body.get("attempt")
    if not isinstance(attempt, str) or attempt not in session.data.get("attempts", []):
        raise HTTPException(404)
    return attempt


def _side(value: object) -> Side:
    """Return the side that *value* names."""
    if not isinstance(value, str) or value not in set(Side):
        raise HTTPException(400)
    return Side(value)


def _decode(value: object, length: int) -> bytes:
    """Return the bytes that standard base64 text holds, if they are exactly *length*."""
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != length:
        raise HTTPException(400)
    return content


def _images(value: object) -> dict[Side, EncryptedImage]:
    """Return slot and IV of each side."""
    if not isinstance(value, dict) or not value:
        raise HTTPException(400)
    images = {}
    for name, image in value.items():
        if not isinstance(image, dict) or set(image) != {"slot", "iv"} or not isinstance(image["slot"], str):
            raise HTTPException(400)
        images[_side(name)] = EncryptedImage(slot=image["slot"], iv=_decode(image["iv"], IV_BYTES))
    return images


def _metadata(value: object) -> dict[str, dict[str, Any]]:
    """Return what the browser says of the pictures: known facts only, in known types."""
    if not isinstance(value, dict):
        raise HTTPException(400)
    return {_side(name).value: _facts(facts) for name, facts in value.items()}


def _facts(facts: object) -> dict[str, Any]:
    """Return the facts of one picture that may be kept."""
    if not isinstance(facts, dict):
        raise HTTPException(400)
    kept: dict[str, Any] = {
        name: facts[name]
        for name in ("width", "height", "size")
        if type(facts.get(name)) is int and 0 <= facts[name] < _MAX_NUMBER
    }
    if facts.get("mime") in _MEDIA_TYPES:
        kept["mime"] = facts["mime"]
    if facts.get("source") in _SOURCES:
        kept["source"] = facts["source"]
    return kept


def _limited(error: LimitReachedError) -> Response:
    """Return the answer to a reached limit: the page that explains it, where there is one."""
    known = error.limit in LIMITS.values()
    return problem_json(429, "limit_reached", **({"next": limit_path(error.limit)} if known else {}))
