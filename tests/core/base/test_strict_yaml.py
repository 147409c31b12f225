"""Large files are read by another reader: it refuses and reads the same, and problems have the same words."""

import pytest

from proofing.base.errors import ConfigurationError
from proofing.base.strict_yaml import parse_yaml
from proofing_server.texts import FOLDER

REFUSED = [
    "a: 1\na: 2",
    "a: 0200",
    "a: 1:30",
    "a: 2026-13-45",
    "a:\t1",
    "a: [",
    "- a",
    "a: b\x07",
    "a: !!python/object:os.system {}",
    b"a: \xff",
    "a: '@format x'",
    "a: &a [*a]",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_one_reader_refuses_the_other_refuses_in_the_same_words(text):
    """With the line, and the rule."""
    problems = []
    for is_large in (False, True):
        with pytest.raises(ConfigurationError) as refused:
            parse_yaml(text, "x.yaml", is_large=is_large)
        problems.append(str(refused.value))
    assert problems[0] == problems[1]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_catalogs_are_read_alike(path):
    """Each text, by both readers, in the same order."""
    slow, fast = (parse_yaml(path.read_bytes(), path.name, is_large=large) for large in (False, True))
    assert slow == fast
    assert list(slow["states"]) == list(fast["states"])
