"""`proofing explain` over recorded decisions: what was chosen for a person, and what an edit would change."""

import asyncio
import json
import secrets

import pytest

from proofing import bootstrap
from proofing.cli import main
from proofing.contracts.call_records import RecordedDecision
from proofing.contracts.results import ProoferKind

PERSON = "3f1c9a52-8c1e-4b7e-9d8e-5f0a6f1d2c3b"


@pytest.fixture
def stored(bare_environment, settings_file, monkeypatch):
    """Point the command line at settings whose store has decisions of 40 jobs; return the file."""
    path = settings_file()
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))

    async def fill():
        async with bootstrap.start(await bootstrap.configure(), "run") as runtime:
            router = runtime.parts.router
            decisions = []
            for number in range(40):
                person = PERSON if number < 2 else secrets.token_hex(16)
                decision = router.explain(ProoferKind.RESOLUTION, person, 86400.0 * (number + 1))
                decisions.append(
                    RecordedDecision(
                        id=f"job-{number}:resolution:0",
                        job=f"job-{number}",
                        step="resolution",
                        decision=decision,
                    )
                )
            await runtime.backends.calls.add([], decisions)

    asyncio.run(fill())
    return path


def test_what_was_chosen_for_a_person(stored, capsys):
    """With --at alone, until then; without the person's reference."""
    assert main(["explain", "--person", PERSON, "--at", "1970-01-02T12:00:00", "--json"]) == 0
    output = capsys.readouterr().out
    assert PERSON not in output
    (one,) = json.loads(output)["recorded"]
    assert (one["job"], one["step"], one["vendor"], one["rule"]) == ("job-0", "resolution", "mock", "default")
    assert one["at"] == "1970-01-02T00:00:00.000Z"
    assert main(["explain", "--person", PERSON, "--at", "2026-12-01"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("1970-01-03T00:00:00.000Z  resolution: mock (default)")
    assert lines[-1].startswith("1970-01-02")
    assert main(["explain", "--person", "somebody", "--at", "2026-12-01"]) == 0
    assert "nothing is recorded" in capsys.readouterr().out
    assert main(["explain", "--person", PERSON, "--json"]) == 0
    assert "recorded" not in json.loads(capsys.readouterr().out)


def test_the_same_settings_change_nothing(stored, capsys):
    """Of all jobs."""
    assert main(["explain", "--what-if", str(stored), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"jobs": 40, "decisions": 40, "other_reasons": 0, "left_out": 0, "changes": []}


def test_what_an_edit_would_change(stored, settings_file, capsys, tmp_path):
    """How many, and which way; of the latest jobs that were asked for."""
    other = tmp_path / "next.yaml"
    other.write_text(settings_file(resolution_vendor_percentages={"mock:polling": 100.0}).read_text())
    settings_file()
    assert main(["explain", "--what-if", str(other), "--jobs", "10"]) == 0
    output = capsys.readouterr().out
    assert "10 decisions of the last 10 jobs" in output
    assert "10 another vendor" in output
    assert "resolution: mock -> mock:polling" in output


def test_who_or_what_if(stored, capsys):
    """One of both; a file that is wrong is refused as any settings file."""
    for arguments in (["explain"], ["explain", "--person", PERSON, "--what-if", "x.yaml"]):
        with pytest.raises(SystemExit):
            main(arguments)
    assert main(["explain", "--what-if", "missing.yaml"]) == 78
