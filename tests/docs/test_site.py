"""The site: every page is in its navigation, drawings and screens are those of their sources."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import yaml
from scripts import drawings

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "index.md"
API = (ROOT / "docs" / "reference" / "plugin-api.md").read_text()
MODULES = re.findall(r"^\.\. automodule:: (\S+)$", API, re.MULTILINE)


def entries():
    """Return the pages of the navigation, patterns resolved; the order is that of the page."""
    found = []
    for block in re.findall(r"^```\{toctree\}\n(.*?)^```", INDEX.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                name = ROOT / line[1:] if line.startswith("/") else INDEX.parent / line
                found += sorted(name.parent.glob(f"{name.name}.md")) or [name.with_suffix(".md")]
    return found


def test_the_navigation_has_every_page_once():
    """A page that nobody can find does not exist."""
    found = entries()
    assert len(found) == len(set(found))
    named = {path.relative_to(ROOT).as_posix() for path in found}
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")} - {"docs/index.md"}
    others = {"CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md", "terraform/README.md"}
    assert named == pages | others


def test_the_modules_for_plugin_authors_can_be_imported():
    """Each once, under a heading with its name, and everything that the hook reference names."""
    assert len(MODULES) == len(set(MODULES))
    assert re.findall(r"`(proofing\.[\w.]+)`$", API, re.MULTILINE) == MODULES
    for name in MODULES:
        assert importlib.import_module(name).__doc__
    hooks = (ROOT / "docs" / "reference" / "hooks.md").read_text()
    named = set(re.findall(r"`(proofing(?:\.[a-z_]+)+)", hooks))
    assert {name for name in named if not any(name.startswith(known) for known in MODULES)} == set()


def test_drawings_are_those_of_their_sources():
    """A source that was changed is drawn again, and no drawing is left of a source that is gone."""
    sources = sorted(drawings.FOLDER.glob("*.yaml"))
    assert len(sources) > 2
    for source in sources:
        assert source.with_suffix(".svg").read_text() == drawings.draw(yaml.safe_load(source.read_text()))
    assert {path.stem for path in drawings.FOLDER.glob("*.svg")} == {path.stem for path in sources}


def test_a_drawing_that_differs_fails_the_check(tmp_path, monkeypatch, capsys):
    """The check writes nothing."""
    monkeypatch.setattr(drawings, "FOLDER", tmp_path)
    (tmp_path / "one.yaml").write_text(
        "{title: A, description: B, boxes: {a: {at: [0, 0, 9, 9], kind: store, text: [a <b>]}}}"
    )
    assert drawings.main(["--check"]) == 1
    assert not (tmp_path / "one.svg").exists()
    assert drawings.main([]) == 0
    assert "a &lt;b&gt;" in (tmp_path / "one.svg").read_text()
    assert drawings.main(["--check"]) == 0
    (tmp_path / "one.svg").write_text("old")
    assert drawings.main(["--check"]) == 1
    assert "run scripts/drawings.py" in capsys.readouterr().out


@pytest.fixture(scope="module")
def screenshots():
    """The script as a module."""
    pytest.importorskip("playwright")
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        yield importlib.import_module("screenshots")
    finally:
        sys.path.remove(str(ROOT / "scripts"))


def test_the_page_of_screens_is_that_of_its_script(screenshots):
    """Every image is there and on the page, none is left over, and all of them are small."""
    assert screenshots.render() == screenshots.PAGE.read_text()
    images = list(screenshots.FOLDER.glob("*"))
    assert {path.name for path in images} == {f"{name}.webp" for name, _path, _caption in screenshots.SCREENS}
    assert sum(path.stat().st_size for path in images) < 1_500_000


def test_every_page_of_the_product_has_a_screenshot(screenshots):
    """The pages are those of the reference."""
    table = (
        (ROOT / "docs/reference/pages.md").read_text().partition("## The order")[2].partition("\n\nRules")[0]
    )
    paths = re.findall(r"^\| `(/\S*)`", table, re.MULTILINE)
    assert len(paths) > 9
    shown = {path for _name, path, _caption in screenshots.SCREENS}
    assert set(paths) <= shown
    assert {f"{path}/problem" for path in ("/document", "/verify", "/phone")} <= shown
