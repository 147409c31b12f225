"""The questions of a job and what became of each, kept from one run to the next.

A job that continues, or whose worker died, runs again from its beginning. A question is known by its step and
by how many of that step came before it; what has an answer is answered from here, what was pending is resumed
at the vendor that it was put to, whatever the router says by now, and only what was never asked is asked.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from proofing.base.errors import Cause, EncryptionError, VendorError
from proofing.contracts.continuation import Again, Answered, Pending, Returned
from proofing.contracts.results import RESULT_TYPES, Check, ProoferKind
from proofing.jobs.notes import Note


@dataclass(frozen=True, slots=True)
class QuestionKey:
    """Which question of a job: the name of its step, and how many of that step came before it."""

    step: str
    ordinal: int

    @property
    def number(self) -> int:
        """The number by which events name it: 32 bits, the same in every run of the job."""
        return int.from_bytes(hashlib.sha256(f"{self.step}:{self.ordinal}".encode()).digest()[:4])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Waiting:
    """A question without an answer.

    Attributes:
        pending: how it continues.
        due_at: when its vendor is asked although nothing happened, in UTC.
        failures: how often in a row its vendor could not be asked.
        news: what happened since the vendor could be asked for the last time.
    """

    pending: Pending
    due_at: datetime
    failures: int = 0
    news: tuple[Note, ...] = ()

    @property
    def needs_person(self) -> bool:
        """Whether its person has something to do at the vendor."""
        acted = any(isinstance(note.because, Answered | Returned) for note in self.news)
        return not (acted or isinstance(self.pending.then, Again))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "pending": self.pending.to_json(),
            "due_at": self.due_at.isoformat(),
            "failures": self.failures,
            "news": [note.to_json() for note in self.news],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            pending=Pending.from_json(values["pending"]),
            due_at=datetime.fromisoformat(values["due_at"]),
            failures=values["failures"],
            news=tuple(Note.from_json(note) for note in values["news"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Question:
    """A question that was put to a vendor.

    Attributes:
        vendor: name of the proofer.
        kind: of the question.
        check: what came of it; None while it waits.
        waiting: how it continues; None when there is a check.
    """

    vendor: str
    kind: ProoferKind
    check: Check[Any] | None = None
    waiting: Waiting | None = None

    @property
    def reference(self) -> str | None:
        """The vendor's id of a question that waits."""
        return self.waiting.pending.reference if self.waiting else None


class QuestionLog:
    """What one job has asked so far, with the questions of the current run counted."""

    def __init__(self, questions: Mapping[QuestionKey, Question] | None = None) -> None:
        """Begin a run of a job that has asked *questions* before."""
        self._questions = dict(questions or {})
        self._parked_with = {question.reference for question in self.waiting}
        self._asked: Counter[str] = Counter()

    def next_key(self, step: str) -> QuestionKey:
        """Return the key of the question that is asked now, and count it."""
        key = self.upcoming_key(step)
        self._asked[step] += 1
        return key

    def upcoming_key(self, step: str) -> QuestionKey:
        """Return the key of the next question of *step*."""
        return QuestionKey(step, self._asked[step])

    def upcoming(self, step: str) -> Question | None:
        """Return what is known of the next question of *step*, or None when it was never asked."""
        return self._questions.get(self.upcoming_key(step))

    def of_step(self, step: str) -> list[Question]:
        """Return the questions of *step*, in the order in which they were asked."""
        keys = sorted((key for key in self._questions if key.step == step), key=lambda key: key.ordinal)
        return [self._questions[key] for key in keys]

    def get(self, key: QuestionKey) -> Question | None:
        """Return what is known of a question."""
        return self._questions.get(key)

    def note(self, key: QuestionKey, question: Question) -> None:
        """Keep what came of a question."""
        self._questions[key] = question

    def add(self, answered: "QuestionLog") -> None:
        """Take what was *answered* after this was written."""
        self._questions |= answered._questions  # noqa: SLF001 - of its own class

    def items(self) -> list[tuple[QuestionKey, Question]]:
        """Return every question with its key, in the order in which they were asked."""
        return list(self._questions.items())

    @property
    def answered_numbers(self) -> frozenset[int]:
        """The numbers of the questions that have an answer."""
        return frozenset(
            key.number for key, question in self._questions.items() if question.check is not None
        )

    @property
    def has_interrupted(self) -> bool:
        """Whether the answer of a question was lost with the worker that asked it."""
        errors = [one.check.error for one in self._questions.values() if one.check is not None]
        return any(error is not None and error.cause is Cause.INTERRUPTED for error in errors)

    @property
    def waiting(self) -> list[Question]:
        """The questions without an answer, in the order in which they were asked."""
        return [question for question in self._questions.values() if question.waiting is not None]

    @property
    def new_references(self) -> list[Question]:
        """Those of them that wait with a reference with which the job has not been parked before."""
        return [
            question
            for question in self.waiting
            if question.reference is not None and question.reference not in self._parked_with
        ]

    def number_of(self, wanted: Question) -> int:
        """Return the number of one of these questions; see `QuestionKey.number`."""
        return next(key.number for key, question in self._questions.items() if question is wanted)

    def to_json(self) -> list[dict[str, Any]]:
        """Return it as JSON values."""
        return [
            {
                "step": key.step,
                "ordinal": key.ordinal,
                "vendor": question.vendor,
                "kind": question.kind.value,
                "check": None if question.check is None else _write_check(question.kind, question.check),
                "waiting": None if question.waiting is None else question.waiting.to_json(),
            }
            for key, question in self._questions.items()
        ]

    @classmethod
    def from_json(cls, values: Sequence[Mapping[str, Any]]) -> Self:
        """Read what `to_json` returned.

        Raises:
            EncryptionError: *values* are something else.
        """
        try:
            return cls(
                {
                    QuestionKey(one["step"], one["ordinal"]): Question(
                        vendor=one["vendor"],
                        kind=ProoferKind(one["kind"]),
                        check=None if one["check"] is None else _read_check(one["kind"], one["check"]),
                        waiting=None if one["waiting"] is None else Waiting.from_json(one["waiting"]),
                    )
                    for one in values
                }
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise EncryptionError from None

    def answers_to_bytes(self) -> bytes:
        """Return the questions that have their answer, as JSON, for sealing."""
        return json.dumps([one for one in self.to_json() if one["check"] is not None]).encode()

    @classmethod
    def answers_from_bytes(cls, data: bytes) -> Self:
        """Read what `answers_to_bytes` wrote. Raises `EncryptionError` for anything else."""
        try:
            values = json.loads(data)
        except ValueError:
            raise EncryptionError from None
        return cls.from_json(values)


def _write_check(kind: ProoferKind, check: Check[Any]) -> dict[str, Any]:
    """Return an answer, or the error that came instead, as JSON values."""
    if check.error is not None:
        error = check.error
        return {
            "cause": error.cause.value,
            "message": str(error),
            "vendor_name": error.vendor_name,
            "codes": list(error.codes),
            "retry_after": error.retry_after,
            "billed": error.billed,
            "transaction_id": error.transaction_id,
        }
    return {"result": _adapter(kind).dump_python(check.result, mode="json", warnings="error")}


def _read_check(kind: str, values: Mapping[str, Any]) -> Check[Any]:
    """Read what `_write_check` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    if "cause" in values:
        return Check(
            error=VendorError(
                Cause(values["cause"]),
                values["message"],
                vendor_name=values["vendor_name"],
                codes=tuple(values["codes"]),
                retry_after=values["retry_after"],
                billed=values["billed"],
                transaction_id=values["transaction_id"],
            )
        )
    try:
        text = json.dumps(values["result"])
        return Check(result=_adapter(ProoferKind(kind)).validate_json(text, strict=True))
    except ValidationError:
        raise ValueError("not a result") from None


@cache
def _adapter(kind: ProoferKind) -> TypeAdapter[Any]:
    """Return what reads and writes the results of *kind*; building it takes milliseconds."""
    wanted: Any = RESULT_TYPES[kind]
    return TypeAdapter(wanted)
