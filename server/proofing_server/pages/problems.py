"""The screens for outcomes that are no success, and for limits."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.images import Side
from proofing.records import JobKind
from proofing.rules.document_errors import ErrorCode
from proofing_server import flow
from proofing_server.entry import enter, limit_path
from proofing_server.flow import Page
from proofing_server.site import LIMITS, SSN_LIMIT, go_to, site_of

Handler = Callable[[Request], Awaitable[Response]]

#: Screens whose first button leads elsewhere than to the form of the step.
_RETRY = {"verify_address": Page.ADDRESS}
#: Screens that offer to correct an answer as well.
_ALSO = {"verify_failed": (Page.SSN, Page.ADDRESS)}
#: Codes that say what the screen's own text says already.
_SAID_BY_THE_SCREEN = frozenset({ErrorCode.NETWORK.value})
_LIMIT_PAGES = {name: flow.FORM[kind] for kind, name in LIMITS.items()} | {SSN_LIMIT: Page.VERIFY}


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
            findings=_findings(problem),
            tips=problem["tips"],
            attempts_left=limit.remaining if problem["shows_attempts"] else None,
            retry=_RETRY.get(name, flow.FORM[kind]),
            also=_ALSO.get(name, ()),
        )

    return handler


async def show_limit(request: Request) -> Response:
    """Show that a limit is reached and for how long; go back to the step once it is over."""
    name = request.path_params["limit"]
    if name not in _LIMIT_PAGES:
        raise HTTPException(404)
    site = site_of(request)
    session = await site.sessions.find(request)
    ssn = session.data.get("ssn") if name == SSN_LIMIT else None
    if name == SSN_LIMIT and not ssn:
        return go_to(flow.place(session.data))
    limit = await site.service.limit(session.person, name, ssn=ssn)
    if not limit.reached:
        return go_to(flow.place(session.data))
    return site.page(
        request,
        "limit",
        page=_LIMIT_PAGES[name],
        session=session,
        status=429,
        headers={"Retry-After": str(max(1, int(limit.seconds_left)))},
        name=name,
        seconds_left=limit.seconds_left,
    )


def _findings(problem: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was found: side and code in the order of the form; what is true of both has no side."""
    fields: dict[str, str] = problem["fields"]
    sides = [(side.value, fields[side]) for side in Side if side in fields]
    if len(sides) > 1 and len(set(fields.values())) == 1:
        return [("", sides[0][1])]
    return sides or [("", code) for code in problem["codes"] if code not in _SAID_BY_THE_SCREEN]
