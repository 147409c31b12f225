"""The screens for outcomes that are not a success, and for limits."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.app.documents import DocumentPlan
from proofing.contracts.images import Side
from proofing.rules.document_errors import ErrorCode
from proofing.rules.limits import Subject
from proofing.sessions.data import Problem
from proofing.sessions.steps import STEPS, Page, Step
from proofing_server import flow, kept_uploads
from proofing_server.client_address import client_network
from proofing_server.guards import document_plan, limit_path, require_page
from proofing_server.screens import REVIEWS, UNAVAILABLE
from proofing_server.security import request_reference
from proofing_server.sessions import Session
from proofing_server.site import SHARED_LIMITS, RedirectToStep, Site, go_to, site_of

Handler = Callable[[Request], Awaitable[Response]]

#: Screens whose first button does not lead to the form of the step.
_RETRY = {"verify_address": Page.ADDRESS}
#: Screens that offer to correct an answer as well.
_EXTRA_LINKS = {
    "document_selfie": (Page.SELFIE,),
    "document_selfie_mismatch": (Page.SELFIE,),
    "verify_failed": (Page.SSN, Page.ADDRESS),
    **dict.fromkeys(("code_failed", "code_opted_out", "code_unreachable"), (Page.PHONE,)),
}
#: Screens whose first button leaves, because another try is of no use to most people.
_LEAVE_FIRST = frozenset({"document_underage"})
#: Screens whose text says what was found.
_WITHOUT_FINDINGS = frozenset(
    {
        "document_expired",
        "document_selfie_mismatch",
        "document_underage",
        "document_unsupported",
        "document_unverified",
    }
)
#: Screens after which photos that nothing is said against can be sent again.
_WITH_KEPT_PHOTOS = frozenset({"document_failed", "document_selfie"})
#: Codes that repeat the text of their screen.
_REDUNDANT_CODES = frozenset({ErrorCode.NETWORK.value})
#: By name of a limit of one person or SSN: the limit, and the step whose jobs count against it.
_LIMITS = {limit.name: (limit, step) for step in STEPS if step.submits for limit in step.limits}


def show_problem(step: Step) -> Handler:
    """Return the handler of the problem page of *step*."""

    async def handler(request: Request) -> Response:
        """Show the screen of the last outcome, with attempts left and a retry."""
        site, session = await require_page(request, step.problem_page)
        problem = session.data.problem
        if problem is None:
            raise RedirectToStep(flow.current_page(session.data))
        counter = step.limits[0].name
        limit = await site.service.limit(session.person, counter)
        name = problem.screen
        if limit.reached and name not in REVIEWS:
            return go_to(limit_path(counter))
        plan = document_plan(site, session)
        also = _EXTRA_LINKS.get(name, ())
        missing = _missing_sides(site, session, plan) if name in _WITH_KEPT_PHOTOS else set()
        if not plan.selfie.is_asked:
            # A vendor that takes the selfie on its own page has ways of its own.
            also = tuple(page for page in also if page is not Page.SELFIE)
        return site.page(
            request,
            "problem",
            page=step.problem_page,
            session=session,
            name=name,
            only_side=next(iter(missing)).value if len(missing) == 1 else None,
            reference=session.data.reference,
            min_age=site.service.settings.idv_min_age_years,
            accepted=plan.accepted,
            findings=_findings(problem),
            tips=problem.tips and not plan.captures_images,
            counted=problem.counted,
            attempts_left=limit.remaining,
            retry=_RETRY.get(name, step.page),
            also=also,
            leave_first=name in _LEAVE_FIRST,
            is_review=name in REVIEWS,
            is_unavailable=name in UNAVAILABLE,
            may_retry=not limit.reached,
        )

    return handler


async def show_limit(request: Request) -> Response:
    """Show that a limit is reached, for how long, and what the last attempt came to.

    Goes back to the step once the limit is over.
    """
    name = request.path_params["limit"]
    site = site_of(request)
    if name in SHARED_LIMITS:
        return await _show_shared_limit(request, site, name)
    if name not in _LIMITS:
        raise HTTPException(404)
    rule, step = _LIMITS[name]
    session = await site.sessions.find(request)
    data = session.data
    counts_ssn = rule.subject is Subject.SSN
    if counts_ssn and not data.typed.ssn:
        return go_to(flow.current_page(data))
    limit = await site.service.limit(session.person, name, ssn=data.typed.ssn if counts_ssn else None)
    if not limit.reached:
        return go_to(flow.current_page(data))
    # The last outcome, if it was of this step.
    problem = data.problem if data.problem and data.problem.kind is step.job else None
    settings = site.service.settings
    return site.page(
        request,
        "limit",
        page=step.page,
        session=session,
        status=429,
        headers={"Retry-After": str(max(1, int(limit.seconds_left)))},
        name=name,
        seconds_left=limit.seconds_left,
        idle_seconds_allowed=settings.session_idle_timeout_minutes * 60,
        problem=problem,
        reference=session.data.reference,
        min_age=settings.idv_min_age_years,
        accepted=document_plan(site, session).accepted,
        findings=_findings(problem) if problem else [],
        is_review=problem is not None and problem.screen in REVIEWS,
        is_shared=False,
    )


async def _show_shared_limit(request: Request, site: Site, name: str) -> Response:
    """Show the limit of a client's address, or that vendors were asked as often as is allowed.

    It may hold before there is a session.
    """
    session = await site.sessions.find_if_any(request)
    person = session.person.reference if session else None
    seconds = await site.service.shared_limits.seconds_left(name, client_network(request), person=person)
    if not seconds:
        return go_to(flow.current_page(session.data) if session else Page.WELCOME)
    return site.page(
        request,
        "limit",
        session=session,
        status=429,
        headers={"Retry-After": str(max(1, int(seconds)))},
        name=name,
        seconds_left=seconds,
        reference=session.data.reference if session else request_reference(request.scope),
        is_review=False,
        is_shared=True,
    )


def _missing_sides(site: Site, session: Session, plan: DocumentPlan) -> set[Side]:
    """Return the sides of which a photo has to be taken; the photos of others are still there."""
    kept = kept_uploads.kept(session.data, now=site.service.now())
    return set(plan.sides) - kept.keys() if kept else set()


def _findings(problem: Problem) -> list[tuple[str, str]]:
    """Return what was found: side and code in the order of the form; what is true of both has no side."""
    if problem.screen in _WITHOUT_FINDINGS:
        return []
    sides = [(side.value, problem.fields[side]) for side in Side if side in problem.fields]
    if len(sides) > 1 and len(set(problem.fields.values())) == 1:
        return [("", sides[0][1])]
    return sides or [("", code) for code in problem.codes if code not in _REDUNDANT_CODES]
