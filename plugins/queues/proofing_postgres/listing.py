"""Lists jobs for operators: each kind of job in the order of its own index, however many there are."""

from collections.abc import Sequence

from proofing.plugin import JobKind, JobState, JobSummary
from proofing_postgres.connections import ReconnectingConnection, Row

_HEX_DIGITS = 32
#: Our states to those of the statements, in the order in which they are listed.
_STATES = {
    JobState.RUNNING: "executing",
    JobState.READY: "ready",
    JobState.SCHEDULED: "scheduled",
    JobState.PARKED: "parked",
    JobState.ENDING: "ending",
}
_NAMES = {name: state for state, name in _STATES.items()}


async def list_jobs(
    link: ReconnectingConnection, *, prefix: str, state: JobState | None, queue_name: str | None, limit: int
) -> Sequence[JobSummary]:
    """Return jobs; see `proofing.plugin.Queue.jobs`.

    Raises:
        QueueUnavailableError: the database is down.
    """
    if prefix:
        steps = _by_id(prefix, state, queue_name)
    else:
        steps = [
            step
            for wanted in (*_STATES, JobState.ENDED)
            if state in {None, wanted}
            for step in (_by_state(wanted, queue_name))
        ]
    found: list[JobSummary] = []
    for name, parameters in steps:
        if len(found) < limit:
            rows, _count = await link.run(name, {**parameters, "limit": limit - len(found)})
            found += [_summary(row) for row in rows]
    return found


def _by_id(
    prefix: str, state: JobState | None, queue_name: str | None
) -> list[tuple[str, dict[str, object]]]:
    """Return the statements that find jobs by the beginning of their id; none when no id can begin so."""
    digits = prefix.replace("-", "").lower()
    if len(digits) > _HEX_DIGITS or not set(digits) <= set("0123456789abcdef"):
        return []
    bounds: dict[str, object] = {
        "first": digits.ljust(_HEX_DIGITS, "0"),
        "last": digits.ljust(_HEX_DIGITS, "f"),
        "queue": queue_name,
    }
    steps = []
    if state is not JobState.ENDED:
        steps.append(("live_jobs", {**bounds, "state": None if state is None else _STATES[state]}))
    if state in {None, JobState.ENDED}:
        steps.append(("ended_by_id", bounds))
    return steps


def _by_state(state: JobState, queue_name: str | None) -> list[tuple[str, dict[str, object]]]:
    """Return the statements that find jobs in *state*; ready ones have an index queue by queue."""
    if state is JobState.READY:
        names = [queue_name] if queue_name else [kind.queue_name for kind in JobKind]
        return [("ready_jobs", {"queue": name}) for name in names]
    return [(f"{state.value}_jobs", {"queue": queue_name})]


def _summary(row: Row) -> JobSummary:
    """Return a row of any of the statements."""
    result_id, queue_name, state, age, ran, ended, executions, end, trace_id, vendor = row
    return JobSummary(
        result_id=result_id,
        queue_name=queue_name,
        state=_NAMES.get(state, JobState.ENDED),
        age_seconds=max(0.0, float(age)),
        run_seconds=None if ran is None else max(0.0, float(ran)),
        ended_seconds=None if ended is None else max(0.0, float(ended)),
        executions=int(executions),
        end_state=end,
        trace_id=trace_id,
        vendor=vendor,
    )
