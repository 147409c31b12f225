"""Sessions of synthetic people, for tests that begin in the middle of the flow."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from proofing.contracts.applicant import Applicant
from proofing.contracts.records import JobKind
from proofing.sessions.data import PendingJob, ReadDocument, SessionData
from proofing_devtools.capture import APPLICANT

#: A document that was read, of the person who passes every check.
DOCUMENT = ReadDocument(applicant=replace(APPLICANT, ssn=None, phone=None))
#: What that person types.
SSN = Applicant(ssn=APPLICANT.ssn)
SSN_AND_PHONE = Applicant(ssn=APPLICANT.ssn, phone=APPLICANT.phone)


def make_session(person: str = "person-1", **values: Any) -> SessionData:
    """Return the data of a session of *person* that begins now, with *values*."""
    now = time.time()
    return SessionData(person=person, **{"csrf": "c" * 43, "created_at": now, "saved_at": now, **values})


def waits_for(kind: JobKind, result_id: str, *, at: float = 9e9) -> dict[str, Any]:
    """Return the values of a session that waits for the job *result_id*, submitted *at* a time."""
    pending = PendingJob(kind=kind, result_id=result_id, submitted_at=at)
    return {"pending": pending, "recent": {result_id: kind}}


def put(**values: Any) -> Callable[[SessionData], None]:
    """Return a change of a session that sets *values*."""

    def change(data: SessionData) -> None:
        for name, value in values.items():
            setattr(data, name, value)

    return change
