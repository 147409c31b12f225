"""`proofing shadow-report`: numbers from log lines, of whatever process and age."""

import io
import json

import pytest

from proofing.cli import main


@pytest.fixture(autouse=True)
def quiet(bare_environment, monkeypatch):
    """No setting of the machine reaches the tests."""
    monkeypatch.setenv("PROOFING_ENV", "test")


def line(outcome, shadow_outcome, *names, **other):
    """Return a line of the log."""
    fields = {
        "name": "shadow_compared",
        "kind": "resolution",
        "vendor": "acme",
        "shadow_vendor": "other",
        "outcome": outcome,
        "shadow_outcome": shadow_outcome,
        "names": list(names),
    }
    return json.dumps(fields | other)


@pytest.fixture
def file(tmp_path):
    """A log with lines of shadows, others, and one that was cut off."""
    lines = [
        line("passed", "passed"),
        line("passed", "passed"),
        line("passed", "failed", "dob", "address1"),
        line("failed", "failed", "dob"),
        line("passed", "timeout"),
        line("passed", "passed", kind="phone"),
        json.dumps({"name": "perform", "outcome": "passed", "path": "shadow_compared"}),
        line("passed", "passed")[:60],
        line("passed", "passed", names="dob"),
    ]
    path = tmp_path / "a.log"
    path.write_text("\n".join(lines))
    return path


def test_the_report(file, capsys):
    """Agreement is that both passed or neither did; no answer is neither."""
    assert main(["shadow-report", str(file), "--json"]) == 0
    phone, resolution = json.loads(capsys.readouterr().out)
    assert (phone["kind"], phone["agreed_percent"]) == ("phone", 100.0)
    numbers = {name: resolution[name] for name in ("asked", "answered", "agreed", "agreed_percent")}
    assert numbers == {"asked": 5, "answered": 4, "agreed": 3, "agreed_percent": 75.0}
    assert {"outcome": "passed", "shadow_outcome": "timeout", "count": 1} in resolution["outcomes"]
    assert resolution["differing"] == {"dob": 2, "address1": 1}
    assert main(["shadow-report", str(file)]) == 0
    output = capsys.readouterr().out
    assert "asked 5, answered 4, agreed 3 (75.0 %)" in output
    assert "judged differently: dob 2, address1 1" in output


def test_lines_from_standard_input_and_none(file, capsys, monkeypatch, tmp_path):
    """As they come from a store of logs."""
    monkeypatch.setattr("sys.stdin", io.StringIO(file.read_text()))
    assert main(["shadow-report", "-"]) == 0
    assert "phone: acme, with other as its shadow" in capsys.readouterr().out
    empty = tmp_path / "empty.log"
    empty.touch()
    assert main(["shadow-report", str(empty)]) == 0
    assert "no shadow was asked" in capsys.readouterr().out


def test_the_log_of_the_settings(settings_file, monkeypatch, tmp_path, capsys, file):
    """Without a name it is the file that processes write; where they write none, that is said."""
    (tmp_path / "log").mkdir(exist_ok=True)
    (tmp_path / "log" / "test.log").write_text(file.read_text())
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(log_directory=str(tmp_path / "log"))))
    assert main(["shadow-report"]) == 0
    assert "asked 5" in capsys.readouterr().out
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(log_directory=None)))
    assert main(["shadow-report"]) == 78
    assert "name files of lines" in capsys.readouterr().err
    assert main(["shadow-report", str(tmp_path / "nowhere")]) == 78
    assert "cannot be read" in capsys.readouterr().err
