"""Phone number."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import InvalidInputError, QueueUnavailableError, StoreUnavailableError
from proofing.contracts.records import JobKind
from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.forms import read_phone
from proofing_server.guards import check_form, refuse_at_limit, require_page
from proofing_server.language_choice import take_choice
from proofing_server.measuring import note_cause
from proofing_server.sessions import Session
from proofing_server.site import LIMITS, Site, go_to
from proofing_server.submit_job import circumstances_of, submit_job


async def show(request: Request) -> Response:
    """Ask for the phone number; one that failed before is not filled in."""
    site, session = await require_page(request, Page.PHONE, is_counted=True)
    known = session.data.typed.phone or ""
    value = "" if known in session.data.failed_phones else known
    return await _page(request, site, session, value, {})


async def post(request: Request) -> Response:
    """Submit the phone job. A number that failed before needs to be sent twice."""
    site, session = await require_page(request, Page.PHONE, is_counted=True)
    fields = await read_form(request)
    check_form(session, fields)
    typed = fields.get("phone", "")
    if take_choice(request, fields):
        errors, again = site.shown_errors(request, fields), fields.get("again", "")
        return await _page(request, site, session, typed, errors, status=200, again=again)
    form = read_phone(fields)
    phone = form.values.get("phone", "")
    confirms = session.data.confirms_phone(site.service.settings.confirms_phone)
    if not form.errors and confirms and not site.service.codes.may_send(phone):
        form.errors["phone"] = "phone_no_code"
    if form.errors:
        return await _page(request, site, session, typed, form.errors, status=400)
    if phone in session.data.failed_phones and fields.get("again") != phone:
        errors = {"phone": "phone_failed_before"}
        return await _page(request, site, session, typed, errors, status=400, again=phone)

    async def ask(data: SessionData, result_id: str) -> str:
        return await site.service.submit_applicant(
            JobKind.PHONE,
            session.person,
            data.applicant,
            circumstances=circumstances_of(request, site, data, JobKind.PHONE),
            result_id=result_id,
            network=client_network(request),
        )

    try:
        return go_to(await submit_job(site, session, JobKind.PHONE, ask, phone=phone))
    except InvalidInputError as error:
        errors = {"phone": error.fields.get("phone", "phone_format")}
        return await _page(request, site, session, typed, errors, status=400)
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        return await _page(request, site, session, typed, {"form": "technical"}, status=503)


async def _page(
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
        confirms=session.data.confirms_phone(site.service.settings.confirms_phone),
        failed=sorted(session.data.failed_phones),
        attempts_left=limit.remaining if limit.remaining < limit.maximum else None,
    )
