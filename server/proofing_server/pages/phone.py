"""The phone number, and the end of the flow."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import InvalidInputError, QueueUnavailableError, StoreUnavailableError
from proofing.contracts.records import JobKind
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.entry import check_form, enter, refuse_at_limit
from proofing_server.flow import Page
from proofing_server.forms import read_phone
from proofing_server.kept_uploads import Data
from proofing_server.measuring import note_cause
from proofing_server.pages.information import applicant_of
from proofing_server.pages.start import CLEAR
from proofing_server.sessions import Session
from proofing_server.site import LIMITS, Site, go_to
from proofing_server.submitting import submit


async def show_phone_form(request: Request) -> Response:
    """Ask for the phone number; one that failed before is not filled in."""
    site, session = await enter(request, Page.PHONE, is_counted=True)
    known = session.data.get("phone", "")
    value = "" if known in session.data.get("failed_phones", []) else known
    return await _phone_page(request, site, session, value, {})


async def post_phone(request: Request) -> Response:
    """Hand in the phone job. A number that failed before needs to be sent twice."""
    site, session = await enter(request, Page.PHONE, is_counted=True)
    fields = await read_form(request)
    check_form(session, fields)
    form = read_phone(fields)
    typed = fields.get("phone", "")
    if form.errors:
        return await _phone_page(request, site, session, typed, form.errors, status=400)
    phone = form.values["phone"]
    if phone in session.data.get("failed_phones", []) and fields.get("again") != phone:
        errors = {"phone": "phone_failed_before"}
        return await _phone_page(request, site, session, typed, errors, status=400, again=phone)

    async def ask(data: Data, result_id: str) -> str:
        return await site.service.submit_applicant(
            JobKind.PHONE,
            session.person,
            applicant_of(data),
            result_id=result_id,
            network=client_network(request),
        )

    try:
        return go_to(await submit(site, session, JobKind.PHONE, ask, phone=phone))
    except InvalidInputError as error:
        errors = {"phone": error.fields.get("phone", "phone_format")}
        return await _phone_page(request, site, session, typed, errors, status=400)
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        return await _phone_page(request, site, session, typed, {"form": "technical"}, status=503)


async def show_done(request: Request) -> Response:
    """Say that the person is verified. The session holds nothing of them any more."""
    site, session = await enter(request, Page.DONE)
    return site.page(
        request,
        "done",
        page=Page.DONE,
        session=session,
        headers=CLEAR,
        reference=flow.reference(session.data),
    )


async def _phone_page(
    request: Request,
    site: Site,
    session: Session,
    value: str,
    errors: dict[str, str],
    *,
    status: int = 200,
    again: str = "",
) -> Response:
    """Render the phone form."""
    limit = await site.service.limit(session.person, LIMITS[JobKind.PHONE])
    if not errors:
        refuse_at_limit(session, JobKind.PHONE, limit)
    return site.page(
        request,
        "phone",
        page=Page.PHONE,
        session=session,
        status=status,
        errors=errors,
        value=value,
        again=again,
        failed=session.data.get("failed_phones", []),
        attempts_left=limit.remaining if limit.remaining < limit.maximum else None,
    )
