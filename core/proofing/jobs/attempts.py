"""One submit on its way: what is submitted, what it runs with, and how far it has come."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proofing.base.errors import ProofingError
from proofing.contracts.records import JobKind
from proofing.contracts.stores import Mark
from proofing.contracts.verifications import VerificationRef
from proofing.jobs.arguments import Arguments
from proofing.rules.limits import Counter

#: Values of the mark of a submit: set together with its counts, or in their place when it is abandoned.
ADMITTED, ABANDONED = b"admitted", b"abandoned"
#: Longer than a submit and its undoing take, and than a command can still be on its way to the store.
_MARK_LIFE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ready:
    """What an attempt runs with.

    Attributes:
        marks: that it must be the first to set.
    """

    arguments: Arguments
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Submission:
    """One submit on its way.

    Attributes:
        result_id: of the attempt; see `new_result_id`.
        owner: opaque reference of the person.
        partner: opaque reference of the organization that sent the person.
        verification: which one it is for; None for none.
        ready: makes what the job runs with; may refuse with a `ProofingError`.
        taken: makes the error for the keys of marks that already existed.
        undo: takes the marks back.
        counters: on which it counts.
        inline: whether the job runs inside the request.
        metadata: facts for the job's log line; no PII.
    """

    result_id: str
    owner: str
    partner: str | None
    verification: VerificationRef | None
    kind: JobKind
    ready: Callable[[], Awaitable[Ready]]
    counters: Sequence[Counter]
    inline: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    taken: Callable[[frozenset[str]], ProofingError] | None = None
    undo: Callable[[], Awaitable[None]] | None = None


@dataclass(slots=True)
class Progress:
    """How far a submit has come.

    Attributes:
        mark: set with the counts and the other marks in one step, so it shows whether they were.
        admitted: whether its counters are counted and its marks set; None while the answer is not known.
        counts: what was counted is this submit's to refund.
        repeats: its status record was written by another submit of the same id, whose it stays.
        begun: its begin may be recorded with its verification.
        sent: the queue may have the job.
    """

    mark: Mark
    admitted: bool | None = False
    counts: bool = True
    repeats: bool = False
    begun: bool = False
    sent: bool = False


def new_result_id() -> str:
    """Return a random id for one attempt."""
    return str(uuid.uuid4())


def constant(arguments: Arguments) -> Callable[[], Awaitable[Ready]]:
    """Return a maker of *arguments* that are there already."""

    async def make() -> Ready:
        return Ready(arguments=arguments)

    return make


def submit_mark(result_id: str) -> Mark:
    """Return the mark of one call of `Submitter.submit`; a call that is repeated has another."""
    return Mark(key=f"submit:{result_id}:{uuid.uuid4().hex}", value=ADMITTED, ttl_seconds=_MARK_LIFE_SECONDS)
