"""`proofing new-vendor`: each package installs, loads, asks, is in order, and keeps the rules of the kit."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from proofing.cli import _parser, exits, main
from proofing.cli.scaffold.pieces import AUTHS, KINDS, SHAPES
from proofing.cli.scaffold.writing import Package, write_package
from proofing.contracts.results import ProoferKind
from proofing.testing.messengers import MESSENGER_RULES
from proofing.testing.vendors.rules import RULES

EVERY = [(kind, shape, auth) for kind in KINDS for shape in KINDS[kind].shapes for auth in AUTHS]
#: Each kind, each shape and each way to authenticate at least once.
SOME = [
    ("resolution", "answer", "oauth2"),
    ("phone", "polling", "basic"),
    ("document", "hosted", "hmac"),
    ("device", "exchange", "key"),
    ("state_id", "answer", "mtls"),
    ("passport", "answer", "key"),
    ("messenger", "answer", "hmac"),
]

#: Loads the installed plugin as a process would, and asks it over a fake transport.
USE = """
import asyncio, sys, uuid
from pathlib import Path
import httpx, yaml
from proofing.crypto.encryption import KeyRing
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.run import JobRun
from proofing.jobs.way_back import WayBack
from proofing.outbound.transport import OutboundTransport
from proofing.registry.plugins import PluginManager
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind
from proofing.settings import read_layers
from proofing.testing.canary import Canary
from proofing.testing.memory_queue import MemoryJob, keep_plain
from proofing.testing.vendor_fakes import FakeVendor, make_process
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import ProoferKind

path = Path(sys.argv[1])
section = {"base_url": "https://api.nice.example", "api_key": "a-key"}
path.write_text(yaml.safe_dump({"default": {"nice_vendor": section}}))
manager = PluginManager(["nice_vendor"])
assert manager.problems() == [], manager.problems()
assert manager.read_sections(read_layers(path, {})) == []
manager.process_of = lambda _plugin: make_process()
loaded = manager.proofers[ProoferKind.RESOLUTION, "nice_vendor:resolution"]
seen = []

def answer(request):
    seen.append(request)
    return httpx.Response(200, json={"id": "t-1", "decision": "match", "checks": {"ssn": "match"}})

async def ask():
    message = JobMessage(
        result_id=str(uuid.uuid4()), kind=JobKind.RESOLUTION, owner="o", encrypted_arguments=b""
    )
    clients = VendorClientPool(OutboundTransport(transport=FakeVendor(answer)))
    way_back = WayBack(KeyRing(bytes(32)), "https://proofing.example.gov")
    run = JobRun(MemoryJob(message, attempt=1), clients, way_back, keep_plain)
    return await run.ask(loaded, ProofingRequest(applicant=Canary().applicant), step="resolution")

check = asyncio.run(ask())
assert check.passed, check
assert check.result.transaction_id == "t-1"
assert b"email" not in seen[0].content
print("proofed")
"""


def environment(*paths):
    """Return variables that put *paths* on Python's path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}


def run(folder, *arguments, **more):
    """Run Python in *folder* and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment(folder), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def name_of(kind, shape, auth):
    """Return a name for a combination; some are as long as a name may be."""
    return f"vendor_{kind}_{shape}_{auth}"[:31].rstrip("_")


def written(base, kind, shape, auth, name=None):
    """Write one package below *base* and return its folder."""
    name = name or name_of(kind, shape, auth)
    folder = base / f"proofing-{name}"
    write_package(Package(name, kind, shape, auth), folder)
    return folder


def install(folder, name):
    """Write what an installation of the package has, so that its entry point is found."""
    info = folder / f"proofing_{name}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: proofing-{name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[proofing]\n{name} = proofing_{name}\n")


def require_rules(folder, name):
    """Fail unless the rules of the kit are kept, as `proofing quality` sees it."""
    output = folder / "table.json"
    run(folder, "-m", "proofing.testing.vendor_table", f"proofing_{name}", str(folder / "tests"), str(output))
    (proofer,) = json.loads(output.read_text())
    assert [(rule, one) for rule, one in proofer["rules"].items() if one["status"] != "kept"] == []
    assert proofer["rules"].keys() == (MESSENGER_RULES if proofer["kind"] == "messenger" else RULES).keys()


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory):
    """A package as the command writes it without options, rules tried."""
    base = tmp_path_factory.mktemp("skeleton")
    assert main(["new-vendor", "nice_vendor", "--directory", str(base)]) == 0
    return base / "proofing-nice_vendor"


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """All combinations."""
    base = tmp_path_factory.mktemp("every")
    for combination in EVERY:
        written(base, *combination)
    return base


def test_the_choices_are_those_of_the_command(tmp_path, capsys):
    """The command offers what there are pieces for, and the tests below have each of them."""
    assert set(KINDS) == set(ProoferKind)
    with pytest.raises(SystemExit):
        main(["new-vendor", "--help"])
    text = capsys.readouterr().out
    for option, choices in (("kind", KINDS), ("shape", SHAPES), ("auth", AUTHS)):
        (shown,) = re.findall(rf"^ +--{option} {{(\S+)}}", text, re.MULTILINE)
        assert set(shown.split(",")) == set(choices)
    assert {part for kind, shape, auth in SOME for part in (kind, shape, auth)} == {*KINDS, *SHAPES, *AUTHS}


def test_every_combination_is_in_order(every):
    """Compiles, is formatted and linted by its own rules, and nothing is left of the templates."""
    assert len(list(every.iterdir())) == len(EVERY)
    for path in every.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "${" not in text.replace("${{ matrix.python }}", ""), path
            assert "$$" not in text, path
    run(every, "-m", "ruff", "check", "--no-cache", ".")
    run(every, "-m", "ruff", "format", "--no-cache", "--check", ".")


def test_every_combination_loads(every):
    """And offers the one proofer or messenger that was asked for."""
    code = (
        "import sys, pathlib; from importlib import import_module\n"
        "for folder in sorted(pathlib.Path().iterdir()):\n"
        "    sys.path.insert(0, str(folder))\n"
        "    plugin = import_module(f'proofing_{folder.name[9:]}')\n"
        "    hooks = {'proofing_messengers', 'proofing_proofers'} & set(vars(plugin))\n"
        "    ((hook, offer),) = [(hook, offer) for hook in hooks for offer in getattr(plugin, hook)()]\n"
        "    print(hook, offer.name)\n"
    )
    expected = sorted(
        (
            f"proofing-{name_of(*combination)}",
            f"{KINDS[combination[0]].seam.hook} {name_of(*combination)}:{combination[0]}",
        )
        for combination in EVERY
    )
    assert run(every, "-c", code).splitlines() == [line for _folder, line in expected]


@pytest.mark.parametrize("combination", SOME, ids="-".join)
def test_the_rules_are_kept(tmp_path, combination):
    """By packages of every kind, shape and way to authenticate."""
    require_rules(written(tmp_path, *combination, name="nice"), "nice")


@pytest.mark.chaos
@pytest.mark.parametrize("combination", [one for one in EVERY if one not in SOME], ids="-".join)
def test_the_rules_are_kept_by_every_combination(tmp_path, combination):
    """The long form: by all others."""
    folder = written(tmp_path, *combination, name="nice")
    require_rules(folder, "nice")
    run(folder, "-m", "mypy", "--cache-dir", os.devnull)


@pytest.mark.parametrize(
    ("package", "file", "right", "wrong"),
    [
        ("answer-key", "question.py", '"ssn"', '"snn"'),
        ("polling-key", "resolution.py", "with context.unbilled():", "if context:"),
        ("hosted-key", "resolution.py", "with context.unbilled():", "if context:"),
        ("exchange-key", "resolution.py", '"return_url"', '"returns"'),
        ("answer-oauth2", "client.py", "with context.unbilled():", "if context:"),
        ("answer-oauth2", "client.py", "{1,4096}", "{1,4}|.*"),
        ("answer-key", "ids.py", "{1,64}", "{1,64}|.*"),
        ("hosted-key", "resolution.py", "isinstance(because, Expired)", "found is None"),
    ],
)
def test_its_own_tests_notice_mistakes(tmp_path, package, file, right, wrong):
    """Of the kind that an author makes first, and that no rule of the kit could know."""
    folder = written(tmp_path, "resolution", *package.split("-"), name="nice")
    path = folder / "proofing_nice" / file
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    chosen = "what_is_sent or which_calls or example_outcome or strange_token"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert "FAILED" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("combination", [SOME[0], SOME[2], SOME[-1]], ids="-".join)
def test_packages_are_typed(tmp_path, combination):
    """As strictly as the project that they are written for, tests included."""
    run(written(tmp_path, *combination, name="nice"), "-m", "mypy", "--cache-dir", os.devnull)


def test_the_files(skeleton):
    """One module for each thing that an author changes, and nothing that trying the rules left behind."""
    files = sorted(path.relative_to(skeleton).as_posix() for path in skeleton.rglob("*") if path.is_file())
    assert files == [
        ".github/workflows/ci.yml",
        ".gitignore",
        "README.md",
        "proofing_nice_vendor/__init__.py",
        "proofing_nice_vendor/answers.py",
        "proofing_nice_vendor/client.py",
        "proofing_nice_vendor/ids.py",
        "proofing_nice_vendor/py.typed",
        "proofing_nice_vendor/quality.toml",
        "proofing_nice_vendor/question.py",
        "proofing_nice_vendor/resolution.py",
        "pyproject.toml",
        "tests/test_resolution.py",
    ]
    assert "to do" not in (skeleton / "proofing_nice_vendor/quality.toml").read_text()


def test_the_skeleton_installs_loads_and_proofs(skeleton, tmp_path):
    """Built into a wheel, put into a folder, found by its entry point, asked over a fake transport."""
    build = (
        "import os, sys, zipfile; from hatchling.build import build_wheel;"
        "os.chdir(sys.argv[1]); name = build_wheel(sys.argv[2]);"
        "zipfile.ZipFile(os.path.join(sys.argv[2], name)).extractall(sys.argv[3])"
    )
    target = tmp_path / "target"
    (tmp_path / "wheel").mkdir()
    run(tmp_path, "-c", build, str(skeleton), str(tmp_path / "wheel"), str(target))
    assert (target / "proofing_nice_vendor/quality.toml").exists()
    used = run(target, "-c", USE, str(tmp_path / "settings.yaml"))
    assert used.strip() == "proofed"


@pytest.mark.parametrize(
    "combination",
    [("resolution", "answer", "key"), ("phone", "hosted", "hmac"), ("messenger", "answer", "basic")],
    ids="-".join,
)
def test_what_its_readme_says_is_so(tmp_path, combination):
    """Installed, with the settings and the variables that it shows, the vendor is in use."""
    kind = combination[0]
    folder = written(tmp_path, *combination, name="nice_vendor")
    text = (folder / "README.md").read_text()
    settings = tmp_path / "settings.yaml"
    settings.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    install(folder, "nice_vendor")
    variables = [word.strip("`,.") for word in text.split() if word.startswith("`PROOFING_NICE_VENDOR__")]
    assert variables
    values = dict.fromkeys(variables, "a-secret-of-thirty-two-characters")
    paths = {"PYTHONPATH": str(folder), "PROOFING_SETTINGS": str(settings)}
    commands = [shlex.split(words, comments=True) for words in re.findall(r"proofing ([a-z][^`\n]*)", text)]
    said = {command[0]: command for command in commands}
    assert said.keys() >= {"check", "mutate", "quality"}
    for command in commands:
        _parser().parse_args(command)
    explain = said.get("explain", ["explain", "--person", "some-person"])
    explained = run(tmp_path, "-m", "proofing.cli", *explain, **paths, **values)
    assert f"nice_vendor:{kind}: " in explained


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mock", "installed already"),
        ("server", "installed already"),
        ("queue", "is a key of settings.yaml"),
        ("plugins", "is a key of settings.yaml"),
        ("Acme", "lower-case"),
        ("acme_", "lower-case"),
        ("_acme", "lower-case"),
        ("a__b", "lower-case"),
        ("a", "lower-case"),
        ("a" * 32, "lower-case"),
        ("../acme", "lower-case"),
        ("acme\n", "lower-case"),
        ("ácme", "lower-case"),
        ("", "lower-case"),
    ],
)
def test_names_that_clash_or_cannot_be_installed(tmp_path, capsys, name, said):
    """Refused as a wrong command line, and nothing is written."""
    assert main(["new-vendor", name, "--directory", str(tmp_path)]) == exits.USAGE
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_messengers_answer_at_once(tmp_path, capsys):
    """Another shape is refused, with the option that is wrong and what it must be; nothing is written."""
    for shape in set(SHAPES) - {"answer"}:
        arguments = ["new-vendor", "acme", "--kind", "messenger", "--shape", shape]
        assert main([*arguments, "--directory", str(tmp_path)]) == exits.USAGE
        assert "--shape: must be answer for the kind messenger" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(skeleton, capsys):
    """A second time it says that the folder exists."""
    assert main(["new-vendor", "nice_vendor", "--directory", str(skeleton.parent)]) == exits.USAGE
    assert "exists already" in capsys.readouterr().err


def test_without_pytest_the_package_is_written(tmp_path, monkeypatch, capsys):
    """And it is said how the rules are tried later."""
    (tmp_path / "pytest.py").write_text("raise ImportError('no pytest here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert main(["new-vendor", "nice_vendor", "--directory", str(tmp_path)]) == 0
    assert "proofing quality nice_vendor --write" in capsys.readouterr().out
    assert Path(tmp_path / "proofing-nice_vendor/proofing_nice_vendor/answers.py").exists()
    assert not Path(tmp_path / "proofing-nice_vendor/proofing_nice_vendor/quality.toml").exists()
