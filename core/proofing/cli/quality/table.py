"""The table of rules of a plugin, the file that keeps it, and the maturity that follows from it.

The file is `quality.toml` in the package, so that it is installed with the code that it is about.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from proofing.contracts.proofers import Maturity

FILE = "quality.toml"
#: A proofer with a rule that is to do has no level.
NO_LEVEL = "none"
#: How long a proofer is in use before it counts; docs/vendors/index.md.
_IN_USE = timedelta(days=30)


class State(StrEnum):
    """What became of a rule."""

    DONE = "done"
    EXEMPT = "exempt"
    TO_DO = "to do"


_STATES = {"kept": State.DONE, "exempt": State.EXEMPT}


@dataclass(frozen=True, slots=True)
class Row:
    """One rule.

    Attributes:
        text: the reason of an exemption, or the first complaint; empty for a rule that is done.
        until: the last day of an exemption.
    """

    rule: str
    state: State
    text: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProoferTable:
    """The rules of one proofer.

    Attributes:
        claimed: the maturity that its descriptor states.
        newer: rules of later contract versions that it does not keep yet.
        verified: evidence of the author's: ``on`` and ``with``; production: ``since``.
    """

    kind: str
    name: str
    contract_version: int
    claimed: str
    rows: tuple[Row, ...]
    newer: tuple[str, ...] = ()
    verified: Mapping[str, Any] = field(default_factory=dict)
    production: Mapping[str, Any] = field(default_factory=dict)

    def count(self, state: State) -> int:
        """Return how many rules are in *state*."""
        return sum(row.state is state for row in self.rows)

    def maturity(self, today: date) -> str:
        """Return the level that table and evidence allow; docs/vendors/index.md has their rules."""
        if self.claimed == Maturity.MOCK:
            return Maturity.MOCK.value
        if self.count(State.TO_DO) or not self.rows:
            return NO_LEVEL
        if not (isinstance(self.verified.get("on"), date) and self.verified.get("with")):
            return Maturity.DOCUMENTED.value
        since = self.production.get("since")
        is_in_use = isinstance(since, date) and since + _IN_USE <= today
        return Maturity.PRODUCTION.value if is_in_use else Maturity.VERIFIED.value


def read_tables(found: Sequence[Mapping[str, Any]], file: Path) -> tuple[ProoferTable, ...]:
    """Return the tables of what `proofing.testing.vendor_table` *found*, with the evidence that *file* has.

    Raises:
        ValueError: *file* is not TOML of this form.
    """
    evidence = _read_evidence(file)
    return tuple(_table(one, evidence.get((one["kind"], one["name"]), {})) for one in found)


def _table(found: Mapping[str, Any], evidence: Mapping[str, Any]) -> ProoferTable:
    rows = [
        Row(
            rule=rule,
            state=_STATES.get(one["status"], State.TO_DO),
            text=" ".join(one["complaints"][0].split()) if one["complaints"] else "",
            until=date.fromisoformat(one["until"]) if one["status"] == "exempt" else None,
        )
        for rule, one in found["rules"].items()
    ]
    return ProoferTable(
        kind=found["kind"],
        name=found["name"],
        contract_version=found["contract_version"],
        claimed=found["maturity"],
        rows=tuple(rows),
        newer=tuple(rule for rule, one in found["newer"].items() if one["status"] not in _STATES),
        verified=evidence.get("verified", {}),
        production=evidence.get("production", {}),
    )


def _read_evidence(file: Path) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return what the author wrote into *file*, by kind and name of the proofer."""
    if not file.exists():
        return {}
    try:
        proofers = tomllib.loads(file.read_text())["proofer"]
        return {(one["kind"], one["name"]): one for one in proofers}
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        raise ValueError(f"{file} is not a table of rules; delete it and write it again") from None


def write_text(plugin: str, tables: Sequence[ProoferTable], today: date) -> str:
    """Return the text of the file."""
    lines = [
        "# The rules that the proofers of this plugin keep, as",
        f"# `proofing quality {plugin} --write` writes them and `--check` checks them.",
        "# Only evidence is written by hand, below the maturity of a proofer:",
        '#   verified = { on = 2026-12-01, with = "the sandbox, workflow 7" }',
        "#   production = { since = 2026-12-01 }",
    ]
    for table in tables:
        lines += [
            "",
            "[[proofer]]",
            f"kind = {json.dumps(table.kind)}",
            f"name = {json.dumps(table.name)}",
            f"contract_version = {table.contract_version}",
            f"maturity = {json.dumps(table.maturity(today))}",
            *_evidence("verified", table.verified),
            *_evidence("production", table.production),
            "",
            "[proofer.rules]",
            *(f"{row.rule} = {_value(row)}" for row in table.rows),
        ]
    return "\n".join(lines) + "\n"


def _evidence(name: str, values: Mapping[str, Any]) -> list[str]:
    """Return the line of a piece of evidence, if there is any."""
    shown = (
        f"{key} = {value.isoformat() if isinstance(value, date) else _text(str(value))}"
        for key, value in values.items()
    )
    return [f"{name} = {{ {', '.join(shown)} }}"] if values else []


def _value(row: Row) -> str:
    """Return the value of a rule in the file."""
    if row.state is not State.EXEMPT or row.until is None:
        return json.dumps(row.state.value)
    return f"{{ exempt = {_text(row.text)}, until = {row.until.isoformat()} }}"


def _text(text: str) -> str:
    """Return *text* as TOML, whose basic strings are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
