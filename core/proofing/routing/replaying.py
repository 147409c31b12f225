"""Recorded decisions, made again: the same settings change none, others show what an edit would change."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from proofing.contracts.call_records import CallStore, RecordedDecision
from proofing.contracts.results import ProoferKind
from proofing.rules.routing import RoutingTerms, decide

#: How many decisions are read at a time.
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorChange:
    """Another vendor for a question of one kind; None for nobody."""

    kind: ProoferKind
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of decisions that were made again.

    Attributes:
        jobs: whose decisions they are.
        decisions: how many were made again.
        changes: how many name another vendor, by what changed.
        other_reasons: how many name the same vendor by another rule, or pass over others.
        left_out: how many were not made again: an earlier one of the same step names another vendor by now,
            so that nobody knows what would have followed.
    """

    jobs: int
    decisions: int
    changes: Mapping[VendorChange, int] = field(default_factory=dict)
    other_reasons: int = 0
    left_out: int = 0


def replay(recorded: Iterable[RecordedDecision], terms_of: Callable[[ProoferKind], RoutingTerms]) -> Replay:
    """Make *recorded* decisions again by the settings that *terms_of* knows.

    What the gates refused then is refused again; what they would say of other vendors is not known.
    """
    steps: dict[tuple[str, str], list[RecordedDecision]] = {}
    for one in recorded:
        steps.setdefault((one.job, one.step), []).append(one)
    changes: Counter[VendorChange] = Counter()
    decisions = other_reasons = left_out = 0
    for made in steps.values():
        made.sort(key=_number)
        for place, one in enumerate(made, 1):
            decisions += 1
            question, before = one.decision.question, one.decision
            after = decide(terms_of(question.kind), question)
            if after.vendor != before.vendor:
                changes[VendorChange(kind=question.kind, before=before.vendor, after=after.vendor)] += 1
                left_out += len(made) - place
                break
            other_reasons += after != before
    return Replay(
        jobs=len({job for job, _step in steps}),
        decisions=decisions,
        changes=dict(changes.most_common()),
        other_reasons=other_reasons,
        left_out=left_out,
    )


async def decisions_of_latest(store: CallStore, *, jobs: int) -> Sequence[RecordedDecision]:
    """Return all decisions of the *jobs* jobs that decided last."""
    found: list[RecordedDecision] = []
    seen: set[str] = set()
    last: tuple[float, str, str] | None = None
    while len(seen) < jobs and (page := await store.latest_decisions(limit=_PAGE, before=last)):
        new = [job for job in dict.fromkeys(one.job for one in page) if job not in seen]
        new = new[: jobs - len(seen)]
        seen |= set(new)
        found += await store.decisions_of_jobs(new)
        last = (page[-1].at, page[-1].job, page[-1].id)
    return found


def _number(one: RecordedDecision) -> int:
    """Return which question of its step it is."""
    return int(one.id.rpartition(":")[2])
