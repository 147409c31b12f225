"""JSON API of jobs: the status of one, once or as a stream of server-sent events. See openapi.yaml."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofing.base.errors import QueueUnavailableError, StoreUnavailableError
from proofing.contracts.records import JobKind, StatusRecord
from proofing.sessions.data import SessionData
from proofing.sessions.steps import SUBMIT_STEP
from proofing_server import flow
from proofing_server.client_address import client_network
from proofing_server.job_status import JobView, Stage, apply_result, finished_by, job_view
from proofing_server.measuring import count_refused
from proofing_server.sessions import CSRF_HEADER, Session, SessionMissingError
from proofing_server.site import Site, site_of
from proofing_server.streams import EventStreamResponse, StreamOwner, too_many_streams

#: A stream says something at least this often, so that proxies keep it open.
_HEARTBEAT_SECONDS = 10.0
#: How long to wait for a job of which nothing is known before the session is read again.
_UNKNOWN_SECONDS = 1.0
#: A stream ends after this; the browser opens the next, and the session is read again.
_STREAM_SECONDS = 120.0
_RETRY_MILLISECONDS = 3000
EVENTS_ROUTE = "/api/jobs/{result_id}/events"


async def show_job(request: Request) -> Response:
    """Return the status of the job: 202 while it runs, 200 when it has ended or is lost."""
    site, session, result_id, kind = await _find(request)
    view = await _view(site, session, result_id, kind)
    return JSONResponse(view, 200 if view["state"] in (Stage.DONE, Stage.MISSING) else 202)


async def stream_job(request: Request) -> Response:
    """Send the state now, at every change, and every ten seconds, until the job or the process ends."""
    site = site_of(request)
    owner = StreamOwner(
        network=client_network(request),
        session_id=request.cookies.get(site.sessions.cookie_name, ""),
    )
    if site.streams.is_full(owner):
        return too_many_streams()
    # Concurrently; nothing is sent about the job before it is known to be this session's.
    begun = asyncio.ensure_future(
        site.service.begin_waiting(request.path_params["result_id"], timeout_seconds=_UNKNOWN_SECONDS)
    )
    begun.add_done_callback(lambda wait: wait.cancelled() or wait.exception())
    try:
        site, session, result_id, kind = await _find(request)
    except BaseException:
        begun.cancel()
        raise
    return EventStreamResponse(_events(site, session, result_id, kind, begun), site.streams, owner)


async def show_session(request: Request) -> Response:
    """Return where the session is in the flow, and the token that state changes need."""
    site = site_of(request)
    session = await site.sessions.find(request, touch=False)
    pending = session.data.pending
    return JSONResponse(
        {
            "page": flow.current_page(session.data),
            "csrf_token": session.csrf_token,
            "pending": pending.result_id if pending else None,
            "uploads": site.service.async_documents,
            "idle_seconds": site.sessions.seconds_left(session),
        }
    )


async def extend_session(request: Request) -> Response:
    """Start the session's idle time again, because the person says that they are still there."""
    site = site_of(request)
    session = await site.sessions.find(request, touch=False)
    session.check_csrf(request.headers.get(CSRF_HEADER))
    await session.touch()
    return JSONResponse({"idle_seconds": site.sessions.seconds_left(session)})


async def _find(request: Request) -> tuple[Site, Session, str, JobKind]:
    """Return the job, if it is one of this session's. Unknown and foreign ids look the same."""
    site = site_of(request)
    session = await site.sessions.find(request, touch=False)
    result_id = request.path_params["result_id"]
    kind = session.data.recent.get(result_id)
    if kind is None:
        raise HTTPException(404)
    return site, session, result_id, kind


async def _view(site: Site, session: Session, result_id: str, kind: JobKind) -> dict[str, Any]:
    """Return the job as it is now."""
    if session.data.pending_id(kind) != result_id:
        return _settled(session.data, result_id, kind)
    record = await site.service.status(session.person, result_id, kind)
    return _render(job_view(site, record, _submitted_at(session.data)), record, result_id, kind)


async def _events(
    site: Site, session: Session, result_id: str, kind: JobKind, begun: "asyncio.Future[StatusRecord | None]"
) -> AsyncIterator[str]:
    """Yield the events of one job; the first wait for it has *begun*."""
    submitted_at = _submitted_at(session.data)
    ends = time.monotonic() + _STREAM_SECONDS
    try:
        yield f"retry: {_RETRY_MILLISECONDS}\n\n"
        record, is_first = None, True
        # Of one that was submitted just now the store has nothing to add, unless it was parked meanwhile.
        is_parked = session.data.pending is not None and session.data.pending.until > 0
        if is_parked or job_view(site, None, submitted_at).stage is not Stage.WAITING:
            record = await site.service.status(session.person, result_id, kind)
        while True:
            if session.data.pending_id(kind) != result_id:
                yield _event(_settled(session.data, result_id, kind))
                return
            look = job_view(site, record, submitted_at)
            view = _render(look, record, result_id, kind)
            if look.stage is Stage.DONE:
                # Here, so that the page can continue; another tab may have done it.
                await apply_result(site, session, kind, finished_by(record, kind))
                view["next"] = flow.next_page(session.data, kind)
            yield _event(view)
            if look.stage in (Stage.DONE, Stage.MISSING) or time.monotonic() > ends:
                return
            longest = _UNKNOWN_SECONDS if record is None else _HEARTBEAT_SECONDS
            wait = min(longest, look.seconds_to_late or longest)
            waiting = site.service.wait(
                session.person,
                result_id,
                kind,
                timeout_seconds=wait,
                ends_only=look.stage is Stage.AWAY,
                begun=begun if is_first else None,
            )
            is_first = False
            record = await _unless_stopping(site, waiting)
            if site.stopping.is_set():
                # The browser connects again, to another process or to the next one.
                return
            if record is None:
                # Its submit may have failed, and have been taken back, also out of the session.
                session = await site.sessions.open(session.id) or session
    except SessionMissingError:
        # Ended by another tab; the browser asks again, and is answered that there is no session.
        return
    except (StoreUnavailableError, QueueUnavailableError) as error:
        count_refused(EVENTS_ROUTE, "GET", error)
        # The page says that the connection is in trouble, and tries again.
        yield "event: trouble\ndata: {}\n\n"
    finally:
        begun.cancel()


async def _unless_stopping(
    site: Site, waiting: Coroutine[Any, Any, StatusRecord | None]
) -> StatusRecord | None:
    """Return what *waiting* returns; None as soon as the process stops."""
    record = asyncio.ensure_future(waiting)
    stopping = asyncio.ensure_future(site.stopping.wait())
    try:
        await asyncio.wait({record, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return record.result() if record.done() else None
    finally:
        record.cancel()
        stopping.cancel()


def _submitted_at(data: SessionData) -> float:
    """Return when the pending job was submitted."""
    return data.pending.submitted_at if data.pending else 0.0


def _settled(data: SessionData, result_id: str, kind: JobKind) -> dict[str, Any]:
    """Return a job whose end the session has taken already, in another tab perhaps."""
    return {
        "result_id": result_id,
        "kind": kind.value,
        "state": Stage.DONE.value,
        "next": flow.next_page(data, kind),
    }


def _render(look: JobView, record: StatusRecord | None, result_id: str, kind: JobKind) -> dict[str, Any]:
    """Return the JSON object of one look. It never says which field failed."""
    view: dict[str, Any] = {
        "result_id": result_id,
        "kind": kind.value,
        "state": look.stage.value,
        "next": SUBMIT_STEP[kind].wait_page,
    }
    if record and look.stage is Stage.AWAY:
        view["vendor_page"] = record.vendor_page
    if record and record.is_done:
        view["outcome"] = record.outcome.value if record.outcome else "unknown"
    return view


def _event(view: dict[str, Any]) -> str:
    """Return one event."""
    return f"event: status\ndata: {json.dumps(view)}\n\n"
