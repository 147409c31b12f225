"""Plugins as tiny distributions on the path: found, refused, isolated, and their sections read."""

import logging
import re
import sys
import textwrap

import pytest
import yaml

from proofing.base.errors import ConfigurationError, PluginError
from proofing.contracts.hooks import BackendContext
from proofing.contracts.messages import Channel
from proofing.contracts.results import ProoferKind
from proofing.registry.plugins import PluginManager, find_installed
from proofing.registry.proofers import missing_library
from proofing.settings import read_layers
from proofing.testing.vendor_fakes import make_process

HEAD = """
from pydantic import SecretStr
from proofing.base.errors import ConfigurationError, Problem
from proofing.contracts.hooks import BackendDescriptor, hookimpl
from proofing.contracts.plugin_settings import PluginSettings
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
"""
PROOFER = """
class Proofer:
    async def proof(self, request, context): ...

@hookimpl
def proofing_proofers():
    return [ProoferDescriptor(name="{name}", kind=ProoferKind.RESOLUTION, make=lambda *_: Proofer())]
"""
SHAPED = """
class Proofer:
    {methods}

def make(settings, process):
    proofer = Proofer()
    proofer.environment = process.environment
    return proofer

@hookimpl
def proofing_proofers():
    return [ProoferDescriptor(name="x", kind=ProoferKind.DOCUMENT, make=make)]
"""
CONTEXT = BackendContext(
    environment="test", role="cli", public_url="http://localhost", secret=lambda label: b"\x00" * 32
)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a distribution with one plugin on the path."""
    made = []

    def add(name, source, *, distribution=None, package=None):
        distribution = distribution or f"dist-{name}"
        package = package or f"proofing_tests_{name}"
        root = tmp_path / distribution
        info = root / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[proofing]\n{name} = {package}\n")
        (root / f"{package}.py").write_text(HEAD + textwrap.dedent(source))
        monkeypatch.syspath_prepend(str(root))
        made.append(package)

    yield add
    for package in made:
        sys.modules.pop(package, None)


@pytest.fixture
def layers(tmp_path):
    """Return a function that reads settings with the given values."""

    def read(**values):
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump({"default": values}))
        return read_layers(path, {})

    return read


def report_of(manager, name):
    """Return the report of one plugin."""
    return next(report for report in manager.reports if report.name == name)


def test_a_plugin_is_found_loaded_and_reported(install):
    """Name, distribution, version and offers stand in the report; the proofer is made at its first use."""
    install("tiny", PROOFER.format(name="tiny"))
    manager = PluginManager(["tiny"])
    report = report_of(manager, "tiny")
    assert (report.distribution, report.version, report.problem) == ("dist-tiny", "1.2", None)
    assert report.offers == ("resolution tiny",)
    loaded = manager.proofers[ProoferKind.RESOLUTION, "tiny"]
    with pytest.raises(PluginError, match="before the settings are read"):
        _ = loaded.proofer
    manager.process_of = lambda _plugin: make_process()
    assert loaded.proofer is loaded.proofer
    assert manager.problems() == []


def test_installed_is_not_enabled(install):
    """What settings do not name is not even imported."""
    install("idle", "raise RuntimeError('imported')")
    manager = PluginManager([])
    report = report_of(manager, "idle")
    assert (report.enabled, report.problem, report.offers) == (False, None, ())
    assert "proofing_tests_idle" not in sys.modules


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('900661234')", "cannot be loaded: RuntimeError"),
        ("import sys; sys.exit(3)", "cannot be loaded: SystemExit"),
        ("def broken(:", "cannot be loaded: SyntaxError"),
        ("import not_there_at_all", "needs not_there_at_all; install it, or reinstall dist-bad"),
        ("@hookimpl\ndef proofing_wishes(): return []", "implements a hook that does not exist"),
        ("@hookimpl\ndef proofing_queues(color): return []", "implements a hook that does not exist"),
        ("@hookimpl\ndef proofing_queues(): return 7", "cannot be loaded: TypeError"),
        ("@hookimpl\ndef proofing_queues(): return ['queue']", "not a BackendDescriptor"),
        ("@hookimpl\ndef proofing_proofers(): raise ValueError('900661234')", "cannot be loaded: ValueError"),
        ("@hookimpl\ndef proofing_settings(): return dict", "not a PluginSettings"),
        (PROOFER.format(name="x").replace("ProoferKind.RESOLUTION", "'resolution'"), "must be a ProoferKind"),
        (PROOFER.format(name="x").replace("make=", "maturity='mock', make="), "must be a ProoferKind"),
        (PROOFER.format(name=""), "no name"),
        (
            PROOFER.format(name="x").replace("make=", "needs=frozenset({'shoe_size'}), make="),
            "x needs unknown circumstances: shoe_size",
        ),
        (
            PROOFER.format(name="x").replace("make=", "attributes=frozenset({'shoe_size'}), make="),
            "unknown attributes: shoe_size",
        ),
    ],
)
def test_a_broken_plugin_is_reported_and_the_others_work(install, source, said):
    """Whatever a plugin does when it is loaded, it is left out, and nothing else is."""
    install("bad", source)
    install("good", PROOFER.format(name="good"))
    manager = PluginManager(["bad", "good", "mock"])
    assert said in report_of(manager, "bad").problem
    assert "900661234" not in report_of(manager, "bad").problem
    assert report_of(manager, "good").problem is None
    assert (ProoferKind.RESOLUTION, "good") in manager.proofers
    assert (ProoferKind.RESOLUTION, "mock") in manager.proofers
    (problem,) = manager.problems()
    assert str(problem).startswith("settings: plugins: bad ")


def test_a_plugin_that_is_not_there(install):
    """A name without a distribution is a problem that says so."""
    (problem,) = PluginManager(["ghost"]).problems()
    assert "ghost is not installed" in problem.rule


def test_two_distributions_with_one_name_are_refused(install):
    """Nobody can say whose code would run, so none does."""
    install("twin", PROOFER.format(name="a"), distribution="first")
    install("twin", PROOFER.format(name="b"), distribution="second")
    manager = PluginManager(["twin"])
    assert "several distributions (first, second)" in report_of(manager, "twin").problem
    assert manager.proofers == {}


def test_two_plugins_with_one_proofer_stop_the_start(install):
    """One name for one kind has one owner."""
    install("one", PROOFER.format(name="same"))
    install("two", PROOFER.format(name="same"))
    with pytest.raises(ConfigurationError, match="two plugins offer the resolution proofer same"):
        _ = PluginManager(["one", "two"]).proofers


SECTION = """
class Section(PluginSettings):
    url: str
    key: SecretStr
    seconds: float = 1.0

@hookimpl
def proofing_settings():
    return Section
"""


def test_every_problem_of_a_section_is_reported_without_its_value(install, layers):
    """Missing, unknown and wrong keys are reported at once."""
    install("sect", SECTION)
    manager = PluginManager(["sect"])
    problems = manager.read_sections(layers(sect={"url": 900661234, "sekonds": 1}))
    assert {problem.key for problem in problems} == {"sect.url", "sect.key", "sect.sekonds"}
    assert "900661234" not in "".join(map(str, problems))
    assert manager.sections == {}


def test_a_good_section_reaches_the_plugin(install, layers):
    """The parsed section is the plugin's, and its secrets print as stars."""
    install("sect", SECTION)
    manager = PluginManager(["sect"])
    assert manager.read_sections(layers(sect={"url": "u", "key": "900661234"})) == []
    assert manager.sections["sect"].url == "u"
    assert "900661234" not in repr(manager.sections["sect"])


def test_a_schema_that_raises_is_a_problem_of_its_section(install, layers):
    """A validator of the plugin's own may raise anything; its text is not shown."""
    install(
        "sect",
        """
from pydantic import field_validator

class Section(PluginSettings):
    url: str

    @field_validator("url")
    @classmethod
    def look(cls, value):
        raise KeyError(value)

@hookimpl
def proofing_settings():
    return Section
""",
    )
    (problem,) = PluginManager(["sect"]).read_sections(layers(sect={"url": "900661234"}))
    assert (
        str(problem)
        == "settings.yaml (default): sect: could not be validated: the plugin's schema raised KeyError"
    )


def test_an_extra_is_named_for_our_own_plugins_only():
    """`pip install proofing[acme]` would install nothing."""
    assert missing_library(ModuleNotFoundError(name="boto3"), "aws") == "needs boto3; install proofing[aws]"


def test_sections_without_an_owner(install, layers, caplog, monkeypatch):
    """Unknown: an error. Of a disabled plugin: a warning. Of a plugin without settings: an error."""
    install("plain", PROOFER.format(name="plain"))
    install("asleep", SECTION)
    manager = PluginManager(["plain"])
    monkeypatch.setattr(logging.getLogger("proofing"), "propagate", True)
    with caplog.at_level(logging.WARNING, "proofing"):
        problems = manager.read_sections(layers(plain={"a": 1}, asleep={"a": 1}, typo={"a": 1}))
    assert {(problem.key, problem.rule) for problem in problems} == {
        ("plain", "this plugin accepts no settings"),
        ("typo", "unknown key, and no plugin of that name"),
    }
    assert "unused_settings_section" in caplog.text
    assert manager.unused_sections == ["asleep"]


def test_the_section_of_a_broken_plugin_is_not_reported_twice(install, layers):
    """It is enough to hear that the plugin is broken."""
    install("bad", "raise RuntimeError")
    manager = PluginManager(["bad"])
    assert manager.read_sections(layers(bad={"a": 1})) == []


def test_a_section_must_be_a_map(install, layers):
    """A scalar in the place of a section is reported with its key."""
    install("sect", SECTION)
    (problem,) = PluginManager(["sect"]).read_sections(layers(sect="900661234"))
    assert (problem.key, "900661234" in str(problem)) == ("sect", False)


BACKENDS = """
@hookimpl
def proofing_queues():
    return [BackendDescriptor(name="{name}", make=lambda settings, context: [settings], production={ok})]
"""


def test_backends_are_made_by_name(install):
    """The one that settings name is made with its plugin's settings."""
    install("q", BACKENDS.format(name="fast", ok=True))
    assert PluginManager(["q"]).queue("fast", CONTEXT) == [None]


@pytest.mark.parametrize(
    ("name", "is_production", "said"),
    [
        ("other", False, "no enabled plugin offers other; enabled plugins offer: fast, fast, small"),
        ("fast", False, "offered by several"),
        ("small", True, "small is for one machine and refused in production"),
    ],
)
def test_backends_that_are_refused(install, name, is_production, said):
    """Unknown, ambiguous, or not for production: told before anything is made."""
    install("q", BACKENDS.format(name="fast", ok=True))
    install("r", BACKENDS.format(name="fast", ok=True))
    install("s", BACKENDS.format(name="small", ok=False))
    manager = PluginManager(["q", "r", "s"])
    (problem,) = manager.check_backend("queue", name, is_production=is_production)
    assert said in problem.rule
    assert manager.check_backend("queue", "small", is_production=False) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('900661234')", "cannot make x: ValueError"),
        ("import sys; sys.exit(1)", "cannot make x: SystemExit"),
        (
            "raise ConfigurationError([Problem('settings', 'odd.account', 'x needs it')])",
            "odd cannot make x: odd.account: x needs it",
        ),
        ("import not_there_at_all", "needs not_there_at_all; install it, or reinstall dist-odd"),
        ("return object()", "cannot be asked: it has no method proof"),
    ],
)
def test_proofers_that_cannot_be_asked(install, body, said):
    """What fails to be made, or has a shape that nobody drives, says so without foreign text."""
    install(
        "odd",
        f"""
def make(settings, process):
    {body}

@hookimpl
def proofing_proofers():
    return [ProoferDescriptor(name="x", kind=ProoferKind.DOCUMENT, make=make)]
""",
    )
    with pytest.raises(PluginError, match=said) as caught:
        _ = made_proofer("odd")
    assert "900661234" not in str(caught.value)


def made_proofer(plugin):
    """Return what the factory of the document proofer ``x`` of *plugin* makes."""
    manager = PluginManager([plugin])
    manager.process_of = lambda name: make_process(environment=f"of {name}")
    return manager.proofers[ProoferKind.DOCUMENT, "x"].proofer


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ("proof = lambda self: 1", "proof must be proof(request, context)"),
        ("proof = lambda self, a, b, c: 1", "proof must be proof(request, context)"),
        ("proof = lambda self, a, b: 1; open = 7", "cannot be asked: open is not a method"),
        ("proof = lambda self, a, b: 1; open = lambda self: 1", "open must be open(context)"),
        ("proof = lambda self, a, b: 1; close = lambda self, a: 1", "close must be close()"),
        ("proof = lambda self, a, b: 1; check = lambda self, *, a: 1", "check must be check(context)"),
        (
            "proof = lambda self, a, b: 1; resume = lambda self, a: 1",
            "resume must be resume(request, pending",
        ),
    ],
)
def test_proofers_of_a_wrong_shape(install, methods, said):
    """A method that could not be called is reported in a sentence when the proofer is made."""
    install("bent", SHAPED.format(methods=methods))
    with pytest.raises(PluginError, match=re.escape(said)):
        made_proofer("bent")


@pytest.mark.parametrize(
    "methods",
    [
        "proof = print",
        "def proof(self, request, context, extra=None): ...",
        "proof = lambda self, *all: 1; open = lambda self, context: 1; close = lambda self: 1",
        "def proof(self, a, b): ...\n    async def check(self, context): ...",
    ],
)
def test_proofers_of_the_right_shape(install, methods):
    """Optional methods may be there or not, and take more than they must."""
    install("fine", SHAPED.format(methods=methods))
    assert made_proofer("fine").environment == "of fine"


@pytest.mark.parametrize("arguments", ["", "settings", "settings, context, more"])
@pytest.mark.parametrize("kind", ["proofer", "backend"])
def test_factories_take_two_arguments(install, kind, arguments):
    """One that takes others is left out with a sentence, before anything is made."""
    text = PROOFER.format(name="x") if kind == "proofer" else BACKENDS.format(name="x", ok=True)
    made = re.sub(r"make=lambda [^:]*:", f"make=lambda {arguments}:", text)
    assert made != text
    install("odd", made)
    (problem,) = PluginManager(["odd"]).problems()
    assert "x: make must take two arguments" in problem.rule


def test_plugins_that_were_found_before_are_not_looked_for_again(install):
    """What is installed is an argument; a plugin that is not in it is not installed."""
    install("tiny", PROOFER.format(name="tiny"))
    found = find_installed()
    assert [(one.distribution, one.version) for one in found["tiny"]] == [("dist-tiny", "1.2")]
    assert PluginManager(["tiny"], installed=found).problems() == []
    (problem,) = PluginManager(["tiny"], installed={}).problems()
    assert "tiny is not installed" in problem.rule


MESSENGER = """
from proofing.plugin import MessengerDescriptor

@hookimpl
def proofing_messengers():
    return [MessengerDescriptor(name="{name}", make=lambda settings, process: {made})]
"""


def test_a_messenger_is_offered_by_its_own_hook(install):
    """It is loaded as proofers are, and reported; two of one name stop the start."""
    install("tiny", MESSENGER.format(name="tiny", made="type('M', (), {'send': lambda self, a, b: None})()"))
    manager = PluginManager(["tiny"])
    assert report_of(manager, "tiny").offers == ("messenger tiny",)
    manager.process_of = lambda _plugin: make_process()
    loaded = manager.proofers[ProoferKind.MESSENGER, "tiny"]
    assert callable(loaded.proofer.send)
    assert loaded.channels
    assert loaded.can_send(Channel.TEXT, has_code=False)
    install("twin", MESSENGER.format(name="tiny", made="None"))
    with pytest.raises(ConfigurationError, match="two plugins offer the messenger proofer tiny"):
        _ = PluginManager(["tiny", "twin"]).proofers


def test_a_vendor_that_writes_the_text_itself_sends_codes_alone(install):
    """Its descriptor says so; nothing else of the message decides."""
    made = "None, codes_only=True"
    install("tiny", MESSENGER.format(name="tiny", made=made))
    loaded = PluginManager(["tiny"]).proofers[ProoferKind.MESSENGER, "tiny"]
    for one in (loaded, loaded.again()):
        assert one.can_send(Channel.TEXT, has_code=True)
        assert not one.can_send(Channel.TEXT, has_code=False)


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        ("object()", "it has no method send"),
        ("type('M', (), {'send': 1})()", "send is not a method"),
        ("type('M', (), {'send': lambda self: None})()", r"send must be send\(message, context\)"),
    ],
)
def test_a_messenger_that_cannot_send_is_named(install, made, rule):
    """When it is made."""
    install("tiny", MESSENGER.format(name="tiny", made=made))
    manager = PluginManager(["tiny"])
    manager.process_of = lambda _plugin: make_process()
    with pytest.raises(PluginError, match=rule):
        _ = manager.proofers[ProoferKind.MESSENGER, "tiny"].proofer


def test_a_proofer_is_no_messenger(install):
    """The wrong hook is named."""
    install("tiny", PROOFER.format(name="tiny").replace("ProoferKind.RESOLUTION", "ProoferKind.MESSENGER"))
    assert "by the hook proofing_messengers" in str(report_of(PluginManager(["tiny"]), "tiny").problem)
