"""The waiting pages: rendered by the server, refreshed without script, followed with it."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.records import JobKind
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.entry import check_form, require_available, require_place
from proofing_server.flow import Page
from proofing_server.following import Stage, apply_result, job_view
from proofing_server.kept_uploads import Data
from proofing_server.site import WrongStepError, go_to, site_of

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
            raise WrongStepError(flow.place(session.data))
        _, result_id, submitted_at = job
        record, finished = await site.service.look(session.person, result_id, kind)
        if finished is not None:
            await apply_result(site, session, kind, finished)
            raise WrongStepError(flow.after(session.data, kind))
        stage = job_view(site, record, submitted_at).stage
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
            reference=flow.reference(session.data),
            waited_seconds=max(0, round(site.service.now() - submitted_at)),
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
        result_id = flow.pending(session.data, kind)
        if result_id is None:
            return go_to(flow.place(session.data))
        # First, and harmless when repeated: an attempt that nobody waits for any more must not run.
        await site.service.cancel(session.person, result_id, kind, ssn=session.data.get("ssn"))

        def stop(data: Data) -> Page:
            if flow.pending(data, kind) == result_id:
                flow.drop(data, kind)
            elif flow.shows_canceled(data, kind):
                # The event stream of this very page was faster to take in that the job was canceled.
                data.pop("problem")
            return flow.place(data)

        return go_to(await session.update(stop))

    return handler
