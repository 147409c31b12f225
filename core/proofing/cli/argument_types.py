"""What the text of arguments spells; each raises `argparse.ArgumentTypeError` for anything else."""

import argparse
from datetime import UTC, datetime

from proofing.contracts.records import JobKind


def port_number(text: str) -> int:
    """Return the port that *text* spells. Raises `argparse.ArgumentTypeError`."""
    return _whole_number(text, most=65_535)


def count(text: str) -> int:
    """Return how many *text* spells. Raises `argparse.ArgumentTypeError`."""
    return _whole_number(text, most=1000)


def large_count(text: str) -> int:
    """Return how many *text* spells, up to 100,000."""
    return _whole_number(text, most=100_000)


def instant(text: str) -> datetime:
    """Return the instant that *text* spells, in UTC unless it says otherwise.

    Raises:
        argparse.ArgumentTypeError: it is neither a date nor a date with a time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "must be a date such as 2026-11-30, with or without a time"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def reference(text: str) -> str:
    """Return the reference that *text* is. Raises `argparse.ArgumentTypeError`."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def queue_name(text: str) -> str:
    """Return the queue that *text* names, by its kind of job too. Raises `argparse.ArgumentTypeError`."""
    names = {kind.value: kind.queue_name for kind in JobKind}
    name = names.get(text, text)
    if name not in names.values():
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(names.values())}")
    return name


def month(text: str) -> datetime:
    """Return the first moment of the month that *text* spells, in UTC. Raises `ArgumentTypeError`."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a month such as 2026-11") from None


def _whole_number(text: str, *, most: int) -> int:
    """Return the number from 1 to *most* that *text* spells. Raises `argparse.ArgumentTypeError`."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {most}")
    return number
