"""The page of error messages: every heading is a message that the product still writes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faq.md").read_text()
HEADINGS = re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE)


def texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts of a module, implicit concatenation joined and every replacement field as `…`."""
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        elif isinstance(child, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in child.values]
            yield "".join(str(part) for part in parts)


def leaves(tree: object) -> Iterator[str]:
    """Yield the texts of a catalog."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from leaves(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from leaves(value)
    elif isinstance(tree, str):
        yield tree


@pytest.fixture(scope="module")
def messages() -> set[str]:
    """Everything that the product could print or show."""
    found: set[str] = set()
    for root in ("core", "plugins", "server"):
        for path in (ROOT / root).rglob("*.py"):
            if "testing" not in path.parts:
                found.update(texts(ast.parse(path.read_text())))
    catalog = ROOT / "server" / "proofing_server" / "texts" / "en.yaml"
    found.update(leaves(yaml.safe_load(catalog.read_text())))
    return found


def is_written(heading: str, messages: set[str]) -> bool:
    """Return whether a message has exactly the words of *heading*, with anything in place of each `…`."""
    pattern = ".*".join(re.escape(part) for part in heading.split("…"))
    return any(re.fullmatch(pattern, message, re.DOTALL) for message in messages)


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_product_writes_the_message(heading, messages):
    """A message that was reworded must be reworded here, too."""
    assert is_written(heading, messages)


def test_a_message_that_is_gone_is_noticed(messages):
    """What differs may be anything, the rest may not."""
    assert not is_written("… is in use; choose another with HARBOR or --port", messages)


def test_every_entry_is_a_message_with_an_answer():
    """No heading of the third level without a message, none twice, none without a text."""
    entries = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    assert len(entries) == len(HEADINGS) == len(set(HEADINGS)) > 40
    assert all(len(entry.partition("\n")[2].strip()) > 40 for entry in entries)
