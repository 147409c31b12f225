"""The capture page: photos of the document, or the way to the vendor that takes them itself."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from proofing.app.documents import DocumentPlan
from proofing.base.errors import InvalidInputError, QueueUnavailableError, StoreUnavailableError
from proofing.contracts.images import Side, fingerprint_of
from proofing.contracts.records import JobKind
from proofing.rules.documents import by_side, failed_before
from proofing.rules.image_check import MAX_PIXELS, MAX_SIDE_PIXELS, is_text
from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing.sessions.uploads import new_attempt
from proofing_server import flow, kept_uploads
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.device_sessions import POLL_SECONDS, DeviceSession
from proofing_server.guards import (
    check_form,
    document_plan,
    refuse_at_limit,
    require_page,
    require_selfie_choice,
)
from proofing_server.images import check_image
from proofing_server.measuring import note_cause
from proofing_server.multipart import MultipartForm, read_multipart
from proofing_server.sessions import Session
from proofing_server.site import LIMITS, Site, go_to
from proofing_server.submit_job import circumstances_of, submit_job

#: How many capture pages of one session may be open and still upload.
_MAX_OPEN_ATTEMPTS = 4
#: The field, and its value, by which a form says that it is not for photos.
_WAY, _VISIT = "way", "visit"


async def show(request: Request) -> Response:
    """Show the capture page; every showing is a new attempt with room for its own uploads."""
    site, session = await require_page(request, Page.DOCUMENT, is_counted=True)
    require_selfie_choice(site, session)
    return await capture_page(request, site, session)


async def post(request: Request) -> Response:
    """Take the images from the form post, when the browser does not upload them."""
    site, session = await require_page(request, Page.DOCUMENT, is_counted=True)
    largest = site.service.settings.max_image_upload_bytes
    async with read_multipart(request, site.forms, max_file_bytes=largest) as form:
        check_form(session, form.fields)
        require_selfie_choice(site, session)
        return await _take_images(request, site, session, form)


async def _take_images(request: Request, site: Site, session: Session, form: MultipartForm) -> Response:
    """Submit the images of a form post."""
    plan = document_plan(site, session)
    is_visit = form.fields.get(_WAY) == _VISIT
    if is_visit is not plan.captures_images or (site.service.async_documents and not is_visit):
        # A switch or the vendor changed while the page was open: it is another page now.
        return await capture_page(request, site, session, errors={"form": "document_changed"}, status=409)
    if is_visit:
        return await _visit_vendor(request, site, session, plan)
    some_came = any(form.file_names.get(side.value) or form.files.get(side.value) for side in plan.sides)
    images, errors = _read_images(form, plan.sides, allow_text=plan.accepts_test_documents)
    # Before the attempt is counted; the job would check only after that.
    errors = errors or _failed_before(images, session.data.failed_fingerprints)
    if errors:
        return await capture_page(request, site, session, errors=errors, some_came=some_came, status=400)

    async def ask(data: SessionData, result_id: str) -> str:
        return await site.service.submit_images(
            session.person,
            result_id=result_id,
            images=images,
            failed_fingerprints=sorted(data.failed_fingerprints),
            facts={side: {"source": "upload", "size": len(content)} for side, content in images.items()},
            applicant=data.typed,
            circumstances=circumstances_of(request, site, data, JobKind.DOCUMENT),
            selfie=data.selfie,
            network=client_network(request),
            plan=plan,
        )

    try:
        return go_to(await submit_job(site, session, JobKind.DOCUMENT, ask))
    except InvalidInputError as error:
        return await capture_page(request, site, session, errors=error.fields, some_came=True, status=400)
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        errors = {"form": "technical_photos"}
        return await capture_page(request, site, session, errors=errors, some_came=True, status=503)


async def _visit_vendor(request: Request, site: Site, session: Session, plan: DocumentPlan) -> Response:
    """Submit a document that the person shows on a page of the vendor; the waiting page leads there."""

    async def ask(data: SessionData, result_id: str) -> str:
        return await site.service.submit_visit(
            session.person,
            plan=plan,
            result_id=result_id,
            applicant=data.typed,
            circumstances=circumstances_of(request, site, data, JobKind.DOCUMENT),
            network=client_network(request),
        )

    try:
        return go_to(await submit_job(site, session, JobKind.DOCUMENT, ask))
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        return await capture_page(request, site, session, errors={"form": "technical"}, status=503)


async def choose(request: Request) -> Response:
    """Take which document the person uses. Photos of another one are deleted."""
    site, session = await require_page(request, Page.DOCUMENT, is_counted=True)
    fields = await read_form(request)
    check_form(session, fields)
    plan = document_plan(site, session)
    choice = next((one for one in plan.choices if one == fields.get("document")), None)
    if choice is None:
        return await capture_page(request, site, session, errors={"form": "document_changed"}, status=409)

    def change(data: SessionData) -> tuple[Page | None, list[str]]:
        if elsewhere := flow.redirect_for(data, Page.DOCUMENT):
            return elsewhere, []
        slots = [] if data.document_choice is choice else [one.slot for one in data.uploads.values()]
        if data.document_choice is not choice:
            data.document_choice = choice
            data.problem = None
            kept_uploads.clear(data)
        return None, slots

    elsewhere, slots = await session.update(change)
    await _release(site, session, slots)
    return go_to(elsewhere or Page.DOCUMENT)


async def capture_page(
    request: Request,
    site: Site,
    session: Session,
    *,
    errors: dict[str, str] | None = None,
    some_came: bool = False,
    status: int = 200,
) -> Response:
    """Render the capture page, with problems at their fields; *some_came* if a form post brought photos.

    Of a `DeviceSession` it is the page of a phone, which leads nowhere else.

    Raises:
        RedirectToStep: the limit of documents is reached.
    """
    service = site.service
    plan = document_plan(site, session)
    uploads = service.async_documents and not plan.captures_images
    if plan.captures_images and session.data.uploads:
        # Of before the vendor was another one: nobody wants them anymore.
        slots = [one.slot for one in session.data.uploads.values()]
        await session.update(kept_uploads.clear)
        await _release(site, session, slots)
    attempt = new_attempt() if uploads else None

    counting = service.limit(session.person, LIMITS[JobKind.DOCUMENT])
    if attempt:

        def open_attempt(data: SessionData) -> None:
            data.attempts = (*data.attempts, attempt)[-_MAX_OPEN_ATTEMPTS:]

        limit, _ = await asyncio.gather(counting, session.update(open_attempt))
    else:
        limit = await counting
    if not errors:
        refuse_at_limit(session, JobKind.DOCUMENT, limit)
    problem = session.data.problem
    on_phone = isinstance(session, DeviceSession)
    has_declined = plan.selfie.is_asked and Side.SELFIE not in plan.sides
    is_ours = problem is not None and problem.kind is JobKind.DOCUMENT
    earlier = problem.fields if problem and is_ours else {}
    kept = kept_uploads.kept(session.data, now=service.now()) if uploads else {}
    is_complete = session.data.is_complete(JobKind.DOCUMENT)
    # After a check that came to nothing; one that was answered with no asks for better photos instead.
    sent_before = (
        JobKind.DOCUMENT in session.data.recent.values()
        and not (is_complete or kept or errors)
        and not (problem and is_ours and problem.counted)
    )
    return site.page(
        request,
        "document_visit" if plan.captures_images else "document",
        page=Page.DOCUMENT,
        session=None if on_phone else session,
        data=session.data,
        csrf_token=session.csrf_token,
        status=status,
        headers=None if plan.captures_images else site.capture_headers(attempt),
        uploads=uploads,
        on_phone=on_phone,
        poll_seconds=POLL_SECONDS,
        must_choose_again=some_came and not uploads,
        attempt=attempt,
        way=plan.way.value,
        sides=[side.value for side in plan.sides],
        has_declined_selfie=has_declined,
        choice=plan.choice.value,
        types=plan.types,
        others=[one.value for one in plan.choices if one is not plan.choice],
        errors=errors or {},
        earlier=earlier,
        kept=kept,
        sent_before=sent_before,
        max_bytes=service.settings.max_image_upload_bytes,
        max_pixels=MAX_PIXELS,
        max_side_pixels=MAX_SIDE_PIXELS,
        takes_text=plan.accepts_test_documents,
        failed_fingerprints=sorted(session.data.failed_fingerprints),
        attempts_left=limit.remaining if limit.remaining < limit.maximum else None,
        is_complete=is_complete,
    )


async def _release(site: Site, session: Session, slots: Sequence[str]) -> None:
    """Delete uploads that nobody will submit; one that stays expires."""
    with suppress(StoreUnavailableError):
        for slot in slots:
            await site.service.uploads.release(session.person.reference, slot)


def _read_images(
    form: MultipartForm, sides: Sequence[Side], *, allow_text: bool
) -> tuple[dict[Side, bytes], dict[str, str]]:
    """Return the images of the form post, or what is wrong with them by field."""
    images: dict[Side, bytes] = {}
    errors: dict[str, str] = {}
    for side in sides:
        content = form.files.get(side.value, b"")
        if side.value in form.too_large:
            errors[side.value] = "too_large"
        elif not content and not form.file_names.get(side.value):
            errors[side.value] = "missing"
        else:
            code, content = check_image(content, allow_text=allow_text)
            if code:
                errors[side.value] = code
            images[side] = content
    return images, errors or _same_image(images)


def _same_image(images: Mapping[Side, bytes]) -> dict[str, str]:
    """Return the sides whose image is that of an earlier side, too. The testers' files may be the same."""
    seen: list[bytes] = []
    errors = {}
    for side, image in images.items():
        if image in seen:
            errors[side.value] = "same_photo"
        elif not is_text(image):
            seen.append(image)
    return errors


def _failed_before(images: Mapping[Side, bytes], marks: Collection[str]) -> dict[str, str]:
    """Return the sides whose image failed before in this session, each with its code.

    Args:
        images: images that have passed the image check.
        marks: ``side:fingerprint`` of images that failed.
    """
    if not marks:
        return {}
    fingerprints = {side: fingerprint_of(content) for side, content in images.items()}
    return {side.value: code.value for side, code in failed_before(fingerprints, by_side(marks)).items()}
