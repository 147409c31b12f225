"""`proofing shadow-report`: how the answers of shadows compare with those that counted, from log lines."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofing.base.errors import ConfigurationError, Problem, os_error_reason
from proofing.base.log_output import log_file
from proofing.rules.shadows import Agreement, agreement_of
from proofing.settings import read_layers

_EVENT = "shadow_compared"


@dataclass(slots=True)
class _Pair:
    """A vendor and its shadow, for one kind of question.

    Attributes:
        answers: pairs of outcomes, the one that counted first.
        differing: attributes that both judged, and differently.
    """

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    agreements: Counter[Agreement] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)

    def add(self, line: dict[str, Any]) -> None:
        """Count one line."""
        outcomes = (line["outcome"], line["shadow_outcome"])
        self.answers[outcomes] += 1
        self.agreements[agreement_of(*outcomes)] += 1
        self.differing.update(line["names"])

    def facts(self) -> dict[str, Any]:
        """Return the numbers."""
        agreed = self.agreements[Agreement.AGREED]
        answered = agreed + self.agreements[Agreement.DISAGREED]
        return {
            "asked": self.agreements.total(),
            "answered": answered,
            "agreed": agreed,
            "agreed_percent": round(100 * agreed / answered, 1) if answered else None,
            "outcomes": [
                {"outcome": outcome, "shadow_outcome": shadow, "count": count}
                for (outcome, shadow), count in sorted(self.answers.items())
            ],
            "differing": dict(self.differing.most_common()),
        }


async def report(options: argparse.Namespace) -> int:
    """Print how shadows did; from the log file of the settings, or from those that are named."""
    pairs: dict[tuple[str, str, str], _Pair] = {}
    for line in _compared(options.files or _own_log()):
        key = (line["kind"], line["vendor"], line["shadow_vendor"])
        pairs.setdefault(key, _Pair()).add(line)
    found = [
        {"kind": kind, "vendor": vendor, "shadow_vendor": shadow, **pair.facts()}
        for (kind, vendor, shadow), pair in sorted(pairs.items())
    ]
    if options.json:
        print(json.dumps(found))
        return 0
    for one in found:
        _print(one)
    if not found:
        print("no shadow was asked in these log lines")
    return 0


def _print(one: dict[str, Any]) -> None:
    """Print the numbers of one pair."""
    print(f"{one['kind']}: {one['vendor']}, with {one['shadow_vendor']} as its shadow")
    percent = "" if one["agreed_percent"] is None else f" ({one['agreed_percent']} %)"
    print(f"  asked {one['asked']}, answered {one['answered']}, agreed {one['agreed']}{percent}")
    for row in one["outcomes"]:
        print(f"  {row['outcome']:<10} {row['shadow_outcome']:<16} {row['count']}")
    if one["differing"]:
        print("  judged differently: " + ", ".join(f"{name} {n}" for name, n in one["differing"].items()))


def _own_log() -> list[str]:
    """Return the log file of the settings. Raises `ConfigurationError`."""
    layers = read_layers()
    directory = layers.get("log_directory", "log")
    if directory is None:
        rule = "log lines go to standard output; name files of lines, or - for standard input"
        raise ConfigurationError([Problem(layers.origin(["log_directory"]), "log_directory", rule)])
    return [str(log_file(Path(directory), layers.environment))]


def _compared(names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the lines of shadows. Raises `ConfigurationError`."""
    for name in names:
        for text in _texts(name):
            # Quick: nearly all lines are others.
            if _EVENT in text and (line := _line(text)) is not None:
                yield line


def _texts(name: str) -> Iterator[str]:
    """Yield the lines of a file, or of standard input. Raises `ConfigurationError`."""
    if name == "-":
        yield from sys.stdin
        return
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        rule = f"cannot be read ({os_error_reason(error)})"
        raise ConfigurationError([Problem("command line", name, rule)]) from None


def _line(text: str) -> dict[str, Any] | None:
    """Return the fields of a line of a shadow; None for another one, and for a part of one."""
    try:
        line = json.loads(text)
        wanted = ("kind", "vendor", "outcome", "shadow_vendor", "shadow_outcome")
        is_ours = line["name"] == _EVENT and all(isinstance(line[name], str) for name in wanted)
        return line if is_ours and isinstance(line["names"], list) else None
    except (ValueError, KeyError, TypeError):
        return None
