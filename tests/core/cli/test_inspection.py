"""`proofing check`, `settings`, `plugins`, `explain`, `jobs` and `migrate`: what they print and return."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from proofing import __version__
from proofing.base.errors import QueueUnavailableError, StoreUnavailableError, Trouble
from proofing.cli import exits, main
from proofing.cli.inspection import _missing_contacts
from proofing.contracts.browser_parts import BrowserPart
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.registry.plugins import BACKEND_HOOKS
from proofing.settings import Settings
from proofing_local.images import LocalImageStore
from proofing_local.results import LocalResultStore
from proofing_sandbox.app import settings_for

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
    output = capsys.readouterr().out
    rows = {row["key"]: row for row in json.loads(output)}
    assert set(Settings.model_fields) < set(rows)
    assert SECRET not in output
    assert "900661234" not in output
    for key in (
        "outbound_proxy",
        "session_encryption_key",
        "hmac_fingerprinter_key",
        "mock.test_ssn_allowed_list",
    ):
        assert rows[key]["value"] == "********", key
    assert rows["local.directory"]["source"] == "settings.yaml (default)"
    assert rows["queue"] == {"key": "queue", "value": "huey", "source": "default"}
    assert rows["worker_slots"]["value"] == {"document": 100, "resolution": 100, "phone": 100, "code": 100}


def test_settings_mask_what_is_not_for_printing_however_deep(settled, capsys):
    """Of a section in a plugin's section, too."""
    rdp = {"base_url": "https://rdp.example.test", "request_mode": "testing"}
    account = {"account_id": "account-zebra", "hmac": {"key_id": "id-zebra", "secret_key": "key-zebra"}}
    settled(plugins=["huey", "lexisnexis", "local", "mock"], lexisnexis={"rdp": rdp, "identity": account})
    assert main(["settings", "--json"]) == 0
    output = capsys.readouterr().out
    assert "zebra" not in output
    rows = {row["key"]: row["value"] for row in json.loads(output)}
    assert rows["lexisnexis.rdp"]["request_mode"] == "testing"
    assert rows["lexisnexis.identity"]["account_id"] == "********"


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
    output = capsys.readouterr().out
    assert all(f"| `{name}` |" in output for name in Settings.model_fields)
    assert "| `session_encryption_key` | required |" in output


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
    output = capsys.readouterr().out
    assert "ghost" in output
    assert "is not installed" in output
    assert "installed, not enabled" in output


def test_explain_knows_the_gates(settled, capsys):
    """As a job would be refused now; other settings, and other times, have no gates."""
    settled(vendor_hourly_budgets={"mock": 0})
    assert main(["explain", "--person", "person-1"]) == 0
    shown = capsys.readouterr().out
    assert "mock is passed over: its vendor_hourly_budgets are used up; nobody is left to ask" in shown
    assert main(["explain", "--person", "person-1", "--at", "2026-12-01"]) == 0
    assert "used up" not in capsys.readouterr().out


def test_explain_without_a_result_store(settled, capsys, monkeypatch):
    """It says what it does not know, and explains the rest."""

    async def away(*_arguments):
        raise StoreUnavailableError("away")

    settled()
    monkeypatch.setattr(LocalResultStore, "gate_states", away)
    assert main(["explain", "--person", "person-1"]) == 0
    found = capsys.readouterr()
    assert "resolution_vendor is mock" in found.out
    assert "circuit breakers and limits are not known" in found.err


def test_explain_names_every_kind(settled, capsys):
    """Each kind has a vendor and a reason."""
    settled(state_id_vendor=None)
    assert main(["explain", "--person", "person-1", "--json"]) == 0
    choices = json.loads(capsys.readouterr().out)
    assert set(choices) == {kind.value for kind in ProoferKind}
    assert choices["document"]["vendor"] == "mock"
    assert main(["explain", "--person", "person-1"]) == 0
    assert "state_id     none: state_id_vendor is switched off" in capsys.readouterr().out


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
        "reachable": dict.fromkeys(BACKEND_HOOKS.keys() - {"secret_store"}),
        "troubles": {},
        "advice": {},
        "parked": {},
    }
    assert main(["check"]) == 0
    assert "queue: ok" in capsys.readouterr().out


@pytest.mark.parametrize("hindrance", ["the directory is a file", "the file is a directory"])
def test_check_names_the_log_that_cannot_be_written(settled, capsys, tmp_path, hindrance, monkeypatch):
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
    assert "settings.yaml (default): log_directory: cannot be used: " in capsys.readouterr().err
    settled()
    monkeypatch.setenv("PROOFING_LOG_DIRECTORY", str(directory))
    assert main(["check"]) == 78
    assert "environment variable: log_directory: cannot be used: " in capsys.readouterr().err


def test_check_tells_of_sections_that_nothing_reads(settled, capsys):
    """A section whose plugin is not enabled is not a mistake, and still worth knowing."""
    settled(redis={"url": "redis://h/0"})
    assert main(["check"]) == 0
    assert "the section redis is not used: plugins does not name it" in capsys.readouterr().out


def test_check_says_that_nobody_can_begin(settled, capsys):
    """Neither by a link nor without one; a relying party cures it."""
    settled(start_without_relying_party=False)
    assert main(["check"]) == 0
    assert "nobody can begin: relying_parties names nobody" in capsys.readouterr().out
    party = {"agency": {"display_name": "The Agency", "policies": ["one"]}}
    settled(start_without_relying_party=False, policies={"one": {"steps": ["phone"]}}, relying_parties=party)
    assert main(["check"]) == 0
    assert "nobody can begin" not in capsys.readouterr().out


def test_check_says_that_no_key_signs(settled, capsys):
    """A client of OpenID Connect needs one, and in production web may not make it."""
    client = {
        "redirect_uris": ["https://agency.example.gov/callback"],
        "authentication": "client_secret_basic",
    }
    party = {"display_name": "The Agency", "policies": ["one"], "oidc": client}
    made = {"policies": {"one": {"steps": ["phone"]}}, "relying_parties": {"agency": party}}
    settled(**made)
    assert main(["migrate"]) == 0
    capsys.readouterr()
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert "no key signs ID tokens with ES256 yet: web makes the first one when a client needs it\n" in said
    assert "rotate-key" not in said
    for algorithm in ("ES256", "RS256"):
        assert main(["oidc", "rotate-key", "--algorithm", algorithm]) == 0
    capsys.readouterr()
    assert main(["check"]) == 0
    assert "no key signs" not in capsys.readouterr().out


def test_check_refuses_a_policy_and_says_what_is_missing(settled, capsys):
    """As a start does."""
    settled(policies={"one": {"steps": ["phone", "code"]}})
    assert main(["check"]) == 78
    said = (
        "policies.one.steps: code has nobody to answer it: name a vendor in messenger_vendor, or remove code"
    )
    assert f"settings.yaml (default): {said}" in capsys.readouterr().err


def test_check_says_how_long_an_old_key_has_to_stay(settled, capsys):
    """A parked job, and the session after it, may need it."""
    settled(session_encryption_previous_keys=["ab" * 32], pending_max_hours=6)
    assert main(["check"]) == 0
    output = capsys.readouterr().out
    assert "session_encryption_previous_keys has 1: keep an old key for 18 h" in output
    assert "ab" * 32 not in output


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
def test_check_reports_what_is_down(settled, odd_plugin, capsys, part):
    """A backend that does not answer is an exit code and a line, not a crash."""
    kind = QueueUnavailableError if part == "queue" else StoreUnavailableError
    error = kind("nobody there", trouble=Trouble.CONNECTION_REFUSED)
    settled(**odd_plugin(**{part: lambda _: Away(error)}))
    assert main(["check", "--json"]) == 1
    output = json.loads(capsys.readouterr().out)
    assert output["reachable"][part] == "nobody there"
    assert output["troubles"] == {part: "connection_refused"}


def test_what_is_down_ends_a_command_with_69(settled, odd_plugin, capsys):
    """EX_UNAVAILABLE, and one line."""
    settled(**odd_plugin(queue=lambda _: Away(QueueUnavailableError("no queue"))))
    assert main(["jobs"]) == 69
    assert capsys.readouterr().err == "proofing: no queue\n"


def test_interrupts_end_with_130(settled, odd_plugin):
    """As shells report it."""
    settled(**odd_plugin(queue=lambda _: Away(KeyboardInterrupt())))
    assert main(["jobs"]) == 130


def test_a_missing_file_is_reported(tmp_path, monkeypatch, capsys):
    """With exit code 78."""
    monkeypatch.setenv("PROOFING_SETTINGS", str(tmp_path / "none.yaml"))
    assert main(["check"]) == 78
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"asyncio", "httpx", "aiohttp", "pydantic", "cryptography", "yaml", "pluggy"}),
        (["--version"], {"asyncio", "httpx", "aiohttp", "pydantic", "cryptography", "yaml", "pluggy"}),
        (["plugins"], {"httpx", "aiohttp", "cryptography", "proofing.bootstrap"}),
    ],
)
def test_quick_commands_import_nothing_heavy(arguments, unwanted):
    """Most of their time is imports."""
    code = (
        "import sys\n"
        "from proofing.cli import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        "print(*sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert unwanted.isdisjoint(run.stdout.splitlines()[-1].split())


#: What vendors' plugins ask with: SDKs, and libraries for a format.
VENDOR_LIBRARIES = {"boto3", "botocore", "cbor2", "lxml", "requests", "stripe", "twilio", "xmlsec"}


@pytest.mark.parametrize(
    ("step", "unwanted"),
    [
        ("main(['--help'])", {"asyncio", "httpx", "pydantic", "pluggy"}),
        ("main(['plugins'])", {"httpx", "aiohttp", "cryptography"}),
        ("asyncio.run(bootstrap.configure(environ=os.environ, role='worker'))", {"aiohttp"}),
    ],
)
def test_vendors_cost_a_start_nothing(tmp_path, step, unwanted):
    """With all vendors enabled and set, no library of theirs is imported before somebody is asked."""
    sections = settings_for("http://127.0.0.1:8950")
    values = {"plugins": ["huey", "local", "mock", *sections], "log_directory": None, **sections}
    (tmp_path / "settings.yaml").write_text(json.dumps({"default": values}))
    imports = "import asyncio, os\nfrom proofing import bootstrap\n" if "bootstrap" in step else ""
    code = (
        f"import sys\n{imports}from proofing.cli import main\n"
        f"try: {step}\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")}
    environ |= {"PROOFING_ENV": "test", "PROOFING_SETTINGS": str(tmp_path / "settings.yaml")}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    imported = set(run.stdout.splitlines()[-1].split())
    assert (unwanted | VENDOR_LIBRARIES).isdisjoint(imported)
    assert "--help" in step or {f"proofing_{name}" for name in sections} <= imported


def test_the_module_is_the_command():
    """``python -m proofing.cli`` is the same."""
    run = subprocess.run(
        [sys.executable, "-m", "proofing.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == f"proofing {__version__}"


def test_production_without_contacts_is_worth_a_warning(tmp_path):
    """One sentence for each thing that people would look for; any one contact will do."""
    keys = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}
    missing = _missing_contacts(Settings(**keys))
    assert [sentence.partition(" ")[0] for sentence in missing] == [
        "support_url,",
        "alternative_url",
        "privacy_url",
        "accessibility_url",
    ]
    page = "https://agency.example/"
    output = _missing_contacts(
        Settings(
            **keys,
            support_phone="202-555-0143",
            alternative_url=page,
            privacy_url=page,
            accessibility_url=page,
        )
    )
    assert output == []


def test_a_deep_check_tries_an_upload(settled, capsys):
    """The embedded store refuses what it must, and keeps nothing of it."""
    settled()
    assert main(["check", "--deep"]) == 0
    assert "uploads: ok" in capsys.readouterr().out
    assert main(["check", "--deep", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deep"] == {"problems": [], "advice": [], "vendors": {}}
    assert main(["check"]) == 0
    assert "uploads" not in capsys.readouterr().out


@pytest.mark.parametrize(("said", "code"), [(None, 0), ("the key expired", 1)])
def test_a_deep_check_asks_vendors_that_can_check_themselves(settled, odd_plugin, capsys, said, code):
    """What one finds wrong is an exit code; one that closes is closed, and the others are not named."""
    calls = []

    class Checked:
        def proof(self, request, context):
            calls.append("proof")

        async def check(self, context):
            calls.append(f"check {context.remaining_seconds() <= 60}")
            return said

        def close(self):
            calls.append("close")

    odd = ProoferDescriptor(
        name="odd:phone", kind=ProoferKind.PHONE, make=lambda *_: Checked(), maturity=Maturity.MOCK
    )
    settled(**odd_plugin([odd]), phone_vendors=["odd:phone", "mock"])
    assert main(["check", "--deep"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "phone" in line] == [f"phone odd:phone: {said or 'ok'}"]
    assert calls == ["check True", "close"]
    assert main(["check", "--deep", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["deep"]["vendors"] == {"phone odd:phone": said}
    assert main(["check"]) == 0
    assert calls.count("check True") == 2


NO_PAGE = "no earlier page asks for it"
NEEDED = "it requires that, and no earlier page asks for it"
NOBODY = "no vendor of the settings requires it"


@pytest.mark.parametrize(
    ("kind", "attributes", "requires", "found"),
    [
        (ProoferKind.DOCUMENT, {"uuid", "email", "ssn"}, set(), [("ssn", NO_PAGE), ("email", NOBODY)]),
        (ProoferKind.DOCUMENT, {"uuid", "email", "ssn"}, {"email"}, [("ssn", NO_PAGE)]),
        (
            ProoferKind.DOCUMENT,
            {"phone", "email", "ssn"},
            {"ssn"},
            [("ssn", NEEDED), ("phone", NO_PAGE), ("email", NOBODY)],
        ),
        (ProoferKind.PHONE, {"email", "phone", "ssn", "first_name"}, set(), [("email", NOBODY)]),
        (ProoferKind.PHONE, {"email", "phone", "ssn", "first_name"}, {"email"}, []),
        (ProoferKind.RESOLUTION, {"ssn", "address1", "height", "phone"}, set(), [("phone", NO_PAGE)]),
        (ProoferKind.STATE_ID, {"state_id_number", "ssn", "uuid_prefix"}, set(), []),
        (ProoferKind.PASSPORT, {"mrz", "document_type_received", "uuid", "ssn"}, set(), [("ssn", NO_PAGE)]),
    ],
)
def test_a_check_names_what_the_flow_does_not_collect(  # noqa: PLR0917 - a table
    settled, odd_plugin, capsys, kind, attributes, requires, found
):
    """Advice, by vendor: its questions lack it, and why."""
    odd = ProoferDescriptor(
        name="odd:x",
        kind=kind,
        make=lambda *_: SimpleNamespace(proof=print),
        attributes=frozenset(attributes),
        requires=frozenset(requires),
        maturity=Maturity.MOCK,
    )
    chosen = {"phone_vendors": ["odd:x"]} if kind is ProoferKind.PHONE else {f"{kind}_vendor": "odd:x"}
    settled(**odd_plugin([odd]), **chosen)
    assert main(["check", "--json"]) == 0
    sentences = [f"{kind} odd:x gets no {name}: {why}" for name, why in found]
    advice = json.loads(capsys.readouterr().out)["advice"].get("vendors", [])
    assert advice == sentences


@pytest.fixture
def check_part(settled, odd_plugin, capsys):
    """Return a function that checks settings with a device profiler, and returns code and lines."""

    def check(source):
        part = BrowserPart(scripts=["https://tags.example/t.js"], script_sources=frozenset({source}))
        odd = ProoferDescriptor(
            name="odd:x",
            kind=ProoferKind.DEVICE,
            make=lambda *_: SimpleNamespace(proof=print),
            needs=frozenset({"device_session_id"}),
            page=lambda _settings: part,
            maturity=Maturity.MOCK,
        )
        settled(**odd_plugin([odd]), device_vendor="odd:x")
        return main(["check"]), capsys.readouterr().out

    return check


def test_a_check_names_what_browsers_load(check_part):
    """Operators have to know whose scripts run in the page."""
    code, output = check_part("https://tags.example")
    assert code == 0
    assert "device odd:x has the page of the Social Security number load script-src https://tags.ex" in output


def test_a_check_refuses_what_nothing_may_load(check_part):
    """At the key of the vendor, with the rule."""
    code, output = check_part("https://*.example")
    assert code == 1
    assert "device_vendor: odd:x: script-src of its page must be a frozenset" in output


def test_a_deep_check_of_a_careless_store_fails(settled, capsys, monkeypatch):
    """An upload that must be refused and is not is an exit code."""

    async def accept(_self, object_key, *, query, headers, body):
        _ = object_key, query, headers, body

    monkeypatch.setattr(LocalImageStore, "receive", accept)
    settled()
    assert main(["check", "--deep"]) == 1
    output = capsys.readouterr().out
    assert "SHA-256 checksum" in output
    assert "a second upload" in output
    assert "is not there" in output


def test_the_help_names_every_exit_code(capsys):
    """Scripts branch on them."""
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert codes
    assert all(f"{code} {exits.MEANINGS[code]}" in " ".join(text.split()) for code in codes | {0, 1, 2, 78})


@pytest.mark.parametrize("command", [["erase"], ["explain", "--person"]])
@pytest.mark.parametrize("reference", ["", "  "])
def test_an_empty_reference_is_a_wrong_command_line(settled, capsys, command, reference):
    """An unset variable of a shell erases nobody and explains nothing."""
    settled()
    with pytest.raises(SystemExit) as ended:
        main([*command, reference])
    assert ended.value.code == exits.USAGE
    assert "must not be empty" in capsys.readouterr().err


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 0), ("2>&-", 0), (">/dev/full", exits.OUTPUT)])
def test_an_output_that_cannot_be_written_causes_no_traceback(settled, redirection, code):
    """Closed, or full."""
    settled()
    run = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m proofing.cli check {redirection}'],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (run.returncode, "Traceback" in run.stderr) == (code, False)


def test_a_setting_that_the_secret_store_replaces_is_named(settled, capsys):
    """Anyone who rotates a key in settings.yaml changes nothing, and learns it."""
    settled(session_encryption_key="12" * 32)
    assert main(["check"]) == 0
    output = capsys.readouterr().out
    assert "session_encryption_key of settings.yaml (default) is not used" in output
    assert "12" * 32 not in output


def test_one_misspelled_name_is_one_problem(settled, capsys):
    """Of a plugin: what it would have offered is missing for that reason alone. A vendor: answers, too."""
    settled(plugins=["huey", "local", "mok"])
    assert main(["check"]) == 78
    said = capsys.readouterr().err
    assert (
        "plugins: mok is not installed; no distribution offers the entry point 'mok'; did you mean mock?\n"
        in said
    )
    assert "no enabled plugin offers" not in said
    settled(document_vendor="nope", policies={"one": {"steps": ["document"]}})
    assert main(["check"]) == 78
    said = capsys.readouterr().err
    assert "document_vendor: no enabled plugin offers nope" in said
    assert "policies" not in said
