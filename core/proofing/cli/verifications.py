"""`proofing verification`: what operators see of verifications, and do with them. Never personal data.

`show` and `list` ask the verification store alone; what changes something opens every backend.
"""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from proofing.app.verifications import Changed, Verifications
from proofing.base.errors import InvalidInputError, VerificationNotFoundError, VerificationStateError
from proofing.bootstrap import configure, start
from proofing.cli import exits
from proofing.cli.stores import open_backends
from proofing.contracts.verifications import Mode, VerificationRecord, VerificationState
from proofing.verifications.events import iso_time, view

#: Who decides reviews here.
OPERATOR = "operator"


async def show(options: argparse.Namespace) -> int:
    """Print everything that an operator may know of one verification."""
    async with open_backends(OPERATOR, "verification_store") as (_configuration, backends):
        stored = await backends.verifications.load(options.id)
        begun = [] if stored is None else await backends.verifications.begun_jobs(options.id)
    if stored is None:
        return _not_found(options.id)
    record = stored.record
    facts = {
        **view(record),
        "relying_party": record.relying_party,
        "person": record.person,
        "channel": record.channel,
        "steps": [step.value for step in record.terms.steps],
        "failures": {step.value: count for step, count in record.failures.items()},
        "exceptions": record.exceptions,
        "running_jobs": [job.result_id for job in begun],
        "sealed": sorted(value.value for value in stored.sealed),
    }
    if options.json:
        print(json.dumps(facts))
        return 0
    for name, value in facts.items():
        shown = value if isinstance(value, str | int) else json.dumps(value)
        print(f"{name:<20} {shown}")
    return 0


async def list_verifications(options: argparse.Namespace) -> int:
    """Print one line for each verification, newest first."""
    modes = [Mode(options.mode)] if options.mode else list(Mode)
    state = VerificationState(options.state) if options.state else None
    found: list[VerificationRecord] = []
    async with open_backends(OPERATOR, "verification_store") as (configuration, backends):
        parties = configuration.settings.relying_parties
        for party in [options.relying_party] if options.relying_party else parties:
            for mode in modes:
                found += await backends.verifications.page(party, mode, limit=options.limit, state=state)
    newest = sorted(found, key=lambda record: (record.created_at, record.id), reverse=True)[: options.limit]
    if options.json:
        print(json.dumps([{**view(record), "relying_party": record.relying_party} for record in newest]))
        return 0
    if not newest:
        print("no verifications", file=sys.stderr)
    _print_lines(newest)
    return 0


async def cancel(options: argparse.Namespace) -> int:
    """Cancel one verification and its running job; 1 when it cannot be canceled anymore."""
    async with _verifications() as verifications:
        return await _change(options, lambda: verifications.cancel(None, options.id))


async def redact(options: argparse.Namespace) -> int:
    """Delete what is personal of one verification; 1 when it has not ended."""
    async with _verifications() as verifications:
        return await _change(options, lambda: verifications.redact(None, options.id))


async def decide(options: argparse.Namespace) -> int:
    """Decide one review; 1 when there is nothing to decide, or it cannot be approved."""
    async with _verifications() as verifications:
        return await _change(
            options,
            lambda: verifications.decide(
                None,
                options.id,
                is_approved=options.outcome == VerificationState.VERIFIED.value,
                reason=options.reason,
                by=OPERATOR,
            ),
        )


@asynccontextmanager
async def _verifications() -> AsyncIterator[Verifications]:
    """Give the door to verifications of a connected process."""
    async with start(await configure(role=OPERATOR), OPERATOR) as runtime:
        yield runtime.service.verifications


async def _change(options: argparse.Namespace, change: Callable[[], Awaitable[Changed]]) -> int:
    """Make a change, and print what the verification is now, or why it was refused."""
    try:
        record = (await change()).record
    except VerificationNotFoundError:
        return _not_found(options.id)
    except InvalidInputError:
        print(
            "--reason must be a code of lowercase letters, digits and _, such as seen_in_person",
            file=sys.stderr,
        )
        return exits.USAGE
    except VerificationStateError as error:
        print(f"{options.id}: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(view(record)))
    else:
        redacted = ", redacted" if record.redacted_at is not None else ""
        print(f"{record.id} is {record.state}{redacted}")
    return 0


def _not_found(verification_id: str) -> int:
    print(
        f"no verification found for {verification_id}: give the whole id, ver_ and 32 digits", file=sys.stderr
    )
    return exits.NOT_FOUND


def _print_lines(records: Sequence[VerificationRecord]) -> None:
    for record in records:
        print(
            f"{record.id}  {iso_time(record.created_at)}  {record.relying_party:<20}  {record.mode:<4}"
            f"  {record.policy:<16}  {record.state}"
        )
