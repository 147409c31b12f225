"""`proofing oidc`: keys are made, listed and rotated, and no private part is printed."""

import json
from datetime import datetime

import pytest

from proofing.cli import main


@pytest.fixture(autouse=True)
def settings(bare_environment, settings_file, monkeypatch):
    """Point the command line at an embedded product."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file()))


def run(capsys, *arguments):
    """Run a command that must succeed, and return what it printed."""
    assert main(["oidc", *arguments]) == 0
    return capsys.readouterr()


def test_keys_are_rotated_and_listed(capsys):
    """The first key signs now, the next one a day later; the first is published a day longer."""
    said = run(capsys, "list").err
    assert "web makes the first ones when a client needs them; in production it may not" in said
    made = json.loads(run(capsys, "rotate-key", "--json").out)
    assert [one["algorithm"] for one in made] == ["ES256", "RS256"]
    later = json.loads(run(capsys, "rotate-key", "--algorithm", "ES256", "--json").out)
    listed = {one["kid"]: one for one in json.loads(run(capsys, "list", "--json").out)}
    assert listed.keys() == {made[0]["kid"], made[1]["kid"], later[0]["kid"]}
    before, after = listed[made[0]["kid"]], listed[later[0]["kid"]]
    signs_from = [datetime.fromisoformat(one["signs_from"]) for one in (before, after)]
    assert 86_390 < (signs_from[1] - signs_from[0]).total_seconds() < 86_500
    retired = datetime.fromisoformat(before["retire_at"])
    assert 86_399 <= (retired - signs_from[1]).total_seconds() <= 86_401
    assert listed[made[1]["kid"]]["retire_at"] is None
    text = run(capsys, "list").out
    assert text.count("signs from") == 3
    assert "PRIVATE" not in text


def test_a_leaked_key_is_replaced_at_once(capsys):
    """Nothing of it is published anymore."""
    made = json.loads(run(capsys, "rotate-key", "--json").out)
    later = json.loads(run(capsys, "rotate-key", "--leaked", "--json").out)
    listed = [one["kid"] for one in json.loads(run(capsys, "list", "--json").out)]
    assert listed == [one["kid"] for one in later]
    assert not {one["kid"] for one in made} & set(listed)
