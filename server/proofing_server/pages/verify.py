"""*Check your information*: everything that the resolution job asks about."""

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import InvalidInputError, QueueUnavailableError, StoreUnavailableError
from proofing.contracts.records import JobKind
from proofing.contracts.results import SelfieCheck
from proofing.contracts.selfies import SelfieAnswer
from proofing.contracts.verifications import Step as PolicyStep
from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.guards import check_form, require_page
from proofing_server.measuring import note_cause
from proofing_server.sessions import Session
from proofing_server.site import Site, go_to
from proofing_server.submit_job import circumstances_of, submit_job


async def show(request: Request) -> Response:
    """Show everything that will be checked, with ways to change it."""
    site, session = await require_page(request, Page.VERIFY)
    return _page(request, site, session, {})


async def post(request: Request) -> Response:
    """Submit the resolution job."""
    site, session = await require_page(request, Page.VERIFY, is_counted=True)
    check_form(session, await read_form(request))

    async def ask(data: SessionData, result_id: str) -> str:
        return await site.service.submit_applicant(
            JobKind.RESOLUTION,
            session.person,
            data.applicant,
            result_id=result_id,
            circumstances=circumstances_of(request, site, data, JobKind.RESOLUTION),
            network=client_network(request),
        )

    try:
        return go_to(await submit_job(site, session, JobKind.RESOLUTION, ask))
    except InvalidInputError:
        return _page(request, site, session, {"form": "check_information"}, status=400)
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        return _page(request, site, session, {"form": "technical"}, status=503)


def _page(
    request: Request, site: Site, session: Session, errors: dict[str, str], status: int = 200
) -> Response:
    """Render the summary."""
    data = session.data
    return site.page(
        request,
        "verify",
        page=Page.VERIFY,
        session=session,
        status=status,
        errors=errors,
        applicant=data.applicant,
        selfie=_selfie_outcome(data),
        is_typed=not data.asks_for(PolicyStep.DOCUMENT),
        barcode_warning=data.document is not None and data.document.needs_confirmation,
        is_complete=data.is_complete(JobKind.RESOLUTION),
    )


def _selfie_outcome(data: SessionData) -> str | None:
    """Return what became of the selfie, a key below ``verify.selfie``; None when nobody asked for one."""
    if data.document is not None and data.document.selfie is SelfieCheck.MATCH:
        return "match"
    return "declined" if data.selfie is not None and data.selfie.answer is SelfieAnswer.DECLINED else None
