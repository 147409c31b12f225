"""JSON API of jobs: how one stands, once or as a stream of server-sent events. See openapi.yaml."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from proofing.errors import StoreUnavailableError
from proofing.records import JobKind, StatusRecord
from proofing_server import flow
from proofing_server.following import Look, Stage, look_at
from proofing_server.sessions import CSRF_HEADER, Session
from proofing_server.site import Site, site_of

#: A stream says something at least this often, so that proxies keep it open.
_HEARTBEAT_SECONDS = 10.0
#: A stream ends after this; the browser opens the next, and the session is looked at again.
_STREAM_SECONDS = 120.0
_RETRY_MILLISECONDS = 3000


async def show_job(request: Request) -> Response:
    """Return how the job stands: 202 while it runs, 200 when it has ended or is lost."""
    site, session, result_id, kind = await _find(request)
    view = await _view(site, session, result_id, kind)
    return JSONResponse(view, 202 if view["state"] in (Stage.WAITING, Stage.LATE) else 200)


async def stream_job(request: Request) -> Response:
    """Send the state at once, at every change, and every ten seconds, until the job has ended."""
    site, session, result_id, kind = await _find(request)
    return StreamingResponse(
        _events(site, session, result_id, kind),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def show_session(request: Request) -> Response:
    """Return where the session stands in the flow, and the token that state changes need."""
    site = site_of(request)
    session = await site.sessions.find(request, touch=False)
    job = flow.pending_job(session.data)
    return JSONResponse(
        {
            "page": flow.place(session.data),
            "csrf_token": session.csrf_token,
            "pending": job[1] if job else None,
            "uploads": site.service.async_documents,
            "idle_seconds": site.sessions.seconds_left(session),
        }
    )


async def extend_session(request: Request) -> Response:
    """Start the session's idle time again, because the person says that they are still there."""
    site = site_of(request)
    session = await site.sessions.find(request, touch=False)
    session.check_csrf(request.headers.get(CSRF_HEADER))
    async with session.change():
        pass
    return JSONResponse({"idle_seconds": site.sessions.seconds_left(session)})


async def _find(request: Request) -> tuple[Site, Session, str, JobKind]:
    """Return the job, if it is one of this session's. Unknown and foreign ids look the same."""
    site = site_of(request)
    session = await site.sessions.find(request, touch=False)
    result_id = request.path_params["result_id"]
    kind = session.data.get("recent", {}).get(result_id)
    if kind is None:
        raise HTTPException(404)
    return site, session, result_id, JobKind(kind)


async def _view(site: Site, session: Session, result_id: str, kind: JobKind) -> dict[str, Any]:
    """Return the job as it stands now."""
    if flow.pending(session.data, kind) != result_id:
        return _settled(session.data, result_id, kind)
    record = await site.service.status(session.person, result_id, kind)
    return _render(look_at(site, record, _submitted_at(session.data)), record, result_id, kind)


async def _events(site: Site, session: Session, result_id: str, kind: JobKind) -> AsyncIterator[str]:
    """Yield the events of one stream."""
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    if flow.pending(session.data, kind) != result_id:
        yield _event(_settled(session.data, result_id, kind))
        return
    submitted_at = _submitted_at(session.data)
    ends = time.monotonic() + _STREAM_SECONDS
    try:
        record = await site.service.status(session.person, result_id, kind)
        while True:
            look = look_at(site, record, submitted_at)
            yield _event(_render(look, record, result_id, kind))
            if look.stage in (Stage.DONE, Stage.MISSING) or time.monotonic() > ends:
                return
            wait = min(_HEARTBEAT_SECONDS, look.seconds_to_late or _HEARTBEAT_SECONDS)
            record = await site.service.wait(session.person, result_id, kind, timeout_seconds=wait)
    except StoreUnavailableError:
        # The page says that the connection is in trouble, and tries again.
        yield "event: trouble\ndata: {}\n\n"


def _submitted_at(data: Mapping[str, Any]) -> float:
    """Return when the pending job was handed in."""
    job = flow.pending_job(data)
    return job[2] if job else 0.0


def _settled(data: Mapping[str, Any], result_id: str, kind: JobKind) -> dict[str, Any]:
    """Return a job whose end the session has taken already, in another tab perhaps."""
    return {
        "result_id": result_id,
        "kind": kind.value,
        "state": Stage.DONE.value,
        "next": flow.after(data, kind),
    }


def _render(look: Look, record: StatusRecord | None, result_id: str, kind: JobKind) -> dict[str, Any]:
    """Return the JSON object of one look. It never says which field failed."""
    view: dict[str, Any] = {
        "result_id": result_id,
        "kind": kind.value,
        "state": look.stage.value,
        "next": flow.WAIT[kind],
    }
    if record and record.is_done:
        view["outcome"] = record.outcome.value if record.outcome else "unknown"
    return view


def _event(view: dict[str, Any]) -> str:
    """Return one event."""
    return f"event: status\ndata: {json.dumps(view)}\n\n"
