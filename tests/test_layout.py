"""The layout holds: roots agree everywhere, every plugin is complete, nothing points outside."""

import importlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOTS = ["core", "plugins/vendors", "plugins/queues", "plugins/stores", "server"]
PLUGINS = PROJECT["project"]["entry-points"]["proofing"]
#: Plugins that need no library beside core's.
WITHOUT_EXTRA = {"local", "mock"}


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git tracks, or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def test_the_five_roots_agree():
    """Build, mypy, ruff and coverage name the same source roots."""
    tool = PROJECT["tool"]
    assert tool["hatch"]["build"]["dev-mode-dirs"] == ROOTS
    assert tool["hatch"]["build"]["targets"]["wheel"]["sources"] == ROOTS
    assert tool["mypy"]["mypy_path"] == ROOTS
    assert tool["ruff"]["src"] == ROOTS
    assert tool["coverage"]["run"]["source"] == ROOTS


def test_the_architecture_lists_roots_and_rooms():
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
    table = text.partition("| Room |")[2].partition("\n\n")[0]
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
    """Folder, entry point and import-linter's root packages name the same plugins."""
    folders = {path.parent.name for path in ROOT.glob("plugins/*/*/__init__.py")}
    assert folders == set(PLUGINS.values())
    assert folders <= set(PROJECT["tool"]["importlinter"]["root_packages"])


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


def test_no_module_is_too_long():
    """A module of more than 400 lines has more than one reason to exist."""
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in tracked("*.py")
        if path.relative_to(ROOT).parts[0] in {"core", "plugins", "server", "scripts"}
        and (count := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


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
