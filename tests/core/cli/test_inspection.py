"""`proofing check`, `settings`, `plugins`, `explain`, `jobs` and `migrate`: what they print and return."""

import json
import subprocess
import sys

import pytest

from proofing import __version__
from proofing.cli import main
from proofing.errors import QueueUnavailableError, StoreUnavailableError
from proofing.plugins import PluginManager
from proofing.settings import Settings

SECRET = "s3cr3t-900661234"


@pytest.fixture(autouse=True)
def quiet(bare_environment, monkeypatch):
    """No setting of the machine reaches the tests."""
    monkeypatch.setenv("PROOFING_ENV", "test")


@pytest.fixture
def settled(settings_file, monkeypatch):
    """Return a function that points the command line at settings with the given values."""

    def choose(**values):
        monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**values)))

    return choose


def test_settings_mask_secrets(settled, capsys):
    """Every effective value and its source; keys, proxies and SSNs are stars."""
    settled(outbound_proxy=f"http://user:{SECRET}@proxy", mock={"test_ssn_allowed_list": ["900661234"]})
    assert main(["settings", "--json"]) == 0
    told = capsys.readouterr().out
    rows = {row["key"]: row for row in json.loads(told)}
    assert set(Settings.model_fields) < set(rows)
    assert SECRET not in told
    assert "900661234" not in told
    for key in (
        "outbound_proxy",
        "session_encryption_key",
        "hmac_fingerprinter_key",
        "mock.test_ssn_allowed_list",
    ):
        assert rows[key]["value"] == "********", key
    assert rows["local.directory"]["source"] == "settings.yaml (default)"
    assert rows["queue"] == {"key": "queue", "value": "huey", "source": "default"}
    assert rows["worker_slots"]["value"] == {"document": 100, "resolution": 100, "address": 100}


def test_settings_for_people(settled, capsys):
    """One line a key."""
    settled(idv_min_age_years=21)
    assert main(["settings"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.startswith("idv_min_age_years")] == [
        ["idv_min_age_years", "21", "#", "settings.yaml", "(default)"]
    ]


def test_the_reference_names_every_setting(capsys):
    """Also without a settings file."""
    assert main(["settings", "--reference"]) == 0
    told = capsys.readouterr().out
    assert all(f"| `{name}` |" in told for name in Settings.model_fields)
    assert "| `session_encryption_key` | required |" in told


def test_plugins_are_listed(settled, capsys):
    """Enabled, merely installed and missing ones, with what they offer; missing is an exit code."""
    settled()
    assert main(["plugins", "--json"]) == 0
    reports = {report["name"]: report for report in json.loads(capsys.readouterr().out)}
    assert reports["mock"]["enabled"]
    assert "document mock" in reports["mock"]["offers"]
    assert not reports["redis"]["enabled"]
    settled(plugins=["huey", "local", "mock", "ghost"])
    assert main(["plugins", "--json"]) == main(["plugins"]) == 1
    told = capsys.readouterr().out
    assert "ghost" in told
    assert "is not installed" in told
    assert "installed, not enabled" in told


def test_explain_names_every_kind(settled, capsys):
    """Each kind has a vendor and a reason."""
    settled(state_id_vendor=None)
    assert main(["explain", "person-1", "--json"]) == 0
    choices = json.loads(capsys.readouterr().out)
    assert set(choices) == {"document", "resolution", "state_id", "address", "device"}
    assert choices["document"]["vendor"] == "mock"
    assert main(["explain", "person-1"]) == 0
    assert "state_id     none: state_id_vendor is None" in capsys.readouterr().out


def test_migrate_twice_and_count_jobs(settled, capsys):
    """The second time there is nothing to do; an empty queue says so."""
    settled()
    assert main(["migrate"]) == 0
    capsys.readouterr()
    assert main(["migrate"]) == 0
    assert capsys.readouterr().out.strip()
    assert main(["jobs", "--json"]) == 0
    stats = json.loads(capsys.readouterr().out)
    assert sum(stats["waiting"].values()) == 0
    assert stats["oldest_seconds"] == 0
    assert main(["jobs"]) == 0
    assert "oldest ready job: 0.0 s" in capsys.readouterr().out


def test_check_says_that_all_is_well(settled, capsys):
    """Settings, vendors and every backend."""
    settled()
    assert main(["migrate"]) == 0
    capsys.readouterr()
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "settings": "ok",
        "vendors": [],
        "reachable": {"key_service": None, "result_store": None, "image_store": None, "queue": None},
        "advice": {},
    }
    assert main(["check"]) == 0
    assert "queue: ok" in capsys.readouterr().out


@pytest.mark.parametrize("hindrance", ["the directory is a file", "the file is a directory"])
def test_check_names_the_log_that_cannot_be_written(settled, capsys, tmp_path, hindrance):
    """A start would fail on it, so the check does, and makes no directory to find out."""
    directory = tmp_path / "logs"
    settled(log_directory=str(directory))
    assert main(["check"]) == 0
    assert not directory.exists()
    if hindrance == "the directory is a file":
        directory.write_text("")
    else:
        (directory / "test.log").mkdir(parents=True)
    assert main(["check"]) == 78
    assert "log_directory: cannot be used: " in capsys.readouterr().err


def test_check_tells_of_sections_that_nothing_reads(settled, capsys):
    """A section whose plugin is not enabled is no mistake, and still worth knowing."""
    settled(redis={"url": "redis://h/0"})
    assert main(["check"]) == 0
    assert "the section redis is not used: plugins does not name it" in capsys.readouterr().out


class Away:
    """A backend that does not answer."""

    capabilities = frozenset()

    def __init__(self, error):
        self.error = error

    async def open(self):
        raise self.error

    async def close(self):
        pass


@pytest.mark.parametrize("part", ["queue", "image_store"])
def test_check_says_what_is_away(settled, capsys, monkeypatch, part):
    """A backend that does not answer is an exit code and a line, not a crash."""
    settled()
    error = QueueUnavailableError("no queue") if part == "queue" else StoreUnavailableError("no store")
    monkeypatch.setattr(PluginManager, part, lambda *_: Away(error))
    assert main(["check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reachable"][part] == str(error)


def test_what_is_away_ends_a_command_with_69(settled, capsys, monkeypatch):
    """EX_UNAVAILABLE, and one line."""
    settled()
    monkeypatch.setattr(PluginManager, "queue", lambda *_: Away(QueueUnavailableError("no queue")))
    assert main(["jobs"]) == 69
    assert capsys.readouterr().err == "proofing: no queue\n"


def test_interrupts_end_with_130(settled, monkeypatch):
    """As shells report it."""
    settled()
    monkeypatch.setattr(PluginManager, "queue", lambda *_: Away(KeyboardInterrupt()))
    assert main(["jobs"]) == 130


def test_a_missing_file_is_told(tmp_path, monkeypatch, capsys):
    """With exit code 78."""
    monkeypatch.setenv("PROOFING_SETTINGS", str(tmp_path / "none.yaml"))
    assert main(["check"]) == 78
    assert "cannot be read" in capsys.readouterr().err


def test_help_and_version_load_nothing_heavy():
    """`proofing --version` answers from the standard library alone."""
    code = (
        "import sys; sys.argv = ['proofing', '--version']\n"
        "from proofing.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'httpx', 'aiohttp', 'pydantic', 'cryptography', 'yaml', 'pluggy'} & set(sys.modules)\n"
        "print(sorted(heavy)); sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [f"proofing {__version__}", "[]"]


def test_the_module_is_the_command():
    """``python -m proofing.cli`` is the same."""
    run = subprocess.run(
        [sys.executable, "-m", "proofing.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == f"proofing {__version__}"
