"""Judges every proofer of a plugin by its suites, for `proofing quality`.

``python -m proofing.testing.vendor_table PLUGIN TESTS OUTPUT [--tested]`` runs in a process of its own, since
it imports the author's tests. With ``--tested`` nothing is tried: the tests of the suites passed. It writes
JSON to OUTPUT, a list with one object for each proofer of the plugin::

    {"kind": "phone", "name": "acme", "contract_version": 2, "maturity": "documented",
     "rules": {"retries": {"status": "kept", "complaints": [], "until": null}, …}, "newer": {…}}

``rules`` has those that hold for the contract version of the proofer, and ``newer`` those that came later.
For a plugin that does not load it is the one object ``{"error": …}``.
"""

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from proofing.contracts.proofers import ProoferDescriptor
from proofing.testing.vendors import RULES, LoadError, ProoferContract, Status, Verdict, judge

JudgeSuite = Callable[[ProoferContract], Iterable[Verdict]]
#: Of several suites of a proofer the worst verdict counts.
_WORST_FIRST = (Status.BROKEN, Status.NOT_TRIED, Status.WARNING, Status.EXEMPT, Status.KEPT)
_COLLECTED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


class _Suites:
    """Collects the classes of tests that are suites of the kit."""

    def __init__(self) -> None:
        self.found: dict[type[ProoferContract], None] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep each class once, in the order of the tests."""
        for item in session.items:
            kind = getattr(item, "cls", None)
            if isinstance(kind, type) and issubclass(kind, ProoferContract):
                self.found[kind] = None


def make_table(plugin: str, tests: str, judge_suite: JudgeSuite = judge) -> list[dict[str, Any]]:
    """Return what became of each rule for each proofer of the import package *plugin*, by *judge_suite*."""
    suites, output = _Suites(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", tests], plugins=[suites])
    if code not in _COLLECTED:
        return [{"error": f"the tests cannot be collected:\n{output.getvalue().strip()}"}]
    mine = [kind() for kind in suites.found if kind.plugin == plugin]
    judged: dict[tuple[str, str], list[ProoferContract]] = {}
    try:
        for suite in mine:
            descriptor = suite.descriptor()
            judged.setdefault((descriptor.kind, descriptor.name), []).append(suite)
        offered = import_module(plugin).proofing_proofers()
    except LoadError as error:
        return [{"error": str(error)}]
    return [
        _row(descriptor, judged.get((descriptor.kind, descriptor.name), []), judge_suite)
        for descriptor in offered
    ]


def as_tested(suite: ProoferContract) -> Iterator[Verdict]:
    """Yield what `judge` says of a suite whose tests pass: one tests each rule or exemption."""
    for rule in RULES.values():
        exemption = suite.exemptions.get(rule.id)
        if exemption is None:
            yield Verdict(rule, Status.KEPT)
        else:
            yield Verdict(rule, Status.EXEMPT, (exemption.reason,))


def _row(
    descriptor: ProoferDescriptor, suites: Iterable[ProoferContract], judge_suite: JudgeSuite
) -> dict[str, Any]:
    """Return what became of the rules for one proofer; without a suite nothing was tried."""
    untried = {"status": Status.NOT_TRIED, "complaints": ["no suite of the kit tests it"], "until": None}
    rules: dict[str, dict[str, Any]] = {}
    for suite in suites:
        for verdict in judge_suite(suite):
            exemption = suite.exemptions.get(verdict.rule.id)
            found = {
                "status": verdict.status,
                "complaints": list(verdict.complaints),
                "until": exemption.until.isoformat() if exemption else None,
            }
            before = rules.setdefault(verdict.rule.id, found)
            rules[verdict.rule.id] = min(before, found, key=lambda one: _WORST_FIRST.index(one["status"]))
    rules = rules or dict.fromkeys(RULES, untried)
    version = descriptor.contract_version
    return {
        "kind": descriptor.kind.value,
        "name": descriptor.name,
        "contract_version": version,
        "maturity": descriptor.maturity.value,
        "rules": {rule: found for rule, found in rules.items() if RULES[rule].since <= version},
        "newer": {rule: found for rule, found in rules.items() if RULES[rule].since > version},
    }


if __name__ == "__main__":
    judge_by = as_tested if sys.argv[4:] == ["--tested"] else judge
    Path(sys.argv[3]).write_text(json.dumps(make_table(sys.argv[1], sys.argv[2], judge_by)))
