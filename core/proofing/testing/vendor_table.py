"""Judges every proofer and messenger of a plugin by its suites, for `proofing quality`.

``python -m proofing.testing.vendor_table PLUGIN TESTS OUTPUT [--tested]`` runs in a process of its own, since
it imports the author's tests. With ``--tested`` nothing is tried: the tests of the suites passed. It writes
JSON to OUTPUT, a list with one object for each of them::

    {"kind": "phone", "name": "acme", "contract_version": 2, "maturity": "documented",
     "rules": {"retries": {"status": "kept", "complaints": [], "until": null}, …}, "newer": {…}}

``rules`` has those that hold for the contract version of the proofer, and ``newer`` those that came later.
For a plugin that does not load it is the one object ``{"error": …}``.
"""

import contextlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from proofing.contracts.messengers import MessengerDescriptor
from proofing.contracts.proofers import CONTRACT_VERSION, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.testing.messengers import MESSENGER_RULES, MessengerContract
from proofing.testing.vendors import RULES, LoadError, ProoferContract, Status, Verdict, judge

JudgeSuite = Callable[[ProoferContract], Iterable[Verdict]]
#: Of several suites of a proofer the worst verdict counts.
_WORST_FIRST = (Status.BROKEN, Status.NOT_TRIED, Status.WARNING, Status.EXEMPT, Status.KEPT)
#: Every test, also one that the project leaves to a long run.
_ALL = ("-q", "-m", "", "-p", "no:cacheprovider")
_COLLECTED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


class _Suites:
    """Collects the classes of tests that are suites of the kit.

    Attributes:
        found: suites of proofers, each once.
        tests: of messengers, their suites to the ids of the tests of rules, by rule.
    """

    def __init__(self) -> None:
        self.found: dict[type[ProoferContract], None] = {}
        self.tests: dict[type[MessengerContract], dict[str, str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep each class once, in the order of the tests."""
        for item in session.items:
            kind = getattr(item, "cls", None)
            if isinstance(kind, type) and issubclass(kind, ProoferContract):
                self.found[kind] = None
            if isinstance(kind, type) and issubclass(kind, MessengerContract):
                rule = item.name.removeprefix("test_").replace("_", "-")
                if rule in MESSENGER_RULES:
                    test = item.nodeid.partition("::")[2]
                    self.tests.setdefault(kind, {})[rule] = f"{item.path}::{test}"


def make_table(plugin: str, tests: str, judge_suite: JudgeSuite = judge) -> list[dict[str, Any]]:
    """Return what became of each rule for each proofer and messenger of the import package *plugin*.

    Those of proofers are judged by *judge_suite*.
    """
    suites, output = _Suites(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main(["--collect-only", *_ALL, tests], plugins=[suites])
    if code not in _COLLECTED:
        return [{"error": f"the tests cannot be collected:\n{output.getvalue().strip()}"}]
    mine = [kind() for kind in suites.found if kind.plugin == plugin]
    judged: dict[tuple[str, str], list[ProoferContract]] = {}
    try:
        for suite in mine:
            descriptor = suite.descriptor()
            judged.setdefault((descriptor.kind, descriptor.name), []).append(suite)
        module = import_module(plugin)
        offered: Sequence[ProoferDescriptor] = getattr(module, "proofing_proofers", tuple)()
        messengers: Sequence[MessengerDescriptor] = getattr(module, "proofing_messengers", tuple)()
    except LoadError as error:
        return [{"error": str(error)}]
    return [
        _row(descriptor, judged.get((descriptor.kind, descriptor.name), []), judge_suite)
        for descriptor in offered
    ] + [
        _messenger_row(descriptor, _suites_of(suites, plugin, descriptor.name), is_tried=judge_suite is judge)
        for descriptor in messengers
    ]


def _suites_of(suites: _Suites, plugin: str, name: str) -> list[dict[str, str]]:
    """Return the tests of the suites of a messenger: those that name it, or name none."""
    return [
        tests
        for kind, tests in suites.tests.items()
        if kind.plugin == plugin and kind.messenger_name in {None, name}
    ]


class _Failures:
    """Keeps why tests fail."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the first line that says why."""
        if report.failed:
            message = getattr(getattr(report.longrepr, "reprcrash", None), "message", "")
            self.found[_short(report.nodeid)] = re.sub(
                r"^AssertionError(: )?", "", str(message).partition("\n")[0]
            )


def _short(test: str) -> str:
    """Return the id of a test with the name of its file alone, whatever folder it is relative to."""
    file, _colons, rest = test.partition("::")
    return f"{Path(file).name}::{rest}"


def _messenger_row(
    descriptor: MessengerDescriptor, suites: list[dict[str, str]], *, is_tried: bool
) -> dict[str, Any]:
    """Return what became of the rules for one messenger; without a suite nothing was tried."""
    failures = _Failures()
    if is_tried and suites:
        every = [test for suite in suites for test in suite.values()]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            pytest.main([*_ALL, *every], plugins=[failures])
    rules: dict[str, dict[str, Any]] = {}
    for rule, what in MESSENGER_RULES.items():
        tests = [_short(suite[rule]) for suite in suites if rule in suite]
        why = [failures.found[test] or f"not so: {what}" for test in tests if test in failures.found]
        if not tests:
            why, status = ["no suite of the kit tests it"], Status.NOT_TRIED
        else:
            status = Status.BROKEN if why else Status.KEPT
        rules[rule] = {"status": status, "complaints": why, "until": None}
    return {
        "kind": ProoferKind.MESSENGER.value,
        "name": descriptor.name,
        "contract_version": CONTRACT_VERSION,
        "maturity": descriptor.maturity.value,
        "rules": rules,
        "newer": {},
    }


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
