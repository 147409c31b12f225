"""The waiting pages: rendered by the server, refreshed without script, followed with it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.records import JobKind, StatusRecord
from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page, Step
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.guards import check_form, document_plan, require_available, require_step
from proofing_server.job_status import Stage, apply_result, job_view
from proofing_server.sessions import Session
from proofing_server.site import RedirectToStep, go_to, site_of
from proofing_server.vendor_visits import visit_view

#: The titles of the stages that have the same words for every kind of job.
_TITLES = {stage: f"wait.{stage}.title" for stage in (Stage.AWAY, Stage.LATE, Stage.PENDING, Stage.MISSING)}

Handler = Callable[[Request], Awaitable[Response]]


def show_wait(step: Step) -> Handler:
    """Return the handler of the waiting page of *step*."""

    async def handler(request: Request) -> Response:
        """Show the status of the job, or continue when it has ended."""
        site = site_of(request)
        require_available(site)
        session = await site.sessions.find(request)
        require_step(session.data, step.wait_page)
        job = session.data.pending
        if job is None:
            raise RedirectToStep(flow.current_page(session.data))
        kind, result_id = job.kind, job.result_id
        record, finished = await site.service.status_and_result(session.person, result_id, kind)
        if finished is not None:
            await apply_result(site, session, kind, finished)
            raise RedirectToStep(flow.next_page(session.data, kind))
        stage = job_view(site, record, job.submitted_at).stage
        await _stay_for(session, record)
        vendor_page = await site.service.vendor_page(record)
        visit = None if vendor_page is None else visit_view(vendor_page)
        is_only_read = kind is JobKind.DOCUMENT and not document_plan(site, session).authenticates
        own_title = f"wait.{kind.value}.title"
        return site.page(
            request,
            "wait",
            page=step.wait_page,
            session=session,
            kind=kind.value,
            lead="lead_read" if is_only_read else "lead",
            path=step.wait_page,
            stage=stage.value,
            title="wait.wallet.title" if visit and visit.requests else _TITLES.get(stage, own_title),
            visit=visit,
            vendor_page=record.vendor_page if record is not None else None,
            was_sent_out=record is not None and record.was_sent_out,
            result_id=result_id,
            reference=session.data.reference,
            waited_seconds=max(0, round(site.service.now() - job.submitted_at)),
            poll_seconds=site.service.settings.poll_rate_for_verify_in_seconds,
        )

    return handler


async def _stay_for(session: Session, record: StatusRecord | None) -> None:
    """Have the session live as long as the vendor's answer is waited for: the person may be elsewhere."""
    until = record.pending_until if record is not None else None

    def stay(data: SessionData) -> None:
        if data.pending is not None and record is not None and data.pending.result_id == record.result_id:
            data.pending = replace(data.pending, until=until or 0.0)

    if until is not None and session.data.pending is not None and session.data.pending.until != until:
        await session.update(stay)


def cancel(step: Step) -> Handler:
    """Return the handler of the buttons *cancel* and *try again* of the waiting page of *step*."""

    async def handler(request: Request) -> Response:
        """Stop waiting; what was typed stays."""
        site = site_of(request)
        session = await site.sessions.find(request)
        check_form(session, await read_form(request))
        job = session.data.pending
        if job is None or job.kind is not step.job:
            return go_to(flow.current_page(session.data))
        # First, and idempotent: an attempt that nobody waits for anymore must not run.
        await site.service.cancel(session.person, job.result_id, job.kind, ssn=session.data.typed.ssn)

        def stop(data: SessionData) -> Page:
            if data.pending_id(job.kind) == job.result_id:
                flow.clear_pending(data, job.kind)
            elif flow.shows_canceled(data, job.kind):
                # The event stream of this very page was faster to record that the job was canceled.
                data.problem = None
            return flow.current_page(data)

        return go_to(await session.update(stop))

    return handler
