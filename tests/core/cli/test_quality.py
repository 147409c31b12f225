"""`proofing quality`: what came of the rules, as a table and as a file, and the maturity that follows."""

import json
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest

from proofing.cli import exits, main
from proofing.cli.quality.table import NO_LEVEL, State, read_tables, write_text
from proofing.cli.scaffold.writing import Package, write_package
from proofing.testing.messengers import MESSENGER_RULES
from proofing.testing.vendors import RULES

TODAY = date(2026, 12, 1)


def found(*, maturity="documented", newer=None, **rules):
    """Return what the process that tries the rules reports of one proofer."""
    kept = {"status": "kept", "complaints": [], "until": None}
    return {
        "kind": "phone",
        "name": "acme",
        "contract_version": 2,
        "maturity": maturity,
        "rules": {"plugin-loads": kept, **{name.replace("_", "-"): one for name, one in rules.items()}},
        "newer": newer or {},
    }


EXEMPT = {"status": "exempt", "complaints": ['the vendor says "so"'], "until": "2027-06-01"}
BROKEN = {"status": "broken", "complaints": ["a 503 is asked\nagain", "and so is a 429"], "until": None}
UNTRIED = {"status": "not tried", "complaints": ["no suite of the kit tests it"], "until": None}


def evidence(tmp_path, text):
    """Return a file that holds evidence for the proofer."""
    file = tmp_path / "quality.toml"
    file.write_text(f'[[proofer]]\nkind = "phone"\nname = "acme"\n{text}\n')
    return file


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("", "documented"),
        ('verified = { on = 2026-11-01, with = "the sandbox" }', "verified"),
        ('verified = { on = 2026-11-01, with = "" }', "documented"),
        ('verified = { on = "yes", with = "the sandbox" }', "documented"),
        ("production = { since = 2026-01-01 }", "documented"),
        ('verified = { on = 2026-01-01, with = "x" }\nproduction = { since = 2026-11-02 }', "verified"),
        ('verified = { on = 2026-01-01, with = "x" }\nproduction = { since = 2026-11-01 }', "production"),
    ],
)
def test_levels_follow_from_table_and_evidence(tmp_path, text, level):
    """Each level needs those below it, and the last one thirty days."""
    (table,) = read_tables([found(retries=EXEMPT)], evidence(tmp_path, text))
    assert table.maturity(TODAY) == level


@pytest.mark.parametrize("broken", [BROKEN, UNTRIED])
def test_a_rule_that_is_to_do_leaves_no_level(tmp_path, broken):
    """Whatever the evidence."""
    file = evidence(tmp_path, 'verified = { on = 2026-11-01, with = "the sandbox" }')
    (table,) = read_tables([found(retries=broken)], file)
    assert table.maturity(TODAY) == NO_LEVEL
    assert table.count(State.TO_DO) == 1


def test_a_mock_stays_a_mock(tmp_path):
    """It has no level of trust that rules could take."""
    (table,) = read_tables([found(maturity="mock", retries=BROKEN)], tmp_path / "none")
    assert table.maturity(TODAY) == "mock"


def test_the_file(tmp_path):
    """It has states, reasons and days, keeps the evidence, and comes back as it was."""
    text = 'verified = { on = 2026-11-01, with = "the \\"sandbox\\"" }'
    tables = read_tables([found(retries=EXEMPT, sleeps=BROKEN)], evidence(tmp_path, text))
    written = write_text("acme", tables, TODAY)
    (proofer,) = tomllib.loads(written)["proofer"]
    assert proofer == {
        "kind": "phone",
        "name": "acme",
        "contract_version": 2,
        "maturity": "none",
        "verified": {"on": date(2026, 11, 1), "with": 'the "sandbox"'},
        "rules": {
            "plugin-loads": "done",
            "retries": {"exempt": 'the vendor says "so"', "until": date(2027, 6, 1)},
            "sleeps": "to do",
        },
    }
    (tmp_path / "quality.toml").write_text(written)
    again = read_tables([found(retries=EXEMPT, sleeps=BROKEN)], tmp_path / "quality.toml")
    assert write_text("acme", again, TODAY) == written


def test_newer_rules_change_no_file(tmp_path):
    """They are known, and not written."""
    one, other = (
        read_tables([found(newer=newer)], tmp_path / "none")
        for newer in ({}, {"new-rule": {"status": "warning"}})
    )
    assert other[0].newer == ("new-rule",)
    assert write_text("acme", one, TODAY) == write_text("acme", other, TODAY)


@pytest.mark.parametrize("text", ["no TOML", "[proofer]\nkind = 1", "x = 1"])
def test_a_file_of_another_form(tmp_path, text):
    """Is refused in a sentence."""
    (tmp_path / "quality.toml").write_text(text)
    with pytest.raises(ValueError, match=r"quality.toml is not a table of rules; delete it"):
        read_tables([found()], tmp_path / "quality.toml")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """An installed plugin whose suite tries few rules: they are slow, and here only the table counts."""
    folder = tmp_path_factory.mktemp("plugin")
    write_package(Package("nice", "device", "answer", "key"), folder)
    (folder / "tests/conftest.py").write_text(
        "from proofing.testing.vendors import RULES\nfor rule in [*RULES][4:]:\n    del RULES[rule]\n"
    )
    info = folder / "proofing_nice-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: proofing-nice\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[proofing]\nnice = proofing_nice\n")
    return folder


@pytest.fixture
def installed(plugin, monkeypatch):
    """The same, on the path."""
    monkeypatch.syspath_prepend(str(plugin))
    monkeypatch.setenv("PYTHONPATH", str(plugin))
    monkeypatch.chdir(plugin)
    (plugin / "proofing_nice/quality.toml").unlink(missing_ok=True)
    return plugin


def test_write_and_check(installed, capsys):
    """What was written passes the check; a change of it, or none written, does not."""
    file = installed / "proofing_nice/quality.toml"
    assert main(["quality", "nice", "--check"]) == 1
    assert "`proofing quality nice --write` writes it" in capsys.readouterr().err
    assert main(["quality", "nice", "--write"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("device nice:device: documented; 4 done, 0 exempt, 0 to do\n  plugin-loads ")
    assert main(["quality", "nice", "--check"]) == 0
    file.write_text(file.read_text().replace('plugin-loads = "done"', 'plugin-loads = "to do"'))
    assert main(["quality", "nice", "--check"]) == 1


def test_tables_of_tested_suites(installed, capsys):
    """Nothing is tried again: what passed is done, and what the suite is exempt from has its reason."""
    suite = installed / "tests/test_device.py"
    text = suite.read_text()
    (name,) = re.findall(r"^    plugin = .+$", text, re.MULTILINE)
    exemption = (
        '    exemptions = {"plugin-loads": Exemption("Acme is never loaded by anybody.", date(2999, 1, 1))}'
    )
    suite.write_text(
        "from datetime import date\n\nfrom proofing.testing.vendors import Exemption\n\n"
        + text.replace(name, f"{name}\n{exemption}")
    )
    try:
        # Tried, the exemption would be one that is not needed.
        assert main(["quality", "nice", "--write"]) == 1
        assert main(["quality", "nice", "--write", "--tested"]) == 0
        assert main(["quality", "nice", "--check", "--tested"]) == 0
        assert "3 done, 1 exempt, 0 to do" in capsys.readouterr().out
    finally:
        suite.write_text(text)
    assert main(["quality", "nice", "--check", "--tested"]) == 1
    assert "is not what the rules say" in capsys.readouterr().err


def test_a_claim_without_evidence(installed, capsys):
    """A descriptor that states more than its table allows is a problem."""
    path = installed / "proofing_nice/__init__.py"
    text = path.read_text()
    path.write_text(text.replace("Maturity.DOCUMENTED", "Maturity.VERIFIED"))
    try:
        assert main(["quality", "nice", "--json"]) == 1
    finally:
        path.write_text(text)
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == ["device nice:device: the descriptor says verified, the table documented"]
    assert report["proofers"][0]["maturity"] == "documented"


def test_a_proofer_without_a_suite(installed, capsys):
    """Has everything to do."""
    empty = installed / "empty"
    empty.mkdir(exist_ok=True)
    assert main(["quality", "nice", "--tests", str(empty)]) == 1
    output = capsys.readouterr().out
    assert output.startswith(f"device nice:device: none; 0 done, 0 exempt, {len(RULES)} to do\n")
    assert "no suite of the kit tests it" in output


def test_a_plugin_that_does_not_load(installed, capsys):
    """Is reported in the words of the kit."""
    path = installed / "proofing_nice/__init__.py"
    text = path.read_text()
    path.write_text(f"{text}\nraise RuntimeError('broken')\n")
    try:
        assert main(["quality", "nice"]) == 1
    finally:
        path.write_text(text)
    assert "RuntimeError" in capsys.readouterr().err


def test_tests_that_cannot_be_collected(installed, capsys):
    """Are reported with what pytest says."""
    bad = installed / "bad"
    bad.mkdir(exist_ok=True)
    (bad / "test_bad.py").write_text("import nothing_of_this_name\n")
    assert main(["quality", "nice", "--tests", str(bad)]) == 1
    assert "nothing_of_this_name" in capsys.readouterr().err


def test_a_plugin_that_is_not_installed(capsys):
    """Is not found."""
    assert main(["quality", "nothing"]) == exits.NOT_FOUND
    assert "no plugin nothing is installed" in capsys.readouterr().err


MESSENGER = """
from proofing.testing.messengers import MessageExample, MessengerContract


class TestMock(MessengerContract):
    plugin = "proofing_mock"
    examples = {"taken": MessageExample(None, None)}
"""


def test_messengers_are_judged_by_their_suite(tmp_path):
    """Each test of the suite is a rule; one that fails is to do, and says why."""
    test, output = tmp_path / "test_one.py", tmp_path / "table.json"
    test.write_text(MESSENGER)
    command = [sys.executable, "-m", "proofing.testing.vendor_table", "proofing_mock", str(test), str(output)]
    subprocess.run(command, check=True)
    (messenger,) = [one for one in json.loads(output.read_text()) if one["kind"] == "messenger"]
    assert list(messenger["rules"]) == list(MESSENGER_RULES)
    broken = {rule: one for rule, one in messenger["rules"].items() if one["status"] != "kept"}
    assert list(broken) == ["examples-complete"]
    assert broken["examples-complete"]["complaints"] == ["there is no example of a number that has opted out"]


def test_a_messenger_without_a_suite_has_everything_to_do(tmp_path):
    """As a proofer has."""
    output = tmp_path / "table.json"
    command = [
        sys.executable,
        "-m",
        "proofing.testing.vendor_table",
        "proofing_mock",
        str(tmp_path),
        str(output),
    ]
    subprocess.run(command, check=True)
    (messenger,) = [one for one in json.loads(output.read_text()) if one["kind"] == "messenger"]
    assert {one["status"] for one in messenger["rules"].values()} == {"not tried"}


def test_tests_of_our_own_plugins_are_found():
    """They mirror the package."""
    from proofing.cli.project import find_project  # noqa: PLC0415 - of this test alone

    assert find_project("mock").tests == Path(__file__).parents[2] / "plugins/vendors/mock"
