"""JSON API of uploads: slot, pre-signed URL, ciphertext, submission. See openapi.yaml."""

import asyncio
import base64
import binascii
import re
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofing.app.service import EncryptedImage
from proofing.base.errors import (
    InvalidInputError,
    LimitReachedError,
    QueueUnavailableError,
    StoreUnavailableError,
    UploadRefusedError,
)
from proofing.base.metrics import UPLOADS
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.contracts.stores import UploadReceiver
from proofing.crypto.encryption import IV_BYTES, KEY_BYTES
from proofing.sessions.data import KeptUpload, SessionData
from proofing.sessions.steps import Page
from proofing.sessions.uploads import SHA256_BYTES
from proofing_server import kept_uploads
from proofing_server.bodies import read_json
from proofing_server.client_address import client_network
from proofing_server.device_sessions import DEVICE_PAGE, find_capturing, is_for_phone
from proofing_server.guards import (
    document_plan,
    limit_path,
    require_page,
    require_selfie_choice,
    selfie_terms,
)
from proofing_server.measuring import note_cause
from proofing_server.sessions import CSRF_HEADER, Session
from proofing_server.site import LIMITS, RedirectToStep, Site, problem_json, site_of
from proofing_server.submit_job import circumstances_of, submit_job

_MEDIA_TYPES = frozenset({"image/jpeg", "image/png", "application/yaml"})
_SOURCES = frozenset({"upload", "camera"})
_MAX_NUMBER = 2**31
_FINGERPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


async def make_slot(request: Request) -> Response:
    """Make room for the upload of one side."""
    site, session, body = await _require_capture(request)
    attempt = _known_attempt(session, body)
    side = _side(body.get("side"))
    if side is Side.SELFIE and not selfie_terms(site, session).has_consent(session.data.selfie):
        # No photo of a face is taken in without the person's consent, whatever a program asks for.
        return problem_json(403, "no_consent")
    if side not in document_plan(site, session).sides:
        # The vendor, or the document, is another one than when the page was shown.
        raise RedirectToStep(Page.DOCUMENT)
    try:
        slot = await site.service.new_slot(session.person, attempt=attempt, side=side)
    except LimitReachedError as error:
        return _limited(request, error)
    if earlier := kept_uploads.kept(session.data, now=site.service.now()).get(side):
        # Another image was chosen: the earlier one is not shown anymore, whatever becomes of this.
        await session.update(lambda data: kept_uploads.remove(data, side))
        await site.service.uploads.release(session.person.reference, earlier.slot)
    return JSONResponse({"slot": slot}, 201)


async def presign(request: Request) -> Response:
    """Return where and how the ciphertext of a slot is sent."""
    slot = request.path_params["slot"]
    (site, session, body), reserved = await asyncio.gather(
        _require_capture(request), site_of(request).service.uploads.reserved(slot)
    )
    attempt = _known_attempt(session, body)
    length = body.get("length")
    if type(length) is not int:
        raise HTTPException(400)
    try:
        upload = await site.service.uploads.presign(
            session.person.reference,
            attempt=attempt,
            slot=slot,
            reserved=reserved,
            length=length,
            sha256=_decode(body.get("sha256"), SHA256_BYTES),
        )
    except UploadRefusedError as error:
        UPLOADS.labels("refused").inc()
        return problem_json(error.status, error.code)
    UPLOADS.labels("signed").inc()
    return JSONResponse({"url": upload.url, "headers": dict(upload.headers)})


async def finish(request: Request) -> Response:
    """Keep a finished upload in the session, so that the page may be reloaded or closed.

    The key of the page's images comes with the first one. It is sealed for the worker immediately.
    """
    site, session, body = await _require_capture(request)
    attempt = _known_attempt(session, body)
    slot, side = request.path_params["slot"], _side(body.get("side"))
    iv = _decode(body.get("iv"), IV_BYTES)
    key = _decode(body["key"], KEY_BYTES) if "key" in body else None
    if key is None and not kept_uploads.has_key(session.data, attempt):
        return problem_json(409, "key_needed")
    uploads, owner = site.service.uploads, session.person.reference
    try:
        expires_at = await uploads.expires_at(owner, attempt=attempt, slot=slot, side=side)
        sealed = await uploads.seal_key(owner, attempt=attempt, key=key) if key is not None else None
    except UploadRefusedError as error:
        return problem_json(error.status, error.code)
    upload = KeptUpload(
        attempt=attempt,
        slot=slot,
        iv=iv,
        expires_at=expires_at,
        facts=_facts(body.get("metadata", {})),
        fingerprint=_fingerprint(body.get("fingerprint")),
    )

    def keep(data: SessionData) -> tuple[bool, str | None]:
        is_kept = kept_uploads.has_key(data, attempt)
        if sealed is None and not is_kept:
            return False, None  # It went with the last upload, in another tab.
        return True, kept_uploads.keep(data, side, upload, sealed_key=None if is_kept else sealed)

    has_key, earlier = await session.update(keep)
    if not has_key:
        return problem_json(409, "key_needed")
    if earlier is not None:
        await uploads.release(owner, earlier)
    return JSONResponse({})


async def release(request: Request) -> Response:
    """Delete an upload that the person removes."""
    site, session, _body = await _require_capture(request)
    slot = request.path_params["slot"]
    sides = [side for side, upload in session.data.uploads.items() if upload.slot == slot]
    if sides:
        await session.update(lambda data: kept_uploads.remove_slot(data, sides[0], slot))
    if not await site.service.uploads.release(session.person.reference, slot):
        return problem_json(404, "unknown")
    return JSONResponse({})


async def submit_document(request: Request) -> Response:
    """Submit the key and the slots of one attempt: the document job; the same answer when sent twice.

    For the sides that the request does not name, the session's finished uploads are taken.
    """
    try:
        site, session, body = await _require_capture(request)
    except RedirectToStep as elsewhere:
        if elsewhere.path != Page.DOCUMENT_WAIT:
            raise
        return JSONResponse({"next": elsewhere.path}, 202)
    if not site.service.async_documents:
        return problem_json(409, "mode_changed", next=DEVICE_PAGE if is_for_phone(request) else Page.DOCUMENT)
    attempt = _known_attempt(session, body)
    images = _images(body.get("images", {}))
    plan = document_plan(site, session)
    if plan.captures_images or not images.keys() <= set(plan.sides):
        raise RedirectToStep(Page.DOCUMENT)
    key = _decode(body.get("key"), KEY_BYTES) if images else b""
    metadata = _metadata(body.get("metadata", {}))

    # Before the attempt is noted in the session, which has no uploads from then on.
    besides = {*images, *(set(Side) - set(plan.sides))}
    earlier = kept_uploads.for_submission(session.data, besides=besides, now=site.service.now())
    together = {**images, **earlier.images}

    async def ask(data: SessionData, result_id: str) -> str:
        return await site.service.submit_uploads(
            session.person,
            result_id=result_id,
            attempt=attempt,
            encryption_key=key,
            sealed_keys=earlier.sealed_keys,
            images=together,
            failed_fingerprints=sorted(data.failed_fingerprints),
            facts={**metadata, **earlier.metadata},
            applicant=data.typed,
            circumstances=circumstances_of(request, site, data, JobKind.DOCUMENT),
            selfie=data.selfie,
            network=client_network(request),
            plan=plan,
            found=found,
        )

    # Concurrently with the change of the session, which needs another answer of the same store.
    finding = site.service.uploads.find(session.person.reference, attempt=attempt, images=together)
    found = asyncio.ensure_future(finding)
    found.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        if missing := [side for side in plan.sides if side not in together]:
            raise InvalidInputError(dict.fromkeys(missing, "upload_missing"))
        path = await submit_job(site, session, JobKind.DOCUMENT, ask)
    except InvalidInputError as error:
        UPLOADS.labels("missing").inc(len(error.fields))
        return problem_json(400, "invalid", errors=error.fields)
    except UploadRefusedError as error:
        return problem_json(error.status, error.code)
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        return problem_json(503, "technical")
    finally:
        found.cancel()
    UPLOADS.labels("submitted").inc(len(images))
    return JSONResponse({"next": DEVICE_PAGE if is_for_phone(request) else path}, 202)


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
            UPLOADS.labels("refused").inc()
            return problem_json(error.status, error.code)
        UPLOADS.labels("received").inc()
        return Response(status_code=200)

    return handler


async def _require_capture(request: Request) -> tuple[Site, Session, dict[str, Any]]:
    """Return site, session and body of a request that may add images now."""
    session = await find_capturing(request)
    session.check_csrf(request.headers.get(CSRF_HEADER))
    site, session = await require_page(request, Page.DOCUMENT, session, is_counted=True)
    require_selfie_choice(site, session)
    return site, session, await read_json(request)


def _known_attempt(session: Session, body: dict[str, Any]) -> str:
    """Return the attempt, if a capture page of this session was given it."""
    attempt = body.get("attempt")
    if not isinstance(attempt, str) or attempt not in session.data.attempts:
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
    if not isinstance(value, dict):
        raise HTTPException(400)
    images = {}
    for name, image in value.items():
        if not isinstance(image, dict) or set(image) != {"slot", "iv"} or not isinstance(image["slot"], str):
            raise HTTPException(400)
        images[_side(name)] = EncryptedImage(slot=image["slot"], iv=_decode(image["iv"], IV_BYTES))
    return images


def _metadata(value: object) -> dict[str, dict[str, int | str | bool]]:
    """Return what the browser says of the images: known facts only, in known types."""
    if not isinstance(value, dict):
        raise HTTPException(400)
    return {_side(name).value: _facts(facts) for name, facts in value.items()}


def _fingerprint(value: object) -> str | None:
    """Return the fingerprint of an image, by which the same file for two sides is found, or None."""
    return value if isinstance(value, str) and _FINGERPRINT.fullmatch(value) else None


def _facts(facts: object) -> dict[str, int | str | bool]:
    """Return the facts of one image that may be kept."""
    if not isinstance(facts, dict):
        raise HTTPException(400)
    kept: dict[str, int | str | bool] = {
        name: facts[name]
        for name in ("width", "height", "size")
        if type(facts.get(name)) is int and 0 <= facts[name] < _MAX_NUMBER
    }
    if facts.get("mime") in _MEDIA_TYPES:
        kept["mime"] = facts["mime"]
    if facts.get("source") in _SOURCES:
        kept["source"] = facts["source"]
    if facts.get("scaled") is True:
        kept["scaled"] = True
    return kept


def _limited(request: Request, error: LimitReachedError) -> Response:
    """Return the answer to a reached limit: the page that explains it, where there is one."""
    known = error.limit in LIMITS.values()
    path = DEVICE_PAGE if is_for_phone(request) else limit_path(error.limit)
    return problem_json(429, "limit_reached", **({"next": path} if known else {}))
