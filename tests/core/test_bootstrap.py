"""Putting a process together: every problem at once, nothing refused let through, nothing left open."""

import asyncio
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml

from proofing import bootstrap
from proofing.app import settings_check
from proofing.app.process_facts import backend_context
from proofing.app.settings_check import reread_settings
from proofing.base.errors import (
    ConfigurationError,
    PluginError,
    QueueUnavailableError,
    StoreUnavailableError,
)
from proofing.cli import main
from proofing.contracts.continuation import Again
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.queues import Capability
from proofing.contracts.results import ProoferKind
from proofing.registry.backends import check_backends
from proofing.registry.plugins import BACKEND_HOOKS
from proofing.registry.proofers import LoadedProofer
from proofing.settings.layers import read_layers
from proofing.settings.parsing import validate_settings
from proofing.testing.memory_queue import MemoryQueue
from proofing.testing.vendor_fakes import make_process
from proofing.testing.waiting import eventually, follow_edits

SECRET = "900661234"


@pytest.fixture
def environment(bare_environment, settings_file, monkeypatch):
    """Return a function that points the command line at settings with the given values."""

    def choose(name, **values):
        monkeypatch.setenv("PROOFING_ENV", name)
        monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**values)))

    return choose


@pytest.mark.parametrize("command", ["check", "settings", "migrate", "jobs", "worker", "run", "web"])
def test_production_refuses_what_is_for_one_machine(environment, capsys, command):
    """Local stores, mocks and plain http: all reported at once, with exit code 78, and no value."""
    environment("production", outbound_proxy=f"socks://user:{SECRET}@proxy", worker_slots=f"x{SECRET}")
    assert main([command]) == 78
    output = capsys.readouterr().err
    assert "worker_slots" in output
    assert SECRET not in output
    environment("production", outbound_proxy=f"socks://user:{SECRET}@proxy")
    assert main([command]) == 78
    output = capsys.readouterr().err
    for key in (
        *("secret_store", "key_service", "image_store", "result_store", "public_url", "outbound_proxy"),
        *("phone_vendors", "device_vendor", "document_vendor", "resolution_vendor", "state_id_vendor"),
        *("passport_vendor", "verification_store", "call_store"),
    ):
        assert f": {key}: " in output, key
    assert "required" not in output
    assert SECRET not in output
    lines = [line for line in output.splitlines() if line.startswith("  ")]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize("name", ["production", "eu-west"])
def test_an_environment_marked_as_production_is_held_to_its_rules(
    bare_environment, settings_file, monkeypatch, capsys, name
):
    """Whatever its name; the one that is named production needs no mark."""
    path = settings_file()
    blocks = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**blocks, name: {} if name == "production" else {"is_production": True}}))
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    monkeypatch.setenv("PROOFING_ENV", name)
    assert main(["check"]) == 78
    output = capsys.readouterr().err
    for key in ("secret_store", "result_store", "public_url", "document_vendor", "trusted_proxies"):
        assert f": {key}: " in output, key
    assert "document_requires" not in output


@pytest.mark.parametrize("name", ["production", "staging"])
def test_documents_that_were_only_read_are_not_for_production(settings_file, monkeypatch, capsys, name):
    """Elsewhere they may do."""
    path = settings_file(document_requires="read")
    blocks = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**blocks, name: {"partner_name": "s"}}))
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    monkeypatch.setenv("PROOFING_ENV", name)
    assert main(["check"]) == (78 if name == "production" else 0)
    refused = ": document_requires: must be authenticated in production" in capsys.readouterr().err
    assert refused is (name == "production")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("production", {}, True),
        ("production", {"is_production": False}, True),
        ("staging", {"is_production": True}, True),
        ("staging", {}, False),
    ],
)
def test_the_settings_tell_whether_the_rules_of_production_hold(settings_file, name, values, expected):
    """Anyone who reads the field gets what the process is held to, also where the name decides it."""
    path = settings_file()
    blocks = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**blocks, name: {"partner_name": "s", **values}}))
    examined = validate_settings(read_layers(path, {"PROOFING_ENV": name}))
    assert examined.settings.is_production is expected


def test_an_environment_of_another_name_runs(bare_environment, settings_file, monkeypatch, capsys):
    """With its own block, log file and no rules of production."""
    path = settings_file()
    blocks = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**blocks, "staging": {"partner_name": "s"}}))
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    monkeypatch.setenv("PROOFING_ENV", "staging")
    assert main(["check"]) == 0
    capsys.readouterr()
    path.write_text(yaml.safe_dump({**blocks, "huey": {"path": "x"}}))
    monkeypatch.setenv("PROOFING_ENV", "test")
    assert main(["check"]) == 78
    assert "huey: is a plugin and not an environment; put it below default" in capsys.readouterr().err


async def test_an_empty_directory_can_be_started_in(bare_environment, tmp_path, monkeypatch):
    """After an installation, before anybody has written a file; one that appears later is followed."""
    monkeypatch.chdir(tmp_path)
    configuration = await bootstrap.configure(None, {})
    async with bootstrap.start(configuration, "worker"):
        (tmp_path / "settings.yaml").write_text("default: {partner_name: edited}\n")
        await follow_edits(configuration.watch)
        assert configuration.live.current.partner_name == "edited"


async def test_a_file_that_is_deleted_is_a_refused_edit(settings_file):
    """Not a fall back to the defaults, of which one is to let people in."""
    path = settings_file(idv_available=False)
    configuration = await bootstrap.configure(None, {"PROOFING_ENV": "test", "PROOFING_SETTINGS": str(path)})
    path.unlink()
    await follow_edits(configuration.watch)
    assert configuration.live.current.idv_available is False
    assert [problem.key for problem in configuration.live.refused] == ["file"]


def test_a_missing_plugin_is_reported_with_its_consequences(environment, capsys):
    """Not only that the secret store is missing, but why."""
    environment("test", plugins=["huey", "mock", "ghost"], locale=SECRET)
    assert main(["check"]) == 78
    output = capsys.readouterr().err
    assert "ghost is not installed" in output
    assert "no enabled plugin offers local" in output
    assert "locale: unknown key" in output
    assert SECRET not in output


def test_a_wrong_section_of_the_secret_store_hides_nothing(environment, capsys):
    """The secrets cannot be read then; everything else is judged anyway, once."""
    environment("test", local={"directory": 7}, document_vendor="ghost")
    assert main(["check"]) == 78
    output = capsys.readouterr().err
    assert output.count("local.directory") == 1
    assert "no enabled plugin offers ghost" in output
    assert "required" not in output


async def test_two_plugins_with_one_proofer_are_a_problem(settings_file, odd_plugin):
    """Reported like every other problem."""
    twin = ProoferDescriptor(name="mock", kind=ProoferKind.RESOLUTION, make=lambda *_: None)
    path = settings_file(**odd_plugin([twin]), quue="x")
    with pytest.raises(ConfigurationError) as caught:
        await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    assert {problem.key for problem in caught.value.problems} == {"plugins", "quue"}


def test_every_problem_names_the_file(environment, capsys):
    """Also what only plugins can judge; and a section that is not a map is no unknown key besides."""
    environment(
        "test", queue="postgres", document_vendor="ghost", huey=7, vendor_status={"mokk": "full_outage"}
    )
    assert main(["check"]) == 78
    output = capsys.readouterr().err.splitlines()[1:]
    assert output[0] == "  settings.yaml (default): huey: must be a map of settings"
    keys = ["queue", "document_vendor", "vendor_status.mokk"]
    for line, key in zip(output[1:], keys, strict=True):
        assert line.startswith(f"  settings.yaml (default): {key}: no enabled plugin offers ")


SEVERAL = {
    "queue": "hue",
    "worker_slots": {"documents": 1},
    "vendor_status": {"foo": "operational"},
    "job_deadline_seconds": 90,
}


def keys_told(capsys):
    """Return the keys of the reported problems, in order."""
    lines = capsys.readouterr().err.splitlines()[1:]
    return [line.removeprefix("  settings.yaml (default): ").partition(": ")[0] for line in lines]


@pytest.mark.parametrize("alongside", [{}, {"idv_available": "maybe"}, {"idv_available": 7, "quue": 1}])
def test_every_kind_of_problem_is_reported_at_once(environment, capsys, alongside):
    """Wrong fields hide neither rules between keys nor names that no plugin offers; each is reported once."""
    environment("test", **SEVERAL, **alongside)
    assert main(["check"]) == 78
    assert sorted(keys_told(capsys)) == sorted(
        [*alongside, *SEVERAL.keys() - {"vendor_status"}, "vendor_status.foo"]
    )


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        # The deadline may have been meant for what cannot be read.
        ({"async_wait_timeout_seconds": "9O", "job_deadline_seconds": 80}, ["async_wait_timeout_seconds"]),
        ({"job_deadline_seconds": "4O", "async_wait_timeout_seconds": 50}, ["job_deadline_seconds"]),
        ({"worker_slots": {"document": 0}}, ["worker_slots.document"]),
        ({"worker_slots": 7, "outbound_max_connections": 1}, ["worker_slots"]),
        (
            {"vendor_status": {"mock": "broken", "mokk": "full_outage"}},
            ["vendor_status.mock", "vendor_status.mokk"],
        ),
        (
            {"document_vendor_percentages": {"ghost": 5, "mock": "x"}},
            ["document_vendor_percentages.mock", "document_vendor_percentages"],
        ),
        ({"phone_vendors": [7, "ghost"], "queue": 7}, ["phone_vendors.0", "queue"]),
    ],
)
def test_a_stand_in_is_not_judged(environment, capsys, values, keys):
    """What takes the place of a wrong key cannot be wrong itself, nor make another key wrong."""
    environment("test", **values)
    assert main(["check"]) == 78
    assert keys_told(capsys) == keys


def test_a_stand_in_is_not_refused_in_production(environment, capsys):
    """Its default is for one machine, but nobody chose it."""
    environment("production", document_vendor=7, secret_store=7)
    assert main(["check"]) == 78
    output = capsys.readouterr().err
    assert "document_vendor: must be text" in output
    assert output.count("document_vendor: ") == 1
    assert "required" not in output


def test_wrong_secrets_hide_nothing(environment, odd_plugin, capsys):
    """A key that is not a key is reported alongside the rest, and is not shown."""

    class Wrong:
        async def load(self):
            return bootstrap.Secrets(values={"session_encryption_key": SECRET}, version="1", source="secrets")

    environment("test", **SEVERAL, **odd_plugin(secret_store=lambda _: Wrong()))
    assert main(["check"]) == 78
    output = capsys.readouterr().err
    assert "secrets: session_encryption_key: must be 32 bytes" in output
    assert "hmac_fingerprinter_key: is required" in output
    for key in ("queue", "worker_slots", "vendor_status.foo", "job_deadline_seconds"):
        assert output.count(f": {key}: ") == 1
    assert SECRET not in output


class Breaks:
    """A backend whose plugin breaks every contract."""

    capabilities = frozenset()

    async def load(self):
        """Load nothing."""
        raise KeyError(SECRET)

    async def open(self):
        """Open nothing."""
        raise KeyError(SECRET)

    async def close(self):
        """Close nothing."""
        raise KeyError(SECRET)


@pytest.mark.parametrize("where", ["make", "load"])
def test_a_broken_secret_store_is_reported_in_one_line(environment, odd_plugin, capsys, where):
    """Missing libraries and foreign errors of the first plugin that is used, like those of all others."""

    def make(_context):
        if where == "make":
            raise ModuleNotFoundError(name="boto3")
        return Breaks()

    environment("test", **odd_plugin(secret_store=make))
    assert main(["check"]) == (78 if where == "make" else 69)
    output = capsys.readouterr().err
    wanted = {
        "make": "secret_store: odd needs boto3; install it, or reinstall proofing-odd",
        "load": "proofing: secret_store: the plugin raised KeyError",
    }
    assert wanted[where] in output
    assert SECRET not in output


async def test_a_broken_backend_hides_no_other_from_a_check(settings_file):
    """It is reported by its class, and the rest is asked."""
    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})
    reports = await check_backends(bootstrap.make_backends(configuration, "check", image_store=Breaks()))
    assert reports["image_store"].problem == "image_store: the plugin raised KeyError"
    assert reports["queue"].problem is None


async def test_a_backend_that_hangs_is_given_up_by_a_check(settings_file):
    """A check ends, whatever a plugin waits for."""

    class Hangs(Breaks):
        async def open(self):
            await asyncio.Event().wait()

        async def close(self):
            """Close nothing."""

    others = {name: Watched("x", []) for name in BACKEND_HOOKS.keys() - {"queue", "secret_store"}}
    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})
    backends = bootstrap.make_backends(configuration, "check", queue=Hangs(), **others)
    reports = await check_backends(backends, timeout_seconds=0.01)
    assert reports["queue"].problem == "does not answer within 0.01 s"


async def test_a_broken_backend_ends_a_start_without_its_text(settings_file):
    """One line with key and class; where it was raised is logged."""

    class Raises(Breaks):
        async def close(self):
            """Close nothing."""

    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})
    backends = bootstrap.make_backends(configuration, "worker", queue=Raises())
    with pytest.raises(PluginError, match=r"^queue: the plugin raised KeyError$"):
        async with bootstrap.start(configuration, "worker", backends):
            pytest.fail("it must not start")


@pytest.mark.parametrize("names", ["mock", 7, ["mock", 7], {"mock": True}])
async def test_plugins_must_be_a_list_of_names(settings_file, names):
    """Before the schema has looked, the list is checked by hand."""
    with pytest.raises(ConfigurationError, match="must be a list of names"):
        await bootstrap.configure(settings_file(plugins=names), {"PROOFING_ENV": "test"})


@pytest.mark.parametrize(
    ("proxy", "fine"),
    [
        ("http://proxy.example:3128", True),
        ("https://user:word@proxy.example", True),
        ("proxy.example:3128", False),
        ("socks5://proxy.example", False),
        ("http://", False),
        ("http://proxy.example:99999", False),
        ("http://[::1", False),
    ],
)
async def test_the_proxy_must_be_a_url(settings_file, proxy, fine):
    """A wrong one stops the start, not the first job; its password is not shown."""
    path = settings_file(outbound_proxy=proxy)
    if fine:
        await bootstrap.configure(path, {"PROOFING_ENV": "test"})
        return
    with pytest.raises(ConfigurationError, match="outbound_proxy") as caught:
        await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    assert proxy not in str(caught.value).replace("http://proxy.example.gov:3128", "")


async def test_a_reload_is_held_to_the_rules_of_a_start(settings_file):
    """Live keys that no start would take are refused, and the old values stay."""
    path = settings_file()
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    values = yaml.safe_load(path.read_text())
    for vendor, effective in (("ghost", "mock"), ("mock", "mock")):
        values["default"] |= {"document_vendor": vendor, "partner_name": vendor}
        path.write_text(yaml.safe_dump(values))
        await follow_edits(configuration.watch)
        assert configuration.live.current.document_vendor == effective
    assert configuration.live.current.partner_name == "mock"


async def test_a_refused_reload_tells_everything(settings_file):
    """A wrong field does not hide a vendor that is not there."""
    path = settings_file()
    environ = {"PROOFING_ENV": "test"}
    configuration = await bootstrap.configure(path, environ)
    secrets = bootstrap.Secrets(
        values=dict.fromkeys(bootstrap._SECRET_KEYS, "00" * 32), version="1", source="test"
    )
    settings_file(idv_available="maybe", document_vendor="ghost", job_deadline_seconds=90)
    with pytest.raises(ConfigurationError) as caught:
        reread_settings(path, environ, configuration.plugins, secrets)
    assert [problem.key for problem in caught.value.problems] == [
        *("idv_available", "job_deadline_seconds", "document_vendor"),
    ]


async def test_a_reload_brings_no_mock_into_production(settings_file):
    """The rule that refuses mocks holds while the process runs, too."""
    path = settings_file()
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    secrets = bootstrap.Secrets(
        values=dict.fromkeys(bootstrap._SECRET_KEYS, "00" * 32), version="1", source="test"
    )
    with pytest.raises(ConfigurationError, match="is a mock and refused in production"):
        reread_settings(path, {"PROOFING_ENV": "production"}, configuration.plugins, secrets)


@pytest.mark.parametrize(
    ("key", "vendor", "switch"),
    [
        ("document_vendor", "mock:polling", "doc_auth_enable_presigned_s3_urls"),
        ("passport_vendor", "mock:polling", "doc_auth_enable_presigned_s3_urls"),
        ("phone_vendors", ["mock", "mock:polling"], "ruby_workers_idv_enabled"),
        ("resolution_vendor", "mock:polling", "ruby_workers_idv_enabled"),
    ],
)
async def test_a_vendor_that_answers_later_needs_jobs(settings_file, key, vendor, switch):
    """With its switch off it is refused at a start and while the process runs, by both names."""
    problem = f"{key}: mock:polling answers later, which needs a job: set {switch}"
    wrong = {key: vendor, switch: False}
    with pytest.raises(ConfigurationError, match=problem):
        await bootstrap.configure(settings_file(**wrong), {"PROOFING_ENV": "test"})
    path = settings_file(**{key: vendor})
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    secrets = bootstrap.Secrets(
        values=dict.fromkeys(bootstrap._SECRET_KEYS, "00" * 32), version="1", source="test"
    )
    settings_file(**wrong)
    with pytest.raises(ConfigurationError, match=problem):
        reread_settings(path, {"PROOFING_ENV": "test"}, configuration.plugins, secrets)


async def edit(path, configuration, **values):
    """Change the default block of *path*, and return the settings in effect then."""
    blocks = yaml.safe_load(path.read_text())
    blocks["default"] |= values
    path.write_text(yaml.safe_dump(blocks))
    await follow_edits(configuration.watch)
    return configuration.live.current


@pytest.mark.parametrize(
    "values",
    [
        {"document_vendor": "ghost"},
        {"plugins": ["huey", "local", "mock", "ghost"]},
        {"plugins": ["huey", "local"]},
        {"queue": "ghost"},
        {"mock": {"no_such_key": 1}},
        {"huey": 7},
        {"no_such_plugin": {"a": 1}},
        {"public_url": "no origin"},
        {"outbound_proxy": "socks://proxy"},
    ],
    ids=str,
)
async def test_an_edit_that_no_start_would_take_is_refused(settings_file, caplog, values):
    """Whatever judges a start judges an edit: none of it is taken over, and each problem is an error line."""
    path = settings_file()
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    live = configuration.live
    with caplog.at_level("INFO", logger="proofing"):
        assert (await edit(path, configuration, partner_name="edited", **values)).partner_name != "edited"
    lines = [record for record in caplog.records if record.getMessage() == "settings_reload_refused"]
    assert lines
    assert {record.levelname for record in lines} == {"ERROR"}
    assert {record.proofing_fields["key"] for record in lines} == {problem.key for problem in live.refused}
    assert next(iter(values)) in {problem.key.partition(".")[0] for problem in live.refused} | {"plugins"}
    assert live.refusals == 1
    path.write_text(settings_file().read_text())
    assert (await edit(path, configuration, partner_name="fixed")).partner_name == "fixed"
    assert (live.refused, live.refusals) == ((), 1)


@pytest.mark.parametrize("kind", [ImportError, RuntimeError, SystemExit])
async def test_a_switch_to_a_vendor_that_cannot_be_made_is_refused(settings_file, kind):
    """A missing library or credential shows when the vendor is made: before anybody is sent there."""
    path = settings_file()
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})

    def make(_settings, _process):
        raise kind(SECRET)

    broken = ProoferDescriptor(name="broken", kind=ProoferKind.DOCUMENT, make=make, maturity=Maturity.MOCK)
    configuration.plugins.proofers[ProoferKind.DOCUMENT, "broken"] = LoadedProofer(
        "mock", broken, None, make_process
    )
    assert (await edit(path, configuration, document_vendor="broken")).document_vendor == "mock"
    (problem,) = configuration.live.refused
    assert problem.key == "document_vendor"
    assert SECRET not in str(problem)


async def test_an_edit_for_the_next_start_is_no_refusal(settings_file, caplog):
    """Another plugin and its queue wait for the restart; a switch that needs it is refused until then."""
    path = settings_file()
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    live = configuration.live
    values = {"plugins": ["huey", "local", "mock", "postgres"], "postgres": {"dsn": "postgresql://h/d"}}
    with caplog.at_level("INFO", logger="proofing"):
        fresh = await edit(path, configuration, partner_name="edited", queue="postgres", **values)
    assert (fresh.partner_name, fresh.queue, live.refused) == ("edited", "huey", ())
    names = {record.getMessage(): record for record in caplog.records}
    names = {name: record for name, record in names.items() if name.startswith("settings_")}
    assert names.keys() == {"settings_reloaded", "settings_need_restart"}
    assert names["settings_need_restart"].proofing_fields["names"] == ["plugins", "postgres", "queue"]


async def test_what_a_plugin_raises_while_it_judges_an_edit_stops_no_page(settings_file, monkeypatch):
    """The old settings stay, and the class is named."""
    path = settings_file()
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})

    def judge(*_given):
        raise KeyError(SECRET)

    monkeypatch.setattr(settings_check, "judge_settings", judge)
    assert (await edit(path, configuration, partner_name="edited")).partner_name != "edited"
    assert [problem.rule for problem in configuration.live.refused] == ["could not be validated: KeyError"]


async def test_an_idle_process_follows_the_file(settings_file):
    """Nobody asks for its settings; its own timer does."""
    path = settings_file()
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    _events, given = watched()
    backends = bootstrap.make_backends(configuration, "worker", **given)
    async with bootstrap.start(configuration, "worker", backends):
        path.write_text(settings_file(partner_name="edited").read_text())
        await eventually(lambda: configuration.live.current.partner_name == "edited")


async def test_backends_that_cannot_be_made_are_all_reported(settings_file, odd_plugin):
    """A missing library names what to install, a foreign error its class; both at once, and no text."""

    def without_library(_context):
        raise ModuleNotFoundError(name="boto3")

    def broken(_context):
        raise ValueError(SECRET)

    path = settings_file(**odd_plugin(image_store=without_library, key_service=broken))
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    with pytest.raises(ConfigurationError) as caught:
        bootstrap.make_backends(configuration, "test")
    rules = {problem.key: problem.rule for problem in caught.value.problems}
    assert rules == {
        "image_store": "odd needs boto3; install it, or reinstall proofing-odd",
        "key_service": "odd cannot be made: ValueError",
    }


@pytest.mark.parametrize("rescues", [True, False])
async def test_a_queue_that_loses_jobs_can_be_refused(settings_file, rescues):
    """`require_crash_recovery` asks for the capability."""
    queue = MemoryQueue()
    queue.capabilities = frozenset({Capability.CRASH_RECOVERY} if rescues else ())
    configuration = await bootstrap.configure(
        settings_file(require_crash_recovery=True), {"PROOFING_ENV": "test"}
    )
    if rescues:
        assert bootstrap.make_backends(configuration, "worker", queue=queue).queue is queue
        return
    with pytest.raises(ConfigurationError, match="does not repeat jobs of a killed worker"):
        bootstrap.make_backends(configuration, "worker", queue=queue)


class Watched:
    """A backend that notes what happens to it, and may not open."""

    capabilities = frozenset()

    def __init__(self, name, events, error=None):
        self.name = name
        self.events = events
        self.error = error

    async def open(self):
        self.events.append(f"open {self.name}")
        if self.error:
            raise self.error

    async def close(self):
        self.events.append(f"close {self.name}")

    def now(self):
        return 0.0


def watched(**errors):
    """Return the events of watched backends, and the backends."""
    events = []
    names = ("key_service", "result_store", "image_store", "verification_store", "call_store", "queue")
    return events, {name: Watched(name, events, errors.get(name)) for name in names}


async def test_what_was_opened_is_closed_when_the_start_fails(settings_file):
    """In reverse order, the one that failed included."""
    events, given = watched(image_store=StoreUnavailableError("away"))
    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})
    backends = bootstrap.make_backends(configuration, "worker", **given)
    with pytest.raises(StoreUnavailableError):
        async with bootstrap.start(configuration, "worker", backends):
            pytest.fail("it must not start")
    assert events == [
        *("open key_service", "open result_store", "open image_store"),
        *("close image_store", "close result_store", "close key_service"),
    ]


async def test_a_check_looks_at_every_backend(settings_file):
    """One that is down does not hide the others, whichever it is."""
    events, given = watched(
        key_service=StoreUnavailableError("no key"), queue=QueueUnavailableError("no queue")
    )
    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})
    reports = await check_backends(bootstrap.make_backends(configuration, "check", **given))
    assert {name: report.problem for name, report in reports.items()} == {
        "key_service": "no key",
        "result_store": None,
        "image_store": None,
        "verification_store": None,
        "call_store": None,
        "queue": "no queue",
    }
    assert sum(event.startswith("close") for event in events) == 6


async def test_a_check_passes_on_what_a_backend_advises(settings_file):
    """A queue that polls behind a pooler, say, tells so."""

    class Advised(MemoryQueue):
        async def check(self):
            return ["workers poll"]

    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})
    reports = await check_backends(bootstrap.make_backends(configuration, "check", queue=Advised()))
    assert reports["queue"].advice == ("workers poll",)
    assert reports["result_store"].advice == ()


class Forgetful:
    """A proofer that cannot continue with what it left pending."""

    def proof(self, request, context):
        """Answer later."""


async def test_a_vendor_that_cannot_be_asked_stops_the_start(settings_file):
    """One that promises to answer later and cannot continue says so before anything is opened."""
    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})
    loaded = configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"]
    loaded.descriptor = ProoferDescriptor(
        name="mock",
        kind=ProoferKind.DOCUMENT,
        make=lambda *_: Forgetful(),
        maturity=Maturity.MOCK,
    )
    loaded.descriptor = replace(loaded.descriptor, continues=frozenset({Again}))
    with pytest.raises(
        ConfigurationError, match=r"document_vendor: .*cannot be asked: it has no method resume"
    ):
        async with bootstrap.start(configuration, "worker"):
            pytest.fail("it must not start")


async def test_a_secret_store_has_no_secret_yet(settings_file):
    """What it may not use says so."""
    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})
    early = backend_context(configuration.layers, "cli", None)
    with pytest.raises(PluginError, match="no application secret"):
        early.secret("label")
    later = backend_context(configuration.layers, "cli", configuration.settings)
    assert len(later.secret("label")) == 32
    assert replace(later).role == "cli"


def test_the_process_protects_what_it_holds():
    """Files are private, and no core is dumped."""
    import resource  # noqa: PLC0415 - does not exist on Windows

    before = os.umask(0)
    try:
        bootstrap.protect_process()
        assert os.umask(0) == 0o077
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    finally:
        os.umask(before)


async def test_what_a_proofer_knows_of_its_process(settings_file, odd_plugin):
    """Environment, origin, and secrets that no backend and no other plugin has."""
    seen = []

    def make(_settings, process):
        seen.append(process)
        return SimpleNamespace(proof=print)

    offer = ProoferDescriptor(name="odd", kind=ProoferKind.PHONE, make=make, maturity=Maturity.MOCK)
    path = settings_file(
        **odd_plugin([offer], key_service=seen.append),
        phone_vendors=["odd"],
        public_url="https://here.example",
    )
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    assert configuration.router.validate_vendors() == []
    bootstrap.make_backends(configuration, "check")
    process, backend = seen
    assert (process.environment, process.is_production) == ("test", False)
    assert process.public_url == "https://here.example"
    assert len({process.secret("a"), process.secret("b"), backend.secret("a")}) == 3
    assert configuration.plugins.process_of("other").secret("a") != process.secret("a")
    again = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    assert again.plugins.process_of("odd").secret("a") == process.secret("a")


async def test_only_workers_share_what_they_keep_of_a_vendor(settings_file):
    """Web, which may not open it, keeps values of its own."""
    configuration = await bootstrap.configure(settings_file(), {"PROOFING_ENV": "test"})

    async def get(role, value):
        async def make():
            return value, 60.0

        async with bootstrap.start(configuration, role) as runtime:
            loaded = configuration.router.configured()[0]
            context = runtime.parts.clients.context(loaded, loaded.policy())
            return await context.cache.get_or_make("token", make)

    assert await get("web", "web") == "web"
    assert await get("worker", "one") == "one"
    assert await get("worker", "two") == "one"
    assert await get("web", "web again") == "web again"
