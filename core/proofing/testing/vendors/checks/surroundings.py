"""What surrounds a question changes nothing of it: other settings, another environment, what came before.

And nothing of it is left behind: no data in memory, no task that runs on.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from proofing.base.errors import PluginError
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.proofers import Maturity, ProofingRequest
from proofing.registry.proofers import LoadedProofer
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import FakeVendor, make_process
from proofing.testing.vendors.checks.loading import MIN_SECRET, secrets_of
from proofing.testing.vendors.checks.tracing import other_settings
from proofing.testing.vendors.remembering import count_held_by, texts_held_by
from proofing.testing.vendors.sent import values_of
from proofing.testing.vendors.subject import CheckRule, Subject, facts_of
from proofing.testing.vendors.trial import RUN_SECONDS, Run, conversation

#: How many people are asked about until what is held of them is counted again.
_PEOPLE = 4
#: What holds more than that is a library's, and is looked through once.
_MOST_COUNTED = 20_000
#: So often what is ready on the loop is done before it is said that something runs on.
_TURNS = 20


def kept(subject: Subject) -> Iterator[str]:
    """Nothing of a person stays in memory after the answer."""
    if not subject.good or subject.descriptor.maturity is Maturity.MOCK:
        return
    example, plugin = subject.examples[subject.good[0]], subject.trial.plugin
    loaded = subject.trial.loaded()

    async def ask(first: int) -> None:
        for seed in range(first, first + _PEOPLE):
            question = subject.question(example, Canary(seed=seed))
            await subject.trial.put(example, _from_somewhere(question, seed), loaded=loaded)

    counts: list[int] = []
    for turn in range(4):
        subject.trial.do(lambda turn=turn: ask(100 + turn * _PEOPLE))  # type: ignore[misc]
        if not counts or counts[0] < _MOST_COUNTED:
            counts.append(count_held_by(loaded.proofer, plugin))
    held = texts_held_by(loaded.proofer, plugin)
    for seed in range(100, 100 + 4 * _PEOPLE):
        canary = Canary(seed=seed)
        asked = subject.question(example, canary).applicant.reveal()
        leaks = [leak for leak in canary.find_leaks(held) if leak.partition(" ")[0] in asked]
        if leaks:
            yield f"after the answer the proofer, or its module, still holds {leaks[0].partition(' ')[0]}"
            return
    grown = [later - before for before, later in pairwise(counts[1:])]
    if grown and min(grown) >= _PEOPLE:
        more = min(grown) // _PEOPLE
        yield f"what the proofer and its module hold grows by {more} objects with each question"


def _from_somewhere(question: ProofingRequest, seed: int) -> ProofingRequest:
    """Return *question* with the address of somebody else."""
    known = question.circumstances.to_json()
    if "ip_address" not in known:
        return question
    values = {**known, "ip_address": f"198.51.100.{seed}"}
    return replace(question, circumstances=Circumstances.from_json(values))


def left_running(subject: Subject) -> Iterator[str]:
    """Nothing runs on after the answer."""
    for name, example in subject.examples.items():
        vendor = FakeVendor(conversation(example))

        async def ask(vendor: FakeVendor = vendor, name: str = name) -> tuple[int, bool]:
            example = subject.examples[name]
            before = asyncio.all_tasks()
            await subject.trial.put(example, subject.question(example), vendor=vendor)
            count = len(vendor.requests)
            left = asyncio.all_tasks() - before
            for _turn in range(_TURNS):
                await asyncio.sleep(0)
            return count, any(not task.done() for task in left)

        count, is_running = subject.trial.do(ask)
        if len(vendor.requests) > count:
            yield f"example {name!r}: after its answer it calls the vendor again"
        elif is_running:
            yield f"example {name!r}: after its answer a task of it runs on"


def production(subject: Subject) -> Iterator[str]:
    """In production it asks and answers as anywhere."""
    if subject.descriptor.maturity is Maturity.MOCK or not subject.suite.calls_out:
        return
    for name in (*subject.good[:1], *subject.refused[:1]):
        example = subject.examples[name]
        runs = []
        for environment in ("production", "development"):
            loaded = _loaded_in(subject, environment)
            question = subject.question(example)
            runs.append(
                subject.trial.do(
                    lambda loaded=loaded, question=question, example=example: subject.trial.put(  # type: ignore[misc]
                        example, question, loaded=loaded
                    )
                )
            )
        for environment, run in zip(("production", "development"), runs, strict=True):
            # One that refuses to be made in production, such as with keys for tests, says so at start.
            is_refused = run.broken is not None and "cannot make" in run.broken
            if not is_refused and _told(run) != _told(subject.runs[name]):
                yield f"example {name!r}, where the environment is {environment}: it is {run.came_to}"


def _told(run: Run) -> tuple[object, ...]:
    return facts_of(run.result), run.came_to, [(one.method, one.url.path) for one in run.requests]


def _loaded_in(subject: Subject, environment: str) -> LoadedProofer:
    found = subject.trial.found
    patient = replace(subject.descriptor, timeout_seconds=lambda _settings: RUN_SECONDS)
    process = replace(make_process(environment=environment), is_production=environment == "production")
    return LoadedProofer(subject.trial.plugin, patient, found.settings, lambda: process)


def settings_mixed(subject: Subject) -> Iterator[str]:
    """Two proofers with settings of their own do not mix them up."""
    example = subject.yes
    other = next((other for _label, other in other_settings(subject)), None)
    if example is None or other is None:
        return
    secrets = [dict(secrets_of(one.trial.found.settings)) for one in (subject, other)]
    # A longer secret holds the other one anyway.
    hidden = [
        Canary(
            extra={
                name: value
                for name, value in secrets[number].items()
                if len(value) >= MIN_SECRET and value not in secrets[1 - number].get(name, "")
            }
        )
        for number in (0, 1)
    ]
    mine, theirs = subject.trial.loaded(), other.trial.loaded()
    question = subject.question(example)

    async def put(one: Subject, loaded: LoadedProofer) -> Run:
        return await one.trial.put(example, question, loaded=loaded)

    async def make() -> None:
        _ = mine.proofer, theirs.proofer

    with contextlib.suppress(PluginError):
        subject.trial.do(make)  # what cannot be made so is another rule's
    before = values_of(subject.put_asked(example, question))
    asked = []
    for one, loaded, foreign in (
        (subject, mine, hidden[1]),
        (other, theirs, hidden[0]),
        (subject, mine, hidden[1]),
    ):
        run = one.trial.do(lambda one=one, loaded=loaded: put(one, loaded))  # type: ignore[misc]
        sent = b"".join(
            str(request.url).encode() + repr(request.headers.raw).encode() + request.content
            for request in run.requests
        )
        if leaks := [leak for leak in foreign.find_leaks(sent) if leak.startswith("secret.")]:
            name = leaks[0].removeprefix("secret.")
            yield f"a request of one proofer holds {name} of another one's settings"
            return
        if one is subject:
            asked.append(values_of(run))
    after = values_of(subject.put_asked(example, question))
    stable = {place: said for place, said in before.items() if after.get(place) == said}
    if any(values.get(place, said) != said for values in asked for place, said in stable.items()):
        yield "a proofer asks in another way after one with other settings was made or asked"


def settings_used(subject: Subject) -> Iterator[str]:
    """Each secret of the settings makes a difference."""
    example = subject.yes
    if example is None or not subject.suite.calls_out or not subject.trial.found.is_alone:
        return
    first, again = (subject.put(example) for _ in range(2))
    if values_of(first) != values_of(again):
        # With a nonce in each request nothing can be compared.
        return
    webhook = set(subject.suite.webhook_secrets)
    for name, value in secrets_of(subject.trial.found.settings):
        if not value or webhook & {*name.split(".")}:
            continue
        for _label, other in other_settings(subject, only=value):
            run = other.put(example)
            is_same_way = values_of(run) == values_of(first) and run.came_to == first.came_to
            tls = [one.descriptor.tls(one.trial.found.settings) for one in (subject, other)]
            if is_same_way and tls[0] == tls[1]:
                yield f"{name.partition('.')[2]} of the settings is never used"
            break


CHECKS: Mapping[str, CheckRule] = {
    "state-kept": kept,
    "left-running": left_running,
    "environment": production,
    "settings-mixed": settings_mixed,
    "settings-unused": settings_used,
}
