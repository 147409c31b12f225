"""Exemptions, contract versions, the page, and what an author gets to read."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import httpx
import pytest
from tests.core.testing.vendors.suites import Answer, make_plugin

from proofing.contracts.proofers import CONTRACT_VERSION
from proofing.plugin import Cause, Outcome, ResolutionResult, VendorError
from proofing.testing.vendors import RULES, Example, Exemption, Status, VendorRuleWarning, judge, report
from proofing.testing.vendors.page import page

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "vendor-rules.md"
NO_ID = ('            transaction_id=answer["id"],\n', "")
REASON = "Plain has no id of a call; support searches by time."


def judged(rule, *changes, **attributes):
    """Return what becomes of one rule."""
    make_plugin("answer", *changes)
    (verdict,) = judge(type("Answer", (Answer,), attributes)(), only=[rule])
    return verdict


@pytest.mark.parametrize(
    ("changes", "exemption", "status", "said"),
    [
        ([NO_ID], Exemption(REASON, date(2999, 1, 1)), Status.EXEMPT, REASON),
        ([NO_ID], Exemption(REASON, date(2026, 1, 1)), Status.BROKEN, "expired on 2026-01-01"),
        ([NO_ID], Exemption("later", date(2999, 1, 1)), Status.BROKEN, "needs a reason"),
        ([], Exemption(REASON, date(2999, 1, 1)), Status.BROKEN, "not needed"),
    ],
)
def test_exemptions(changes, exemption, status, said):
    """One holds with a reason, until its day, and while the rule is broken."""
    verdict = judged("transaction-id", *changes, exemptions={"transaction-id": exemption})
    assert verdict.status is status
    assert said in verdict.complaints[0]


@pytest.mark.parametrize(("behind", "status"), [(0, Status.BROKEN), (1, Status.WARNING), (2, Status.BROKEN)])
def test_a_newer_rule_warns_for_one_version(behind, status):
    """It holds for descriptors of its version, and for those that are two versions behind."""
    rule = RULES["transaction-id"]
    object.__setattr__(rule, "since", CONTRACT_VERSION + behind)
    try:
        assert judged("transaction-id", NO_ID).status is status
    finally:
        object.__setattr__(rule, "since", 2)


def test_a_warning_is_no_failure_where_warnings_are_errors(recwarn):
    """Our own configuration makes errors of warnings; this one stays a warning."""
    rule = RULES["transaction-id"]
    object.__setattr__(rule, "since", CONTRACT_VERSION + 1)
    try:
        make_plugin("answer", NO_ID)
        report.require_rule(type("Answer", (Answer,), {})(), "transaction-id")
    finally:
        object.__setattr__(rule, "since", 2)
    assert [warning.category for warning in recwarn] == [VendorRuleWarning]


def test_a_failure_is_the_message_alone():
    """The test of a rule fails with the rule, what is wrong, and what to do; there is no trace to read."""
    make_plugin("answer", NO_ID)
    with pytest.raises(pytest.fail.Exception) as caught:
        type("Answer", (Answer,), {})().test_transaction_id()
    assert caught.value.pytrace is False
    assert str(caught.value).startswith("transaction-id: A result has the vendor's id of the call.")
    assert "example 'yes': transaction_id is empty" in str(caught.value)


def test_a_plugin_that_does_not_load_fails_once():
    """Everything else was not tried."""
    make_plugin("answer", ("@hookimpl\ndef proofing_proofers", "def proofing_proofers"))
    verdicts = list(judge(Answer()))
    assert [verdict.rule.id for verdict in verdicts if verdict.status is Status.BROKEN] == ["plugin-loads"]
    assert {verdict.status for verdict in verdicts} == {Status.BROKEN, Status.NOT_TRIED}
    assert "is @hookimpl missing" in str(verdicts[0])


def test_a_heavy_import_is_found(tmp_path, monkeypatch):
    """A plugin that imports its vendor's library on registering is reported."""
    name = make_plugin("answer")
    path = tmp_path / f"{name}.py"
    path.write_text("import yaml\n" + (Path(__file__).parent / "plugins" / "answer.py").read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name)
    broken = [one for one in judge(type("Answer", (Answer,), {})()) if one.status is not Status.KEPT]
    (verdict,) = broken
    assert verdict.rule.id == "imports-light"
    assert "yaml; import these where the proofer is made" in verdict.complaints[0]


async def test_authors_may_ask():
    """By the name of an example, with one of their own, or with a function that answers."""
    make_plugin("answer")
    suite = Answer()
    result, vendor = await suite.ask("no")
    assert isinstance(result, ResolutionResult)
    assert result.outcome is Outcome.FAILED
    assert [request.url.path for request in vendor.requests] == ["/token", "/checks"]
    error, _vendor = await suite.ask(Example(httpx.Response(429), Cause.QUOTA))
    assert isinstance(error, VendorError)
    assert error.cause is Cause.QUOTA
    error, vendor = await suite.ask(lambda _request: httpx.Response(503))
    assert isinstance(error, VendorError)
    assert len(vendor.requests) == 1


def test_the_page_is_written_from_the_table():
    """And has a heading for each rule, by which messages refer to it."""
    assert PAGE.read_text() == "\n".join(page())
    assert all(f"\n### {rule}\n" in PAGE.read_text() for rule in RULES)


def test_the_kit_needs_no_plugin():
    """It is imported without any vendor, and without anything that only tests need but pytest and httpx."""
    code = (
        "import sys, proofing.testing.vendors; print([name for name in sys.modules if 'proofing_' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
