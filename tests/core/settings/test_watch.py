"""Edits of the settings file and of the secrets: taken over whole, by everyone, or refused loudly."""

import getpass
import json
import logging

import pytest
import yaml

from proofing.base.errors import ConfigurationError, Problem, StoreUnavailableError
from proofing.base.logs import JSONFormatter
from proofing.contracts.stores import Secrets
from proofing.settings import LiveSettings, Settings, parse_settings, read_layers
from proofing.settings.watch import SettingsWatch, Sources
from proofing.testing.waiting import follow_edits

KEYS = dict.fromkeys(("hmac_fingerprinter_key", "session_encryption_key"), "00" * 32)
CANARY = "canary-of-a-live-key"


class SecretFile:
    """Holds secrets with a version, and counts how often it is read."""

    def __init__(self, **values):
        self.values, self.number, self.loads, self.error = KEYS | values, 1, 0, None
        self.is_closed = False

    def put(self, **values):
        """Replace the secrets."""
        self.values, self.number = KEYS | values, self.number + 1

    async def version(self):
        """Return the version."""
        if isinstance(self.error, StoreUnavailableError):
            raise self.error
        return str(self.number)

    async def load(self):
        """Return the secrets."""
        self.loads += 1
        if self.error is not None:
            raise self.error
        return Secrets(values=self.values, version=str(self.number), source="vault", author="robin")

    async def close(self):
        """Note it."""
        self.is_closed = True


class Running:
    """A process that follows a settings file and a secret store."""

    def __init__(self, path, values):
        self.path = path
        self.write(**values)
        self.store = SecretFile()
        layers = read_layers(path, {})
        layers.add(KEYS, "vault")
        self.refuses = []
        self.live = LiveSettings(self.read(Secrets(values=KEYS, version="1", source="vault")).settings)
        self.watch = SettingsWatch(
            self.live,
            layers,
            self.store,
            Secrets(values=KEYS, version="1", source="vault"),
            file_author=values.get("settings_changed_by"),
            reread=self.read,
            judge=lambda _settings, _layers: self.refuses,
        )

    def write(self, **values):
        """Replace the file's default block."""
        self.path.write_text(yaml.safe_dump({"default": values}))

    def read(self, secrets):
        """Return the settings of both sources."""
        layers = read_layers(self.path, {})
        author = layers.get("settings_changed_by")
        layers.add(secrets.values, secrets.source)
        return Sources(settings=parse_settings(layers, Settings), layers=layers, file_author=author)


@pytest.fixture
def run(tmp_path):
    """Return a function that starts to follow a file with these values."""
    return lambda **values: Running(tmp_path / "settings.yaml", values)


def lines(caplog, event):
    """Return the fields of the lines of *event*."""
    return [one.proofing_fields for one in caplog.records if one.getMessage() == event]


async def test_all_keys_of_an_edit_take_effect_together(run, caplog):
    """One replacement of the settings, and one line with who, when and what."""
    running = run(idv_available=True)
    before = running.live.current
    running.write(
        idv_available=False,
        vendor_status={"mock": "full_outage"},
        settings_changed_by="Sam Doe, OPS-12",
        status_url=f"https://status.example.gov/{CANARY}",
    )
    with caplog.at_level(logging.INFO, logger="proofing"):
        await running.watch.look_at_file()
        assert running.live.current is before
        await running.watch.look_at_file()
    now = running.live.current
    assert (now.idv_available, now.vendor_status["mock"].value) == (False, "full_outage")
    (line,) = lines(caplog, "settings_reloaded")
    assert line["names"] == ["idv_available", "settings_changed_by", "status_url", "vendor_status"]
    assert line["values"] == {
        "idv_available": False,
        "settings_changed_by": "Sam Doe, OPS-12",
        "vendor_status": {"mock": "full_outage"},
    }
    assert (line["author"], line["source"]) == ("Sam Doe, OPS-12", "settings.yaml")
    assert line["changed_at"] == line["version"]
    written = json.loads(JSONFormatter("web").format(caplog.records[-1]))
    assert written["values"]["vendor_status"] == {"mock": "full_outage"}
    # Texts and links are named only: nobody knows what is in them.
    assert CANARY not in json.dumps(written)


async def test_an_edit_without_an_author_names_the_owner_of_the_file(run, caplog):
    """Which is as much as the file system knows; an author who is already there made another edit."""
    running = run(settings_changed_by="Sam Doe, OPS-12")
    running.write(settings_changed_by="Sam Doe, OPS-12", idv_available=False)
    with caplog.at_level(logging.INFO, logger="proofing"):
        await follow_edits(running.watch)
    assert lines(caplog, "settings_reloaded")[0]["author"] == f"owner {getpass.getuser()}"


async def test_each_source_names_the_author_of_its_own_edits(run, caplog):
    """Also where the other one has the key, too, and wins."""
    running = run(settings_changed_by="Sam")
    with caplog.at_level(logging.INFO, logger="proofing"):
        running.store.put(settings_changed_by="Ann", partner_name="A")
        await follow_edits(running.watch)
        running.write(settings_changed_by="Sam again", idv_available=False)
        await follow_edits(running.watch)
        running.store.put(settings_changed_by="Ann", partner_name="B")
        await follow_edits(running.watch)
    assert [line["author"] for line in lines(caplog, "settings_reloaded")] == ["Ann", "Sam again", "robin"]


async def test_a_file_in_the_middle_of_being_written_is_not_taken_over(run, caplog):
    """What is there of it is valid, and without the switch that comes last."""
    running = run(idv_available=False, vendor_status={"mock": "full_outage"})
    whole = running.path.read_text()
    with caplog.at_level(logging.INFO, logger="proofing"):
        running.path.write_text(whole[: whole.index("vendor_status")] or "default: {}\n")
        await running.watch.look_at_file()
        running.path.write_text(whole + "  partner_name: edited\n")
        await running.watch.look_at_file()
        assert lines(caplog, "settings_reloaded") == []
        await running.watch.look_at_file()
    (line,) = lines(caplog, "settings_reloaded")
    assert line["names"] == ["partner_name"]


async def test_switches_follow_the_file_and_structure_does_not(run, caplog):
    """A changed queue waits for a restart; a broken file changes nothing, and is refused."""
    running = run(idv_available=True)
    running.write(idv_available="false", queue="postgres")
    with caplog.at_level(logging.INFO, logger="proofing"):
        await follow_edits(running.watch)
    assert (running.live.current.idv_available, running.live.current.queue) == (False, "huey")
    assert lines(caplog, "settings_need_restart") == [{"names": ["queue"]}]
    running.write(idv_available="maybe")
    await follow_edits(running.watch)
    assert running.live.current.idv_available is False
    assert [problem.key for problem in running.live.refused] == ["idv_available"]
    running.write(idv_available=True)
    with caplog.at_level(logging.INFO, logger="proofing"):
        await follow_edits(running.watch)
    assert running.live.current.idv_available is True
    assert (running.live.refused, running.live.refusals) == ((), 1)
    assert [line["source"] for line in lines(caplog, "settings_valid_again")] == ["settings.yaml"]


async def test_a_mistake_that_is_undone(run, caplog):
    """Nothing is taken over, and one line says that nothing is refused anymore."""
    running = run(idv_available=True)
    for value in ("maybe", True):
        running.write(idv_available=value)
        with caplog.at_level(logging.INFO, logger="proofing"):
            await follow_edits(running.watch)
    assert lines(caplog, "settings_reloaded") == []
    assert len(lines(caplog, "settings_valid_again")) == 1


@pytest.mark.parametrize("source", ["file", "secrets"])
async def test_the_section_of_a_plugin_needs_a_restart(run, caplog, source):
    """An edit of it is not silent, and its values are not printed; a section that stays is not named."""
    running = run(acme={"hours": 1}, other={"hours": 1})
    with caplog.at_level(logging.INFO, logger="proofing"):
        if source == "file":
            running.write(acme={"hours": 2, "password": CANARY}, other={"hours": 1})
        else:
            running.store.put(acme={"password": CANARY})
        await follow_edits(running.watch)
    assert lines(caplog, "settings_need_restart") == [{"names": ["acme"]}]
    assert CANARY not in caplog.text + str([vars(one) for one in caplog.records])


@pytest.mark.parametrize("text", ["", "\n", "# all of it is a comment\n", "{}\n"])
async def test_an_emptied_file_replaces_nothing(run, text):
    """A full disk, or an editor that cuts the file first, must not bring the defaults into force."""
    running = run(idv_available=False)
    running.path.write_text(text)
    await follow_edits(running.watch)
    assert running.live.current.idv_available is False
    assert [problem.key for problem in running.live.refused] == ["file"]


async def test_an_edit_during_the_start_is_not_missed(tmp_path):
    """Between reading the file and following it, secrets are fetched, which takes a while."""
    path = tmp_path / "settings.yaml"
    path.write_text("default: {idv_available: true}\n")
    layers = read_layers(path, {})
    path.write_text("default: {idv_available: false}\n")
    running = Running(path, {"idv_available": False})
    live = LiveSettings(running.live.current.model_copy(update={"idv_available": True}))
    secrets = Secrets(values=KEYS, version="1", source="vault")
    watch = SettingsWatch(
        live, layers, None, secrets, file_author=None, reread=running.read, judge=lambda *_: []
    )
    await follow_edits(watch)
    assert live.current.idv_available is False


async def test_what_only_the_process_can_judge_refuses_an_edit(run):
    """Such as a vendor that cannot be made."""
    running = run()
    running.write(idv_available=False)
    running.refuses = [Problem("settings.yaml", "document_vendor", "cannot be made")]
    await follow_edits(running.watch)
    assert running.live.current.idv_available is True
    assert running.live.refused == tuple(running.refuses)


async def test_switches_follow_the_secrets(run, caplog):
    """The store's version, author and source are logged; of a key only its name."""
    running = run(idv_available=True)
    running.store.put(idv_available=False, session_encryption_key="ab" * 32)
    with caplog.at_level(logging.INFO, logger="proofing"):
        await follow_edits(running.watch)
    assert running.live.current.idv_available is False
    (line,) = lines(caplog, "settings_reloaded")
    assert (line["source"], line["version"], line["author"]) == ("vault", "2", "robin")
    assert lines(caplog, "settings_need_restart") == [{"names": ["session_encryption_key"]}]
    assert "ab" * 32 not in caplog.text + str([vars(one) for one in caplog.records])


async def test_secrets_are_read_only_when_their_version_has_changed(run):
    """Each look asks for the version alone."""
    running = run()
    for _look in range(5):
        await running.watch.look_at_secrets()
    assert running.store.loads == 0
    running.store.put(idv_available=False)
    for _look in range(5):
        await running.watch.look_at_secrets()
    assert running.store.loads == 1


async def test_secrets_that_are_not_valid_are_refused_and_stop_no_edit_of_the_file(run, caplog):
    """An outage can still be declared; the refusal stays until the secrets are well again."""
    running = run()
    running.store.error = ConfigurationError([Problem("vault", "file", "must be valid YAML")])
    running.store.put(idv_available=False)
    with caplog.at_level(logging.INFO, logger="proofing"):
        for _look in range(4):
            await running.watch.look_at_secrets()
    assert [line["rule"] for line in lines(caplog, "settings_reload_refused")] == ["must be valid YAML"]
    running.write(vendor_status={"mock": "full_outage"})
    await follow_edits(running.watch)
    assert "mock" in running.live.current.vendor_status
    assert [problem.rule for problem in running.live.refused] == ["must be valid YAML"]
    running.store.error = None
    running.store.put(idv_available=False)
    await follow_edits(running.watch)
    assert (running.live.current.idv_available, running.live.refused) == (False, ())


async def test_a_secret_store_that_is_down_changes_nothing(run, caplog):
    """One line when it goes, one when it is back, and the file is followed meanwhile."""
    running = run()
    running.store.error = StoreUnavailableError("no answer")
    with caplog.at_level(logging.INFO, logger="proofing"):
        for _look in range(3):
            await running.watch.look_at_secrets()
        running.write(idv_available=False)
        await follow_edits(running.watch)
        running.store.error = None
        await follow_edits(running.watch)
    assert running.live.current.idv_available is False
    assert len(lines(caplog, "secrets_not_followed")) == 1
    assert lines(caplog, "secrets_followed") == [{"source": "vault"}]
