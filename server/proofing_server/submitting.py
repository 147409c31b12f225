"""Submitting a job from a page: one at a time, harmless when repeated, nothing lost when a store fails."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from proofing.errors import LimitReachedError
from proofing.records import JobKind
from proofing_server import flow
from proofing_server.entry import limit_path
from proofing_server.flow import Data
from proofing_server.sessions import Session
from proofing_server.site import ElsewhereError

Submit = Callable[[Data], Awaitable[str]]


async def submit(session: Session, kind: JobKind, ask: Submit, **answers: Any) -> str:
    """Hand in one job and return the page to go to.

    The session's lock is held meanwhile: a double click, or the same form in a second tab, finds the job
    pending (or the step complete) and is sent where the first one went.

    Args:
        session: of the person.
        kind: of the job.
        ask: calls the service with the session's newest data and returns the result id.
        answers: what the person typed on this page, kept with the submission.

    Raises:
        ElsewhereError: a limit holds.
        InvalidInputError: the service refuses a field.
        StoreUnavailableError: nothing was handed in, nothing is changed.
        QueueUnavailableError: as above.
    """
    # A submit that another web process takes at the same moment is found by the service: the same attempt.
    async with session.change(reload=False) as data:
        if elsewhere := flow.gate(data, flow.FORM[kind]):
            return elsewhere
        if flow.is_complete(data, kind) and not answers and kind is not JobKind.DOCUMENT:
            return flow.place(data)
        data.update(answers)
        try:
            result_id = await ask(data)
        except LimitReachedError as error:
            raise ElsewhereError(limit_path(error.limit)) from None
        flow.submitted(data, kind, result_id, at=time.time())
    return flow.WAIT[kind]
