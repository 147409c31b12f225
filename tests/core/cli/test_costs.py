"""`proofing costs`: exact sums of a month, in every form; what it prints names nobody."""

import asyncio
import csv
import io
import json
from decimal import Decimal

import pytest

from proofing import bootstrap
from proofing.cli import costs, main
from proofing.testing.call_basis import DECEMBER, NOVEMBER, make_call

CALLS = [
    make_call(vendor="acme:resolution", price=Decimal("0.45")),
    make_call(vendor="acme:resolution", price=Decimal("1234.05"), is_uncertain=True),
    make_call(vendor="zeta", price=Decimal("0.1"), currency="EUR", relying_party=None),
    make_call(vendor="zeta", price=None, currency=None, transaction_id="=HYPERLINK(x)"),
    make_call(at=NOVEMBER - 1.0),
    make_call(at=DECEMBER),
]


@pytest.fixture
def stored(bare_environment, settings_file, monkeypatch):
    """Point the command line at settings whose call store holds `CALLS`."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file()))

    async def fill():
        async with bootstrap.start(await bootstrap.configure(), "run") as runtime:
            await runtime.backends.calls.add(CALLS, [])

    asyncio.run(fill())


def test_the_month_by_vendor(stored, capsys):
    """A line for each vendor and currency, then a sum for each currency."""
    assert main(["costs", "--month", "2026-11"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["vendor", "calls", "uncertain", "unpriced", "total"],
        ["acme:resolution", "2", "1", "0", "1,234.50", "USD"],
        ["zeta", "1", "0", "1"],
        ["zeta", "1", "0", "0", "0.1", "EUR"],
        ["total", "of", "2026-11:", "1,234.50", "USD"],
        ["total", "of", "2026-11:", "0.1", "EUR"],
    ]


def test_other_groups(stored, capsys):
    """Nobody's calls have a line, too."""
    assert main(["costs", "--month", "2026-11", "--by", "relying_party"]) == 0
    assert "(none)" in capsys.readouterr().out
    assert main(["costs", "--month", "2026-11", "--by", "day", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["month"], found["by"]) == ("2026-11", "day")
    assert {line["group"] for line in found["lines"]} == {"2026-11-01"}
    assert found["totals"] == {"USD": "1234.50", "EUR": "0.1"}
    assert all(isinstance(line["total"], str) for line in found["lines"])


def test_csv_of_groups_and_of_calls(stored, capsys, monkeypatch):
    """For spreadsheets, which take no cell for a formula; every call of the month, however many pages."""
    assert main(["costs", "--month", "2026-11", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["total"] for row in rows] == ["1234.50", "0", "0.1"]
    monkeypatch.setattr(costs, "_PAGE", 3)
    assert main(["costs", "--month", "2026-11", "--calls"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["id"] for row in rows} == {call.id for call in CALLS[:4]}
    assert {row["transaction_id"] for row in rows} == {"T-900", "'=HYPERLINK(x)"}
    assert {row["at"] for row in rows} == {"2026-11-01T01:00:00.000+00:00"}
    assert {row["is_uncertain"] for row in rows} == {"true", "false"}


def test_a_month_without_calls(stored, capsys):
    """It says so, and no number is made up."""
    assert main(["costs", "--month", "2026-02"]) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert "no calls in 2026-02" in output.err
    assert main(["costs", "--month", "2026-10", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"] == {"USD": "0.45"}
    assert main(["costs"]) == 0


@pytest.mark.parametrize("text", ["2026", "2026-13", "November", "2026-11-01", ""])
def test_what_is_no_month_is_refused(stored, capsys, text):
    """With an example."""
    with pytest.raises(SystemExit):
        main(["costs", "--month", text])
    assert "such as 2026-11" in capsys.readouterr().err
