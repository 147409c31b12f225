"""The shell blocks of the how-to pages: no variable comes out of nothing, and no download onto the screen."""

import re
from pathlib import Path

import pytest

HOWTO = Path(__file__).parents[2] / "docs/howto"
PAGES = sorted(HOWTO.glob("*.md"))
_BLOCK = re.compile(r"^ *```sh[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_FOLLOWS = re.compile(r"variables[^.]*\[Install\]\(install\.md\)")
_SET = re.compile(r"(?:^|[\s(])([a-z_]\w*)=|\bfor (\w+) in\b")
_USED = re.compile(r"\$\{?([a-z_]\w*)(?!\w*:-)")


def shell(page):
    """Return the shell blocks of *page*, without comments and what single quotes keep from the shell."""
    text = "\n".join(_BLOCK.findall((HOWTO / page).read_text()))
    return re.sub(r"(?:^|(?<=\s))#.*$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_variable_is_set_before_its_use(page):
    """On the page, or on the install page where the page says that it continues from there."""
    known = set()
    if _FOLLOWS.search(page.read_text()):
        known = {name for pair in _SET.findall(shell("install.md")) for name in pair if name}
    for line in shell(page.name).splitlines():
        set_here = {name for pair in _SET.findall(line) for name in pair if name}
        assert set(_USED.findall(line)) - known - set_here == set(), line
        known |= set_here


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_download_keeps_each_answer_from_the_screen(page):
    """Each curl has one -o for each URL: what has none is printed."""
    for line in shell(page.name).replace("\\\n", " ").splitlines():
        if re.search(r"\bcurl\b.* -o ", line):
            assert len(re.findall(r" -o ", line)) == len(re.findall(r"https?://", line)), line


def test_the_blocks_are_found():
    """On the pages that are followed word for word."""
    assert {"install", "upgrade", "back-up"} <= {page.stem for page in PAGES if len(shell(page.name)) > 100}
