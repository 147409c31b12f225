"""The page behind a person's link: who asks, and what comes. Looking at it uses nothing; *Start* does.

Mail scanners and previews open links with GET; only the form uses one. What is wrong with a link that cannot
be used is said as helpfully as is possible without saying whose it is.
"""

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import LinkRefusedError, VerificationNotFoundError
from proofing.contracts.people import PersonRef
from proofing.contracts.verifications import VerificationRecord, VerificationRef
from proofing.sessions.data import SessionData
from proofing.sessions.steps import OUTCOME_PATH, Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.branding import Sender, note_sender
from proofing_server.guards import count_session, require_available
from proofing_server.pages.welcome import needed_values
from proofing_server.sessions import CSRF_FIELD, Session
from proofing_server.site import Site, UnavailableError, go_to, site_of

#: HTTP status of each page about a link that cannot be used.
_STATUS = {"unknown": 404, "used": 410, "expired": 410, "ended": 410}


async def show(request: Request) -> Response:
    """Say who asks, what for, and what the person will need; the link stays unused."""
    site = site_of(request)
    require_available(site)
    session = await site.sessions.find_if_any(request)
    try:
        record = await site.service.verifications.find_link(request.path_params["token"])
    except VerificationNotFoundError:
        return _refusal(request, site, session, "unknown")
    except LinkRefusedError as error:
        return _refusal(request, site, session, error.code)
    _require_open(request, site, record)
    visit = site.sessions.visit(request)
    flow_data = _flow_of(record)
    response = site.page(
        request,
        "welcome",
        page=Page.WELCOME,
        data=flow_data,
        csrf_token=visit,
        start_path=request.url.path,
        resume=_resumes(session, record),
        **needed_values(site, flow_data),
    )
    site.sessions.set_visit_cookie(response, visit)
    return response


async def post(request: Request) -> Response:
    """Use the link: a session of its own begins, which knows nothing of an earlier one in this browser."""
    site = site_of(request)
    require_available(site)
    before = await site.sessions.find_if_any(request)
    fields = await read_form(request)
    site.sessions.check_visit(request, fields.get(CSRF_FIELD))
    await count_session(site, request)
    try:
        # While nobody could continue, the link must stay unused.
        _require_open(request, site, await site.service.verifications.find_link(request.path_params["token"]))
        started = await site.service.verifications.start(request.path_params["token"])
    except VerificationNotFoundError:
        return _refusal(request, site, before, "unknown")
    except LinkRefusedError as error:
        return _refusal(request, site, before, error.code)
    record = started.record
    session = await site.sessions.start(
        person=started.person.reference,
        sent={
            "partner": started.person.partner,
            "verification": started.person.verification,
            "policy": record.policy,
            "policy_steps": record.terms.steps,
            "return_url": record.return_url,
            "locale": record.locale,
        },
    )
    if before is not None:
        # What was entered in this browser before is of no use to anybody anymore.
        await site.sessions.end(before)
    response = go_to(Page.CONSENT)
    site.sessions.set_cookie(response, session)
    return response


def _require_open(request: Request, site: Site, record: VerificationRecord) -> None:
    """Refuse the page while the vendors are out whom the verification needs first."""
    note_sender(request, Sender.of_record(record))
    verification = _flow_of(record).verification
    person = PersonRef(reference=record.person, partner=record.relying_party, verification=verification)
    if (outage := site.service.outages.of_flow(person, record.terms.steps)) is not None:
        raise UnavailableError(outage=outage)


def _resumes(session: Session | None, record: VerificationRecord) -> str | None:
    """Return where this browser is already on its way with the verification; None where it is not."""
    data = session.data if session is not None else None
    if data is None or data.verification is None or data.is_finished:
        return None
    is_current = (data.verification.id, data.verification.link) == (record.id, record.started_link)
    return flow.current_page(data) if is_current else None


def _flow_of(record: VerificationRecord) -> SessionData:
    """Return the data of a session that has not begun, for what its steps will be."""
    link = record.link.number if record.link else 0
    return SessionData(
        person=record.person,
        verification=VerificationRef(id=record.id, mode=record.mode, link=link),
        csrf="",
        created_at=0,
        saved_at=0,
        policy_steps=record.terms.steps,
    )


def _refusal(request: Request, site: Site, session: Session | None, code: str) -> Response:
    """Say why a link cannot be used, and what to do; who has begun in this browser is led back."""
    has_begun = session is not None and session.data.verification is not None
    return site.page(
        request,
        "link_refused",
        status=_STATUS[code],
        code=code,
        resume=OUTCOME_PATH if has_begun else None,
        is_over=session is not None and session.data.is_finished,
    )
