"""How a question without an answer continues: why it is resumed, within which bounds, and when it is due."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from proofing.base.errors import Cause, PluginError, VendorError
from proofing.contracts.continuation import (
    MIN_AGAIN_SECONDS,
    Again,
    Answered,
    Because,
    Due,
    Exchange,
    Expired,
    Pending,
    Received,
    Returned,
)
from proofing.contracts.proofers import ProoferDescriptor
from proofing.jobs.notes import Note
from proofing.jobs.questions import QuestionKey, QuestionLog, Waiting

#: After these a vendor that was asked whether its answer is there is asked again; the answer may be paid for.
_PASSING = frozenset({Cause.TIMEOUT, Cause.UNREACHABLE, Cause.MAINTENANCE, Cause.QUOTA})
#: The first wait after one of these, and the longest; doubled in between.
_FIRST_RETRY_SECONDS = 5.0
_LONGEST_RETRY_SECONDS = 300.0
_MOST_DOUBLED = 10
#: When the vendor is asked whose person has come back, and who sent no event.
AFTER_RETURN_SECONDS = 120.0


class Resumption:
    """Why each question of a job is resumed in one run."""

    def __init__(self, questions: QuestionLog, news: Mapping[int, Sequence[Note]]) -> None:
        """Take what waits, and the *news* that came for it, by the number of the question."""
        self._news = news
        now = datetime.now(UTC)
        dues = [question.waiting.due_at for question in questions.waiting if question.waiting]
        # Without news the queue has decided that it is time for the first, by its own clock.
        self._now = now if news or not dues else max(now, min(dues))

    def reasons(self, key: QuestionKey, waiting: Waiting, descriptor: ProoferDescriptor) -> list[Note]:
        """Return why the question *key* is resumed, one call each until it has an end; none for not yet."""
        new = [note for note in self._news.get(key.number, ()) if _is_for(note, waiting, descriptor)]
        news = [*waiting.news, *new]
        if self.is_over(waiting.pending):
            return [*news, Note(key.number, Expired())]
        if waiting.due_at <= self._now:
            return news or [Note(key.number, Due())]
        return news if new else []

    def has_news(self, key: QuestionKey) -> bool:
        """Return whether something happened to the question *key*."""
        return key.number in self._news

    def is_over(self, pending: Pending) -> bool:
        """Return whether *pending* has expired in this run."""
        return pending.expires_at <= max(self._now, datetime.now(UTC))


def accept(
    answer: Pending,
    descriptor: ProoferDescriptor,
    *,
    before: Waiting | None,
    because: Because | None,
    latest: datetime | None,
) -> Waiting:
    """Return *answer* of a vendor within its bounds, with the time of the next look.

    Args:
        answer: what the adapter returned.
        descriptor: of the vendor.
        before: what it returned last; None for a first answer.
        because: why it was called; None for a first answer.
        latest: when the setting ``pending_max_hours`` ends the question; None for no bound.

    Raises:
        PluginError: it may not answer so.
        VendorError: it has expired, and this is no end.
    """
    name = descriptor.name
    if type(answer.then) not in descriptor.continues:
        raise PluginError(f"{name} answers later, and its descriptor does not say so")
    answer.require_sound(name)
    if answer.reference is not None and descriptor.webhook is None:
        raise PluginError(
            f"{name} names a reference, and its descriptor names no webhook that could bring it"
        )
    if isinstance(because, Expired):
        raise VendorError(Cause.TIMEOUT, "no answer before the question expired", vendor_name=name)
    known = [before.pending.expires_at] if before else []
    bounds = [answer.expires_at, *known, *([latest] if latest else [])]
    pending = replace(answer, expires_at=min(bounds))
    seconds: float | None = None
    if isinstance(pending.then, Again):
        seconds = max(pending.then.after_seconds, MIN_AGAIN_SECONDS)
    elif isinstance(because, Returned):
        seconds = AFTER_RETURN_SECONDS
    elif isinstance(because, Received) and before is not None:
        # An event that says little does not put off the look after a return.
        left = (before.due_at - datetime.now(UTC)).total_seconds()
        seconds = left if left > 0 else None
    return Waiting(pending=pending, due_at=_due_at(pending, seconds))


def after_error(waiting: Waiting, error: VendorError, because: Because) -> Waiting | None:
    """Return how a question continues whose vendor could not be asked for its answer; None for no more."""
    if error.cause not in _PASSING or isinstance(because, Expired):
        return None
    pending = waiting.pending
    seconds = error.retry_after
    if seconds is None:
        seconds = min(
            _LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(waiting.failures, _MOST_DOUBLED)
        )
        if isinstance(pending.then, Again):
            seconds = max(seconds, pending.then.after_seconds)
    due_at = _due_at(pending, max(seconds, MIN_AGAIN_SECONDS))
    return replace(waiting, due_at=due_at, failures=waiting.failures + 1)


def _is_for(note: Note, waiting: Waiting, descriptor: ProoferDescriptor) -> bool:
    """Return whether what happened can be of the question, whose id people and vendors know."""
    if isinstance(note.because, Received):
        return note.webhook == descriptor.webhook
    return not isinstance(note.because, Answered) or isinstance(waiting.pending.then, Exchange)


def _due_at(pending: Pending, seconds: float | None) -> datetime:
    """Return the time in *seconds*, or the expiry if that comes first, as it does for None."""
    if seconds is None:
        return pending.expires_at
    # A vendor may ask for any number; a day is more than any question waits.
    return min(pending.expires_at, datetime.now(UTC) + timedelta(seconds=min(seconds, 366 * 86_400.0)))
