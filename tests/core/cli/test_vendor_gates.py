"""`proofing vendor gates` and `close-breaker`: operators see what holds questions up, and release them."""

import asyncio
import json

import pytest

from proofing.cli import main
from proofing.contracts.results import ProoferKind
from proofing.contracts.vendor_gates import BreakerState, BreakerTerms, Gate, GateOutcome
from proofing_local.results import LocalResultStore
from proofing_local.settings import LocalSettings


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Return a function that runs a subcommand of `proofing vendor`: code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROOFING_ENV", "test")
    settings = {
        "plugins": ["huey", "local", "mock"],
        "log_directory": None,
        "local": {"directory": str(tmp_path / "store")},
        "vendor_breaker": {"open_seconds": 3600},
        "vendor_hourly_budgets": {"mock": 0},
        "vendor_concurrency_limits": {"mock": 3},
        "vendor_rate_limits": {"mock": 2.5},
    }
    (tmp_path / "settings.yaml").write_text(json.dumps({"default": settings}))

    def run(*arguments):
        code = main([*arguments] if "check" in arguments else ["vendor", *arguments])
        return code, *capsys.readouterr()

    return run


def open_breaker(folder):
    """Open the breaker of the mock for phones, as workers do."""

    async def report():
        store = LocalResultStore(LocalSettings(directory=str(folder)))
        await store.open()
        terms = BreakerTerms(faults=1, open_seconds=3600, probe_seconds=60)
        gate = Gate(name=f"{ProoferKind.PHONE}/mock", breaker=terms)
        assert await store.leave(gate, entrant="e", outcome=GateOutcome.FAULT) is BreakerState.OPEN
        await store.close()

    asyncio.run(report())


def test_what_holds_questions_up(command, tmp_path):
    """One line for each breaker, with when an open one is tried again, and one for each name with limits."""
    open_breaker(tmp_path / "store")
    code, output, errors = command("gates")
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    (phone,) = [place for place, line in enumerate(lines) if line.startswith("phone ")]
    assert "breaker open, 1 of 5 faults in a row, asked again from 20" in lines[phone]
    assert lines[phone + 1].split(maxsplit=1) == [
        "mock:",
        "0 of 0 calls this hour; 0 of 3 calls at once; at most 2.5 calls/s, the next one in 0.0 s",
    ]
    (resolution,) = [line for line in lines if line.startswith("resolution ")]
    assert resolution.endswith("breaker closed, 0 of 5 faults in a row")


def test_for_programs(command, tmp_path):
    """As JSON, also of one vendor alone."""
    open_breaker(tmp_path / "store")
    code, output, _errors = command("gates", "mock", "--json")
    found = {one["kind"]: one for one in json.loads(output)}
    assert code == 0
    assert found["phone"]["breaker"] == "open"
    assert found["phone"]["open_until"].endswith("Z")
    assert (found["document"]["breaker"], found["document"]["open_until"]) == ("closed", None)
    assert found["phone"]["limits"] == [
        {
            "name": "mock",
            "calls_this_hour": 0,
            "hourly_budget": 0,
            "running": 0,
            "concurrency_limit": 3,
            "wait_seconds": 0.0,
            "rate_limit": 2.5,
        }
    ]


def test_a_breaker_is_closed(command, tmp_path):
    """Once; then there is nothing to close."""
    open_breaker(tmp_path / "store")
    code, output, _errors = command("close-breaker", "mock", "--json")
    assert code == 0
    assert json.loads(output.splitlines()[-1]) == {"vendor": "mock", "closed": ["phone"]}
    code, _output, errors = command("close-breaker", "mock")
    assert (code, errors.splitlines()[-1]) == (0, "mock had no faults")


@pytest.mark.parametrize("name", ["gates", "close-breaker"])
def test_a_vendor_that_the_settings_do_not_name(command, name):
    """Is a problem that says whom they name."""
    code, _output, errors = command(name, "typo")
    assert code == 78
    assert "typo: the settings name no such vendor; they name: mock" in errors


def test_a_check_says_who_is_not_asked(command, tmp_path):
    """An open breaker and a used budget are no problem of a start, but good to know."""
    open_breaker(tmp_path / "store")
    code, output, _errors = command("check", "--json")
    advice = json.loads(output.splitlines()[-1])["advice"]["vendors"]
    assert code == 0
    assert any(note.startswith("phone mock is not asked: its circuit breaker is open") for note in advice)
    assert "document mock is not asked until the next hour: its budget is used up" in advice
