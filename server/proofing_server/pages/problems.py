"""The screens for outcomes that are no success, and for limits."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.rules.document_errors import ErrorCode
from proofing_server import flow
from proofing_server.client_address import client_network
from proofing_server.entry import enter, limit_path
from proofing_server.flow import Page
from proofing_server.security import request_reference
from proofing_server.sessions import SessionMissingError
from proofing_server.site import LIMITS, SHARED_LIMITS, SSN_LIMIT, Site, go_to, site_of

Handler = Callable[[Request], Awaitable[Response]]

#: Screens whose first button leads elsewhere than to the form of the step.
_RETRY = {"verify_address": Page.ADDRESS}
#: Screens that offer to correct an answer as well.
_ALSO = {"verify_failed": (Page.SSN, Page.ADDRESS)}
#: Screens whose first button leaves, because another try is of no use to most people.
_LEAVE_FIRST = frozenset({"document_underage"})
#: Screens that say themselves what was found.
_WITHOUT_FINDINGS = frozenset({"document_underage", "document_expired", "document_unsupported"})
#: Codes that say what the screen's own text says already.
_SAID_BY_THE_SCREEN = frozenset({ErrorCode.NETWORK.value})
_LIMIT_PAGES = {name: flow.FORM[kind] for kind, name in LIMITS.items()} | {SSN_LIMIT: Page.VERIFY}
#: The kind of job whose last failure the page of a limit shows.
_LIMIT_KINDS = {name: kind for kind, name in LIMITS.items()} | {SSN_LIMIT: JobKind.RESOLUTION}


def show_problem(kind: JobKind) -> Handler:
    """Return the handler of the problem page of *kind*."""

    async def handler(request: Request) -> Response:
        """Show the screen of the last outcome, with attempts left and a retry."""
        site, session = await enter(request, flow.PROBLEM[kind])
        limit = await site.service.limit(session.person, LIMITS[kind])
        if limit.reached:
            return go_to(limit_path(LIMITS[kind]))
        problem = session.data["problem"]
        name = problem["screen"]
        return site.page(
            request,
            "problem",
            page=flow.PROBLEM[kind],
            session=session,
            name=name,
            reference=flow.reference(session.data),
            min_age=site.service.settings.idv_min_age_years,
            findings=_findings(problem),
            tips=problem["tips"],
            counted=problem["counted"],
            attempts_left=limit.remaining,
            retry=_RETRY.get(name, flow.FORM[kind]),
            also=_ALSO.get(name, ()),
            leave_first=name in _LEAVE_FIRST,
        )

    return handler


async def show_limit(request: Request) -> Response:
    """Show that a limit is reached, for how long, and why the last attempt failed.

    Goes back to the step once the limit is over.
    """
    name = request.path_params["limit"]
    site = site_of(request)
    if name in SHARED_LIMITS:
        return await _show_shared_limit(request, site, name)
    if name not in _LIMIT_PAGES:
        raise HTTPException(404)
    session = await site.sessions.find(request)
    ssn = session.data.get("ssn") if name == SSN_LIMIT else None
    if name == SSN_LIMIT and not ssn:
        return go_to(flow.place(session.data))
    limit = await site.service.limit(session.person, name, ssn=ssn)
    if not limit.reached:
        return go_to(flow.place(session.data))
    problem = _last_failure(session.data, _LIMIT_KINDS[name])
    settings = site.service.settings
    return site.page(
        request,
        "limit",
        page=_LIMIT_PAGES[name],
        session=session,
        status=429,
        headers={"Retry-After": str(max(1, int(limit.seconds_left)))},
        name=name,
        seconds_left=limit.seconds_left,
        idle_seconds_allowed=settings.session_idle_timeout_minutes * 60,
        problem=problem,
        reference=flow.reference(session.data),
        min_age=settings.idv_min_age_years,
        findings=_findings(problem) if problem else [],
        is_shared=False,
    )


async def _show_shared_limit(request: Request, site: Site, name: str) -> Response:
    """Show the limit of a client's address, or that vendors were asked as often as is allowed.

    It may hold before there is a session.
    """
    try:
        session = await site.sessions.find(request)
    except SessionMissingError:
        session = None
    person = session.person.reference if session else None
    seconds = await site.service.shared_limits.seconds_left(name, client_network(request), person=person)
    if not seconds:
        return go_to(flow.place(session.data) if session else Page.WELCOME)
    return site.page(
        request,
        "limit",
        session=session,
        status=429,
        headers={"Retry-After": str(max(1, int(seconds)))},
        name=name,
        seconds_left=seconds,
        reference=flow.reference(session.data) if session else request_reference(request.scope),
        is_shared=True,
    )


def _last_failure(data: Mapping[str, Any], kind: JobKind) -> dict[str, Any] | None:
    """Return the outcome of the last job, if it is of this *kind* and was no success."""
    problem: dict[str, Any] | None = data.get("problem")
    return problem if problem and problem["kind"] == kind.value else None


def _findings(problem: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was found: side and code in the order of the form; what is true of both has no side."""
    if problem["screen"] in _WITHOUT_FINDINGS:
        return []
    fields: dict[str, str] = problem["fields"]
    sides = [(side.value, fields[side]) for side in Side if side in fields]
    if len(sides) > 1 and len(set(fields.values())) == 1:
        return [("", sides[0][1])]
    return sides or [("", code) for code in problem["codes"] if code not in _SAID_BY_THE_SCREEN]
