"""What a web process notes for a parked job, sealed so that only workers open it."""

import base64
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from proofing.base.errors import EncryptionError
from proofing.base.logs import get_logger, log
from proofing.contracts.continuation import Answered, Because, Event, Received, Returned
from proofing.crypto.encryption import SealContext, Sealer

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Note:
    """Something that happened to a question.

    Attributes:
        question: its number; see `QuestionKey.number`.
        because: what happened.
        webhook: name of the one that an event came by: another vendor's can name any question.
    """

    question: int
    because: Because
    webhook: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the note as JSON values."""
        values: dict[str, Any] = {"question": self.question}
        if isinstance(self.because, Received):
            values["event"] = self.because.event.to_json()
            values["webhook"] = self.webhook
        elif isinstance(self.because, Answered):
            values["answer"] = base64.b64encode(self.because.body).decode()
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        because: Received | Answered | Returned = Returned()
        if "event" in values:
            because = Received(Event.from_json(values["event"]))
        elif "answer" in values:
            because = Answered(base64.b64decode(values["answer"], validate=True))
        return cls(values["question"], because, values.get("webhook"))


async def seal_note(sealer: Sealer, note: Note, context: SealContext) -> bytes:
    """Return *note* sealed for *context*. Raises `StoreUnavailableError`."""
    return await sealer.seal(json.dumps(note.to_json()).encode(), context)


async def open_notes(
    sealer: Sealer, sealed_notes: Iterable[bytes], context: SealContext, *, result_id: str
) -> list[Note]:
    """Return the notes that were sealed for *context*, of the job *result_id*.

    What does not open was written by nobody who may: it is passed over, since its question is asked
    anyway when its time comes. Raises `StoreUnavailableError`.
    """
    opened = []
    for sealed in sealed_notes:
        try:
            data = await sealer.open(sealed, context)
            opened.append(Note.from_json(json.loads(data)))
        except (EncryptionError, ValueError, KeyError, TypeError, AttributeError):
            log(_logger, "note_unreadable", level=logging.WARNING, job_id=result_id)
    return opened


def by_question(notes: Iterable[Note]) -> dict[int, list[Note]]:
    """Return what happened to each question, by its number, in order and once each."""
    found: dict[int, list[Note]] = {}
    for note in notes:
        same = found.setdefault(note.question, [])
        # Vendors repeat themselves, and people reload.
        if note not in same:
            same.append(note)
    return found
