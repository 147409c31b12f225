"""The waiting pages: rendered by the server, refreshed without script, followed with it."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from proofing.records import JobKind
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.entry import check_form, require_available, require_place
from proofing_server.following import Stage, look_at, settle
from proofing_server.site import ElsewhereError, go_to, site_of

#: The titles of the stages that are told in the same words for every kind of job.
_TITLES = {Stage.LATE: "wait.late.title", Stage.MISSING: "wait.missing.title"}

Handler = Callable[[Request], Awaitable[Response]]


def show_wait(kind: JobKind) -> Handler:
    """Return the handler of the waiting page of *kind*."""

    async def handler(request: Request) -> Response:
        """Show how the job stands, or move on when it has ended."""
        site = site_of(request)
        require_available(site)
        session = await site.sessions.find(request)
        require_place(session.data, flow.WAIT[kind])
        job = flow.pending_job(session.data)
        if job is None:
            raise ElsewhereError(flow.place(session.data))
        _, result_id, submitted_at = job
        record = await site.service.status(session.person, result_id, kind)
        stage = look_at(site, record, submitted_at).stage
        if stage is Stage.DONE:
            await settle(site, session, kind)
            if flow.pending(session.data, kind) != result_id:
                raise ElsewhereError(flow.after(session.data, kind))
            stage = Stage.MISSING  # the record went away between the two looks
        return site.page(
            request,
            "wait",
            page=flow.WAIT[kind],
            session=session,
            kind=kind.value,
            path=flow.WAIT[kind],
            stage=stage.value,
            title=_TITLES.get(stage, f"wait.{kind.value}.title"),
            result_id=result_id,
            poll_seconds=site.service.settings.poll_rate_for_verify_in_seconds,
        )

    return handler


def cancel(kind: JobKind) -> Handler:
    """Return the handler of the buttons *cancel* and *try again* of the waiting page of *kind*."""

    async def handler(request: Request) -> Response:
        """Stop waiting; what was typed stays."""
        site = site_of(request)
        session = await site.sessions.find(request)
        check_form(session, await read_form(request))
        async with session.change() as data:
            result_id = flow.drop(data, kind) if flow.pending(data, kind) else None
        if result_id:
            await site.service.cancel(session.person, result_id, kind, ssn=session.data.get("ssn"))
        return go_to(flow.place(session.data))

    return handler
