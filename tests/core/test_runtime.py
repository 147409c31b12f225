"""Putting a process together: every problem at once, nothing refused let through, nothing left open."""

import asyncio
import os
from dataclasses import replace

import pytest
import yaml

from proofing import runtime
from proofing.cli import main
from proofing.errors import (
    ConfigurationError,
    PluginError,
    Problem,
    QueueUnavailableError,
    StoreUnavailableError,
)
from proofing.plugins import PluginManager
from proofing.queues import Capability
from proofing.testing.memory_queue import MemoryQueue
from proofing.vendors import Maturity, ProoferDescriptor, ProoferKind

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
    """Local stores, mocks and plain http: all told at once, with exit code 78, and no value."""
    environment("production", outbound_proxy=f"socks://user:{SECRET}@proxy", worker_slots=f"x{SECRET}")
    assert main([command]) == 78
    told = capsys.readouterr().err
    assert "worker_slots" in told
    assert SECRET not in told
    environment("production", outbound_proxy=f"socks://user:{SECRET}@proxy")
    assert main([command]) == 78
    told = capsys.readouterr().err
    for key in (
        *("secret_store", "key_service", "image_store", "result_store", "public_url", "outbound_proxy"),
        *("address_vendors", "device_vendor", "document_vendor", "resolution_vendor", "state_id_vendor"),
    ):
        assert f": {key}: " in told, key
    assert "required" not in told
    assert SECRET not in told
    lines = [line for line in told.splitlines() if line.startswith("  ")]
    assert len(lines) == len(set(lines))


def test_a_missing_plugin_is_told_beside_what_follows_from_it(environment, capsys):
    """Not only that the secret store is missing, but why."""
    environment("test", plugins=["huey", "mock", "ghost"], locale=SECRET)
    assert main(["check"]) == 78
    told = capsys.readouterr().err
    assert "ghost is not installed" in told
    assert "no enabled plugin offers local" in told
    assert "locale: unknown key" in told
    assert SECRET not in told


def test_a_wrong_section_of_the_secret_store_hides_nothing(environment, capsys):
    """The secrets cannot be read then; everything else is judged all the same, once."""
    environment("test", local={"directory": 7}, document_vendor="ghost")
    assert main(["check"]) == 78
    told = capsys.readouterr().err
    assert told.count("local.directory") == 1
    assert "no enabled plugin offers ghost" in told
    assert "required" not in told


async def test_two_plugins_with_one_proofer_are_a_problem(settings_file, monkeypatch):
    """Told like every other problem."""

    def twice(_self):
        raise ConfigurationError([Problem("settings", "plugins", "two plugins offer one")])

    monkeypatch.setattr(PluginManager, "proofers", property(twice))
    with pytest.raises(ConfigurationError, match="two plugins offer one"):
        await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})


def test_every_problem_names_the_file(environment, capsys):
    """Also what only plugins can judge; and a section that is no map is no unknown key besides."""
    environment(
        "test", queue="postgres", document_vendor="ghost", huey=7, vendor_status={"mokk": "full_outage"}
    )
    assert main(["check"]) == 78
    told = capsys.readouterr().err.splitlines()[1:]
    assert told[0] == "  settings.yaml (default): huey: must be a map of settings"
    keys = ["queue", "document_vendor", "vendor_status.mokk"]
    for line, key in zip(told[1:], keys, strict=True):
        assert line.startswith(f"  settings.yaml (default): {key}: no enabled plugin offers ")


SEVERAL = {
    "queue": "hue",
    "worker_slots": {"document": 1},
    "vendor_status": {"foo": "operational"},
    "job_deadline_seconds": 90,
}


def keys_told(capsys):
    """Return the keys of the problems that were told, in their order."""
    lines = capsys.readouterr().err.splitlines()[1:]
    return [line.removeprefix("  settings.yaml (default): ").partition(": ")[0] for line in lines]


@pytest.mark.parametrize("beside", [{}, {"idv_available": "maybe"}, {"idv_available": 7, "quue": 1}])
def test_every_kind_of_problem_is_told_at_once(environment, capsys, beside):
    """Wrong fields hide neither rules between keys nor names that no plugin offers; none is told twice."""
    environment("test", **SEVERAL, **beside)
    assert main(["check"]) == 78
    assert sorted(keys_told(capsys)) == sorted(
        [*beside, *SEVERAL.keys() - {"vendor_status"}, "vendor_status.foo"]
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
        ({"address_vendors": [7, "ghost"], "queue": 7}, ["address_vendors.0", "queue"]),
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
    told = capsys.readouterr().err
    assert "document_vendor: must be a valid string" in told
    assert told.count("document_vendor: ") == 1
    assert "required" not in told


def test_wrong_secrets_hide_nothing(environment, capsys, monkeypatch):
    """A key that is no key is told beside the rest, and is not shown."""

    class Wrong:
        async def load(self):
            return runtime.Secrets(values={"session_encryption_key": SECRET}, version="1", source="secrets")

    monkeypatch.setattr(PluginManager, "secret_store", lambda *_: Wrong())
    environment("test", **SEVERAL)
    assert main(["check"]) == 78
    told = capsys.readouterr().err
    assert "secrets: session_encryption_key: must be 32 bytes" in told
    assert "hmac_fingerprinter_key: is required" in told
    for key in ("queue", "worker_slots", "vendor_status.foo", "job_deadline_seconds"):
        assert told.count(f": {key}: ") == 1
    assert SECRET not in told


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
def test_a_broken_secret_store_is_told_in_one_line(environment, capsys, monkeypatch, where):
    """Missing libraries and foreign errors of the first plugin that is used, like those of all others."""

    def make(_self, _name, _context):
        if where == "make":
            raise ModuleNotFoundError(name="boto3")
        return Breaks()

    monkeypatch.setattr(PluginManager, "secret_store", make)
    environment("test")
    assert main(["check"]) == (78 if where == "make" else 69)
    told = capsys.readouterr().err
    wanted = {
        "make": "secret_store: local needs boto3; install proofing[local]",
        "load": "proofing: secret_store: the plugin raised KeyError",
    }
    assert wanted[where] in told
    assert SECRET not in told


async def test_a_broken_backend_hides_no_other_from_a_check(settings_file, monkeypatch):
    """It is reported by its class, and the rest is asked."""
    monkeypatch.setattr(PluginManager, "image_store", lambda *_: Breaks())
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})
    reports = await runtime.check_backends(runtime.make_backends(configuration, "check"))
    assert reports["image_store"].problem == "image_store: the plugin raised KeyError"
    assert reports["queue"].problem is None


async def test_a_backend_that_hangs_is_given_up_by_a_check(settings_file, monkeypatch):
    """A check ends, whatever a plugin waits for."""

    class Hangs(Breaks):
        async def open(self):
            await asyncio.Event().wait()

        async def close(self):
            """Close nothing."""

    monkeypatch.setattr(runtime, "_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(PluginManager, "queue", lambda *_: Hangs())
    for name in ("key_service", "result_store", "image_store"):
        monkeypatch.setattr(PluginManager, name, lambda *_: Watched("x", []))
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})
    reports = await runtime.check_backends(runtime.make_backends(configuration, "check"))
    assert reports["queue"].problem == "does not answer within 0.01 s"


async def test_a_broken_backend_ends_a_start_without_its_text(settings_file, monkeypatch):
    """One line with key and class; where it was raised is logged."""

    class Raises(Breaks):
        async def close(self):
            """Close nothing."""

    monkeypatch.setattr(PluginManager, "queue", lambda *_: Raises())
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})
    with pytest.raises(PluginError, match=r"^queue: the plugin raised KeyError$"):
        async with runtime.start(configuration, "worker"):
            pytest.fail("it must not start")


@pytest.mark.parametrize("names", ["mock", 7, ["mock", 7], {"mock": True}])
async def test_plugins_must_be_a_list_of_names(settings_file, names):
    """Before the schema has looked, the list is checked by hand."""
    with pytest.raises(ConfigurationError, match="must be a list of names"):
        await runtime.configure(settings_file(plugins=names), {"PROOFING_ENV": "test"})


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
        await runtime.configure(path, {"PROOFING_ENV": "test"})
        return
    with pytest.raises(ConfigurationError, match="outbound_proxy") as caught:
        await runtime.configure(path, {"PROOFING_ENV": "test"})
    assert proxy not in str(caught.value)


async def test_a_reload_is_held_to_the_rules_of_a_start(settings_file):
    """Live keys that no start would take are refused, and what stood stays."""
    path = settings_file()
    configuration = await runtime.configure(path, {"PROOFING_ENV": "test"})
    values = yaml.safe_load(path.read_text())
    for vendor, stands in (("ghost", "mock"), ("mock", "mock")):
        values["default"] |= {"document_vendor": vendor, "partner_name": vendor}
        path.write_text(yaml.safe_dump(values))
        configuration.live._looked = 0.0
        assert configuration.live.current.document_vendor == stands
    assert configuration.live.current.partner_name == "mock"


async def test_a_refused_reload_tells_everything(settings_file):
    """A wrong field does not hide a vendor that is not there."""
    path = settings_file()
    environ = {"PROOFING_ENV": "test"}
    configuration = await runtime.configure(path, environ)
    secrets = runtime.Secrets(
        values=dict.fromkeys(runtime._SECRET_KEYS, "00" * 32), version="1", source="test"
    )
    settings_file(idv_available="maybe", document_vendor="ghost", job_deadline_seconds=90)
    with pytest.raises(ConfigurationError) as caught:
        runtime._reread(path, environ, secrets, configuration.plugins)
    assert [problem.key for problem in caught.value.problems] == [
        *("idv_available", "job_deadline_seconds", "document_vendor"),
    ]


async def test_a_reload_brings_no_mock_into_production(settings_file):
    """The rule that refuses mocks holds while the process runs, too."""
    path = settings_file()
    configuration = await runtime.configure(path, {"PROOFING_ENV": "test"})
    secrets = runtime.Secrets(
        values=dict.fromkeys(runtime._SECRET_KEYS, "00" * 32), version="1", source="test"
    )
    with pytest.raises(ConfigurationError, match="is a mock and refused in production"):
        runtime._reread(path, {"PROOFING_ENV": "production"}, secrets, configuration.plugins)


async def test_backends_that_cannot_be_made_are_all_told(settings_file, monkeypatch):
    """A missing library names the extra, a foreign error its class; both at once, and no text."""
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})

    def without_library(_self, _name, _context):
        raise ModuleNotFoundError(name="boto3")

    def broken(_self, _name, _context):
        raise ValueError(SECRET)

    monkeypatch.setattr(PluginManager, "image_store", without_library)
    monkeypatch.setattr(PluginManager, "key_service", broken)
    with pytest.raises(ConfigurationError) as caught:
        runtime.make_backends(configuration, "test")
    rules = {problem.key: problem.rule for problem in caught.value.problems}
    assert rules == {
        "image_store": "local needs boto3; install proofing[local]",
        "key_service": "local cannot be made: ValueError",
    }


@pytest.mark.parametrize("rescues", [True, False])
async def test_a_queue_that_loses_jobs_can_be_refused(settings_file, monkeypatch, rescues):
    """`queue_must_rescue` asks for the capability."""
    queue = MemoryQueue()
    queue.capabilities = frozenset({Capability.RESCUE} if rescues else ())
    monkeypatch.setattr(PluginManager, "queue", lambda *_: queue)
    configuration = await runtime.configure(settings_file(queue_must_rescue=True), {"PROOFING_ENV": "test"})
    if rescues:
        assert runtime.make_backends(configuration, "worker").queue is queue
        return
    with pytest.raises(ConfigurationError, match="loses the jobs of a killed worker"):
        runtime.make_backends(configuration, "worker")


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


def watch(monkeypatch, **errors):
    """Put watched backends in place and return their events."""
    events = []
    for name in ("key_service", "result_store", "image_store", "queue"):
        backend = Watched(name, events, errors.get(name))
        monkeypatch.setattr(PluginManager, name, lambda *_, backend=backend: backend)
    return events


async def test_what_was_opened_is_closed_when_the_start_fails(settings_file, monkeypatch):
    """In reverse order, the one that failed included."""
    events = watch(monkeypatch, image_store=StoreUnavailableError("away"))
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})
    with pytest.raises(StoreUnavailableError):
        async with runtime.start(configuration, "worker"):
            pytest.fail("it must not start")
    assert events == [
        *("open key_service", "open result_store", "open image_store"),
        *("close image_store", "close result_store", "close key_service"),
    ]


async def test_a_check_looks_at_every_backend(settings_file, monkeypatch):
    """One that is away does not hide the others, whichever it is."""
    events = watch(
        monkeypatch, key_service=StoreUnavailableError("no key"), queue=QueueUnavailableError("no queue")
    )
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})
    reports = await runtime.check_backends(runtime.make_backends(configuration, "check"))
    assert {name: report.problem for name, report in reports.items()} == {
        "key_service": "no key",
        "result_store": None,
        "image_store": None,
        "queue": "no queue",
    }
    assert sum(event.startswith("close") for event in events) == 4


async def test_a_check_passes_on_what_a_backend_advises(settings_file, monkeypatch):
    """A queue that polls behind a pooler, say, tells so."""

    class Advised(MemoryQueue):
        async def check(self):
            return ["workers poll"]

    monkeypatch.setattr(PluginManager, "queue", lambda *_: Advised())
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})
    reports = await runtime.check_backends(runtime.make_backends(configuration, "check"))
    assert reports["queue"].advice == ("workers poll",)
    assert reports["result_store"].advice == ()


class Hosted:
    """A proofer of the shape that nobody drives."""

    def start(self, request, context, *, return_url):
        """Open a session."""

    def event_ticket(self, headers, body, now):
        """Read an event."""

    def fetch(self, ticket, context):
        """Fetch the answer."""


async def test_a_vendor_that_cannot_be_asked_stops_the_start(settings_file):
    """A hosted session is not driven, and says so before anything is opened."""
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})
    loaded = configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"]
    loaded.descriptor = ProoferDescriptor(
        name="mock", kind=ProoferKind.DOCUMENT, make=lambda _settings: Hosted(), maturity=Maturity.MOCK
    )
    with pytest.raises(ConfigurationError, match=r"document_vendor: .*hosted sessions are not driven yet"):
        async with runtime.start(configuration, "worker"):
            pytest.fail("it must not start")


async def test_a_secret_store_has_no_secret_yet(settings_file):
    """What it may not use says so."""
    configuration = await runtime.configure(settings_file(), {"PROOFING_ENV": "test"})
    early = runtime._context(configuration.layers, "cli", None)
    with pytest.raises(PluginError, match="no application secret"):
        early.secret("label")
    later = runtime._context(configuration.layers, "cli", configuration.settings)
    assert len(later.secret("label")) == 32
    assert replace(later).role == "cli"


def test_the_process_protects_what_it_holds():
    """Files are private, and no core is dumped."""
    import resource  # noqa: PLC0415 - does not exist on Windows

    before = os.umask(0)
    try:
        runtime.protect_process()
        assert os.umask(0) == 0o077
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    finally:
        os.umask(before)


async def test_logs_go_where_the_settings_say(settings_file, tmp_path, monkeypatch):
    """The directory and the environment name the file."""
    seen = []
    monkeypatch.setattr(runtime, "configure_logs", lambda *given, **named: seen.append((given, named)))
    configuration = await runtime.configure(
        settings_file(log_directory=str(tmp_path / "logs")), {"PROOFING_ENV": "test"}
    )
    runtime.start_logs(configuration, "worker", echo=True)
    assert seen == [((tmp_path / "logs", "test", "worker"), {"echo": True})]
