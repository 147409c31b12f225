"""Submitting a job from a page: one at a time, idempotent, nothing lost when a store fails.

The session is the claim: before anything is submitted, the attempt's id is written into it in one atomic
change, which has no time limit and asks no host how late it is. Of two submits at once, on whichever hosts,
one makes that change; the other finds it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from proofing.base.errors import LimitReachedError, ProofingError, StoreUnavailableError
from proofing.base.logs import log
from proofing.base.retries import retry_while_unavailable
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.records import JobKind
from proofing.sessions.data import SessionData
from proofing.sessions.steps import SUBMIT_STEP
from proofing_server import flow
from proofing_server.guards import limit_path
from proofing_server.security import logger
from proofing_server.sessions import Session, SessionMissingError
from proofing_server.site import RedirectToStep, Site

_MAX_USER_AGENT_CHARACTERS = 512
Change = Callable[[SessionData], None]
#: Calls the service with the data of the session and the id of the attempt.
Submit = Callable[[SessionData, str], Awaitable[str]]


async def submit_job(
    site: Site, session: Session, kind: JobKind, ask: Submit, change: Change | None = None, **typed: str
) -> str:
    """Submit one job and return the page to go to.

    A double click, or the same form in a second tab, finds the job pending (or the step complete) and is sent
    where the first one went.

    Args:
        site: of the request.
        session: of the person.
        kind: of the job.
        ask: calls the service.
        change: of the session, kept with the submission.
        typed: attributes that the person typed on this page, kept with the submission.

    Raises:
        RedirectToStep: a limit holds.
        InvalidInputError: the service refuses a field.
        StoreUnavailableError: nothing was submitted, nothing is changed.
        QueueUnavailableError: as above.
        asyncio.CancelledError: as above, unless the job was running inside the request already.
    """
    claim = _Claim(site, kind, typed, change)
    try:
        elsewhere = await session.update(claim.take)
        if elsewhere is not None:
            return elsewhere
        await ask(session.data, claim.result_id)
    except LimitReachedError as error:
        await asyncio.shield(_in_background(site, claim.release(session)))
        raise RedirectToStep(limit_path(error.limit)) from None
    except ProofingError:
        await asyncio.shield(_in_background(site, claim.release(session)))
        raise
    except asyncio.CancelledError:
        if not site.service.is_running_here(claim.result_id):
            _in_background(site, claim.release(session))
        raise
    return SUBMIT_STEP[kind].wait_page


def circumstances_of(request: Request, site: Site, data: SessionData, kind: JobKind) -> Circumstances:
    """Return how the person comes to the submit of a job of *kind*, which *data* counts already."""
    at = data.consented_at
    return Circumstances(
        locale=site.texts(request).language,
        consented_at=None if at is None else datetime.fromtimestamp(at, UTC),
        attempt_number=data.submissions.get(kind),
        ip_address=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent", "")[:_MAX_USER_AGENT_CHARACTERS] or None,
        device_session_id=data.device_session_id,
        compared_by=data.compared_by or None,
    )


class _Claim:
    """One attempt's place in the session."""

    def __init__(self, site: Site, kind: JobKind, typed: Mapping[str, str], change: Change | None) -> None:
        """Prepare an attempt of *kind* with what the person typed, and another change of the session."""
        self.result_id = site.service.new_result_id()
        self._site = site
        self._kind = kind
        self._typed = typed
        self._change = change
        self._before: SessionData | None = None
        self._after: SessionData | None = None

    def take(self, data: SessionData) -> str | None:
        """Note the attempt in *data*, or return where the person belongs instead."""
        kind = self._kind
        if elsewhere := flow.redirect_for(data, SUBMIT_STEP[kind].page):
            return elsewhere
        if data.is_complete(kind) and not self._typed and kind not in {JobKind.DOCUMENT, JobKind.CODE}:
            return flow.current_page(data)
        self._before = data.copy()
        data.typed = data.typed.merge(self._typed)
        flow.submitted(data, kind, self.result_id, at=self._site.service.now())
        if self._change is not None:
            self._change(data)
        self._after = data.copy()
        return None

    async def release(self, session: Session) -> None:
        """Open the step again as it was, unless the person has moved on; later, when the store is down."""
        try:
            await session.update(self._restore)
        except StoreUnavailableError:
            # A person who tries again must not be sent to wait for a job that was never submitted.
            _in_background(self._site, self._release_when_available(session))
        except SessionMissingError:
            pass  # nobody is left to wait

    async def _release_when_available(self, session: Session) -> None:
        """Open the step again as soon as the store answers."""
        try:
            await retry_while_unavailable(lambda: session.update(self._restore))
        except (ProofingError, SessionMissingError) as error:
            # The page of the attempt will say that nothing is known of it, and offer to try again.
            log(
                logger,
                "submit_rollback_failed",
                level=logging.WARNING,
                job_id=self.result_id,
                error=type(error).__name__,
            )

    def _restore(self, data: SessionData) -> None:
        """Take the note back."""
        if self._before and self._after and data.pending_id(self._kind) == self.result_id:
            flow.revert(data, self._before, self._after)


def _in_background(site: Site, step: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Begin *step*, which continues when the request whose time is up no longer waits for it."""
    task = asyncio.create_task(step)
    site.leave_alone(task)
    return task
