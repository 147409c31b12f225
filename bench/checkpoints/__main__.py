"""What a further question of a job costs: its intent and the answers before it, on one durable PostgreSQL.

``python -m bench.checkpoints [--runs N] [--jobs N]`` from the root of the repository. Jobs whose intents take
the answers along, and jobs whose intents go alone, take turns; what counts is the ratio.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections import defaultdict

from bench.report import Row, quantile, report
from proofing.contracts.queues import ClaimedJob, JobMessage
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.testing.queue_handlers import make_message, make_record
from proofing_devtools.postgres import running_postgres
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

_QUEUE = JobKind.RESOLUTION.queue_name
_QUESTIONS = 4
#: The answer of one question in JSON, sealed.
_ANSWER_BYTES = 700
_SLOTS = 200


class Asking:
    """Notes a job's questions one after the other, as a run does, and times each note.

    Attributes:
        seconds: of the notes of further questions.
    """

    def __init__(self, count: int, questions: int, *, with_answers: bool) -> None:
        """Expect *count* jobs of so many *questions*."""
        self._left = count
        self._questions = questions
        self._with_answers = with_answers
        self.seconds: list[float] = []
        self.done = asyncio.Event()

    async def run(self, job: ClaimedJob) -> StatusRecord:
        """Ask every question, and end."""
        for number in range(self._questions):
            answers = os.urandom(_ANSWER_BYTES * number) if number and self._with_answers else None
            begun_at = time.perf_counter()
            await job.record_intent("acme", question=number, answers=answers)
            if number:
                self.seconds.append(time.perf_counter() - begun_at)
        self._left -= 1
        if not self._left:
            self.done.set()
        return make_record(job.message, EndState.DONE)

    async def discard(self, message: JobMessage, end: EndState) -> StatusRecord:
        """Say so: every number would be wrong."""
        raise RuntimeError(f"{message!r} was discarded: {end}")


async def drain(dsn: str, count: int, questions: int, *, with_answers: bool) -> tuple[float, list[float]]:
    """Return how many waiting jobs a worker ends in a second, and the seconds of further notes."""
    queue = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn, "timeout_seconds": 120.0}))
    await queue.migrate()
    await queue.open()
    await queue.enqueue([make_message() for _ in range(count)])
    handler, stop = Asking(count, questions, with_answers=with_answers), asyncio.Event()
    begun_at = time.perf_counter()
    task = asyncio.create_task(queue.work(handler, slots={_QUEUE: _SLOTS}, stop=stop, drain_seconds=30))
    await handler.done.wait()
    seconds = time.perf_counter() - begun_at
    stop.set()
    await task
    await queue.close()
    return count / seconds, handler.seconds


async def measure(dsn: str, runs: int, count: int) -> list[Row]:
    """Return all rows of the table."""
    rates: dict[str, list[float]] = defaultdict(list)
    notes: dict[tuple[str, float], list[float]] = defaultdict(list)
    for number in range(runs):
        kinds = {"one": (1, False), "answers": (_QUESTIONS, True), "intents": (_QUESTIONS, False)}
        # The one that begins changes, so that none always has the warmer machine.
        for name in (*kinds,)[:: 1 if number % 2 else -1]:
            questions, with_answers = kinds[name]
            rate, seconds = await drain(dsn, count, questions, with_answers=with_answers)
            rates[name].append(rate)
            for share in (0.5, 0.99) if seconds else ():
                notes[name, share].append(quantile(seconds, share) * 1000)
    rows = [
        Row(
            measure="jobs with one question",
            unit="jobs/s",
            ours=statistics.median(rates["one"]),
            runs=tuple(rates["one"]),
        ),
        Row(
            measure=f"jobs with {_QUESTIONS} questions, intents and answers",
            unit="jobs/s",
            ours=statistics.median(rates["answers"]),
            peers={"intents alone": statistics.median(rates["intents"])},
            runs=tuple(rates["answers"]),
        ),
    ]
    rows += [
        Row(
            measure=f"note of a further question, {words}, {_SLOTS} jobs at once",
            unit="ms",
            ours=statistics.median(notes["answers", share]),
            peers={"intents alone": statistics.median(notes["intents", share])},
            runs=tuple(notes["answers", share]),
        )
        for share, words in ((0.5, "p50"), (0.99, "p99"))
    ]
    return rows


def main() -> None:
    """Measure, print one table, write ``bench/results/checkpoints.json``."""
    parser = argparse.ArgumentParser(prog="python -m bench.checkpoints", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of each kind (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=3000, help="in a run (default %(default)s)")
    options = parser.parse_args()
    with running_postgres(durable=True) as server:
        rows = asyncio.run(measure(server.new_database(), options.runs, options.jobs))
    report("checkpoints", rows)


if __name__ == "__main__":
    main()
