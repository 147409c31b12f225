"""The layout holds: roots agree everywhere, every plugin is complete, nothing points outside."""

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOTS = ["core", "plugins/vendors", "plugins/queues", "plugins/stores", "server", "devtools"]
#: Tools of this repository alone are in no wheel.
SHIPPED = [root for root in ROOTS if root != "devtools"]
PLUGINS = PROJECT["project"]["entry-points"]["proofing"]
#: Plugins that need no library besides core's.
WITHOUT_EXTRA = {"aamva", "dos", "lexisnexis", "local", "mock", "socure", "stripe", "twilio"}


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git tracks, or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def test_the_roots_agree():
    """Build, mypy, ruff and coverage name the same source roots; the wheel names all but `devtools`."""
    tool = PROJECT["tool"]
    assert tool["hatch"]["build"]["dev-mode-dirs"] == ROOTS
    assert tool["hatch"]["build"]["targets"]["wheel"]["sources"] == SHIPPED
    assert tool["mypy"]["mypy_path"] == ROOTS
    assert tool["ruff"]["src"] == ROOTS
    assert tool["coverage"]["run"]["source"] == ROOTS


def test_the_architecture_lists_roots_and_wings():
    """The page names the source roots, and one row for each layer that import-linter knows, in its order."""
    text = (ROOT / "docs/explanation/architecture.md").read_text()
    named = re.search(r"^Source roots are (.+?):", text, re.MULTILINE | re.DOTALL)
    assert named is not None
    assert re.findall(r"`(.+?)`", named[1]) == ROOTS
    (layers,) = (
        contract["layers"]
        for contract in PROJECT["tool"]["importlinter"]["contracts"]
        if "layers" in contract
    )
    table = text.partition("| Wing |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    assert [cell.replace("`", "").split(" · ") for cell in cells] == [layer.split(" | ") for layer in layers]


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_holds_packages_only(root):
    """No module and no __init__.py directly in a source root, and every package in it is typed."""
    for entry in (ROOT / root).iterdir():
        if entry.name == "__pycache__":
            continue
        assert entry.is_dir(), entry
        assert (entry / "py.typed").exists(), entry


def test_every_plugin_folder_is_an_entry_point_and_linted():
    """Folders and entry points name the same plugins; import-linter finds them by the entry points."""
    folders = {path.parent.name for path in ROOT.glob("plugins/*/*/__init__.py")}
    assert folders == set(PLUGINS.values())
    assert {one["type"] for one in PROJECT["tool"]["importlinter"]["contracts"]} == {
        "forbidden",
        "layers",
        "plugins",
    }


def imported(package: Path) -> set[str]:
    """Return the top-level names that the modules of *package* import, wherever in them."""
    names: set[str] = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
            elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func) and node.args:
                argument = node.args[0]
                names |= {argument.value} if isinstance(argument, ast.Constant) else set()
    return {name.partition(".")[0] for name in names if isinstance(name, str)}


def packages(root: Path) -> dict[str, Path]:
    """Return every plugin and server package below *root*, registered or not."""
    found = [*root.glob("plugins/*/*/"), *root.glob("server/*/")]
    return {path.name: path for path in found if any(path.rglob("*.py"))}


def foreign_imports(root: Path) -> dict[str, set[str]]:
    """Return the packages below *root* that import another one of them."""
    known = packages(root)
    return {
        name: others for name, path in known.items() if (others := imported(path) & known.keys() - {name})
    }


def test_no_plugin_knows_another_or_the_server():
    """Found in the tree, so that a new plugin is held to the rule before anybody has listed it."""
    assert foreign_imports(ROOT) == {}
    served = {"proofing_demo", "proofing_sandbox", "proofing_server"}
    assert {*PLUGINS.values(), *served} == packages(ROOT).keys()


@pytest.mark.parametrize(
    "line",
    [
        "import proofing_redis",
        "from proofing_redis.results import RedisResultStore",
        "def f():\n    from proofing_redis import x",
        "if TYPE_CHECKING:\n    import proofing_server.app as app",
        "importlib.import_module('proofing_redis.results')",
    ],
)
def test_a_new_plugin_cannot_escape_the_rule(tmp_path, line):
    """However and wherever it imports, and though no list names it."""
    for name in ("plugins/stores/proofing_redis", "server/proofing_server", "plugins/vendors/proofing_new"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "plugins/vendors/proofing_new/deep.py").write_text(line)
    assert foreign_imports(tmp_path).keys() == {"proofing_new"}


def test_the_built_in_defaults_need_no_extra(tmp_path):
    """An installation without extras starts: the libraries of all extras are hidden from it."""
    code = """
import asyncio, sys
sys.modules |= dict.fromkeys(["boto3", "botocore", "psycopg", "redis", "requests"])
from proofing import bootstrap
async def main():
    configuration = await bootstrap.configure()
    async with bootstrap.start(configuration, "worker"):
        print("started")
asyncio.run(main())
"""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert run.stdout == "started\n", run.stderr


def test_every_plugin_with_a_library_has_an_extra_of_its_name():
    """``pip install proofing[name]`` brings what the plugin needs."""
    assert set(PLUGINS) - WITHOUT_EXTRA <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("package", sorted(PLUGINS.values()))
def test_a_plugin_says_how_to_use_it(package):
    """The docstring of a plugin's package is its manual."""
    assert len(importlib.import_module(package).__doc__ or "") > 200


def test_tests_mirror_the_tree():
    """Every plugin has a folder of tests in the mirrored place."""
    for path in ROOT.glob("plugins/*/proofing_*"):
        mirrored = ROOT / "tests" / path.parent.relative_to(ROOT) / path.name.removeprefix("proofing_")
        assert list(mirrored.glob("test_*.py")), mirrored


def wings() -> dict[str, set[str]]:
    """Return the wings of the core, each with those it imports, wherever in a module."""
    root = ROOT / "core/proofing"
    found: dict[str, set[str]] = {}
    for path in root.rglob("*.py"):
        wing = path.relative_to(root).with_suffix("").parts[0]
        if wing != "__init__":
            own = found.setdefault(wing, set())
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    # Also `from proofing import app`.
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                else:
                    continue
                own |= {name.split(".")[1] for name in names if name.startswith("proofing.")} - {wing}
    return {wing: below & found.keys() for wing, below in found.items()}


def test_the_wings_stay_few_and_low():
    """At most 17 wings, the client among them, on at most 9 floors; a cycle would have no floor."""
    below = wings()
    floors: dict[str, int] = {}
    while len(floors) < len(below):
        ready = {wing for wing in below.keys() - floors if below[wing] <= floors.keys()}
        assert ready, f"a cycle among {below.keys() - floors}"
        floors |= {wing: 1 + max((floors[one] for one in below[wing]), default=0) for wing in ready}
    assert len(below) <= 17
    assert max(floors.values()) <= 9
    assert not any("testing" in used or "cli" in used for used in below.values())


#: Modules of more than 500 lines, each with the one reason why it is not two.
LONG: dict[str, str] = {}


def test_a_long_module_has_one_reason():
    """Usual are 60 to 250 lines. Beyond 500, split by reason, or say in `LONG` why it is one thing."""
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in tracked("*.py")
        if path.relative_to(ROOT).parts[0] in {"core", "plugins", "server", "devtools", "scripts"}
        and (count := len(path.read_text().splitlines())) > 500
    }
    assert long.keys() == LONG.keys(), long


def test_nothing_names_a_local_path_or_leaves_work_behind():
    """No tracked file holds a path of somebody's machine, nor a marker of unfinished work."""
    path_pattern = re.compile(r"(?<![\w./])/(?:home|Users|root|work)/\w")
    unfinished = re.compile(r"\b(?:TODO|FIXME|XXX)\b|NotImplementedError")
    for path in tracked("*.py", "*.md", "*.toml", "*.yaml", "*.html", "*.js", "*.css", "*.sql", "Makefile"):
        if path == Path(__file__):
            continue
        text = path.read_text()
        assert not path_pattern.search(text), path
        if path.suffix == ".py":
            assert not unfinished.search(text), path


#: British spellings; a method of asyncio's is the exception.
NOT_AMERICAN = re.compile(
    r"\b(?:licence\w*|catalogue\w*|\w*colour\w*|\w*behaviour\w*|favour\w*|honour\w*|centre\w*|grey\w*"
    r"|(?:organ|normal|recogn|initial|serial|synchron|author|optim|minim|summar|categor)is(?:e|ed|es|ing|ation)\b"
    r"|analys(?:e|ed|ing)|judgement\w*|labelled|modelled|travelled|cancelled(?!\(\))|whilst|towards|afterwards"
    r"|learnt|spoilt|defence|offence|artefact\w*|programmes?|fulfil|enrol|for ever)\b",
    re.IGNORECASE,
)


def test_the_spelling_is_american():
    """One spelling everywhere: names, messages, pages, docs and comments."""
    for path in tracked(
        "*.py", "*.md", "*.toml", "*.yaml", "*.html", "*.js", "*.css", "*.sql", "*.lua", "*.tf"
    ):
        if path != Path(__file__):
            found = NOT_AMERICAN.search(path.read_text())
            assert found is None, f"{path.relative_to(ROOT)}: {found and found[0]}"


#: What a native reader stops at. The history (changelog, decisions) and recorded claims keep their words.
OLD_IDIOMS = re.compile(
    r"spelt(?![a-z])|\b[Ww]hoever\b|(?<![\w-])[Bb]eside(?![\w-])|\b[Ff]arewell|\bof ours\b"
    r"|\bmend(?:ed)?\b|\bstood\b|\bgiven up\b"
    r"|\b[Aa]new\b|\b[Pp]ictures?\b|\bunder way\b|\b[Hh]and(?:s|ed)? in\b|\b[Hh]armless when repeated\b"
    r"|\bsave for\b|\bshall\b|\bg(?:ive[sn]?|ave) back\b|\b(?:is|are|was|were|be) away\b|\bgo(?:es)? on\b"
    r"|\b(?:it|that|which) is none\b|\b(?:is|are|was|were) told\b(?! (?:to|apart|of)\b)|\b[Tt]ells? whether\b"
    r"|\b[Ss]tands\b(?! (?:for|in for|still|alone)\b)|\bmakes? good\b"
    r"|\b(?:thereof|therein|thereby|thereto|wherein|whence|hitherto|henceforth|forthwith|thrice|lest)\b"
    r"|\ball the same\b|\blooked at\b|\b[Pp]ersons\b(?!-calendar|\"[:\]])|\bSqlite(?!Storage\b)[A-Z]"
)
HISTORY = ("CHANGELOG.md", "docs/adr/", "docs/claims.md")


def test_old_idioms_do_not_return():
    """Names and texts are those of docs/glossary.md and of the field."""
    for path in tracked(
        "*.py", "*.md", "*.toml", "*.yaml", "*.html", "*.js", "*.css", "*.sql", "*.lua", "*.tf"
    ):
        name = str(path.relative_to(ROOT))
        if path != Path(__file__) and not name.startswith(HISTORY):
            found = OLD_IDIOMS.search(path.read_text())
            assert found is None, f"{name}: {found and found[0]}"


def test_links_of_the_documentation_lead_somewhere():
    """Every relative link in a page exists."""
    for page in tracked("*.md"):
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_every_adr_has_the_four_parts():
    """A decision says status, context, decision and consequences."""
    for page in (ROOT / "docs/adr").glob("*.md"):
        text = page.read_text()
        for part in ("**Status:**", "**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, f"{page.name}: {part}"


def test_the_version_is_in_the_notes_and_the_code():
    """Version in code and package agree, and the changelog has a place for what comes."""
    from proofing import __version__  # noqa: PLC0415 - only this test needs it

    assert PROJECT["project"]["version"] == __version__
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
