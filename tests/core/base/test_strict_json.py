"""JSON from outside: what lenient parsers let through is refused, without a word of its content."""

import pytest

from proofing.base.strict_json import parse_json


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"secret",
        b'{"a": secret',
        b'{"a": 1, "a": 2}',
        b"NaN",
        b"[Infinity]",
        b"[1e999]",
        b'["\\ud83d"]',
        b'["\xff"]',
        '["a"]'.encode("utf-16"),
        b"[" * 5 + b"]" * 5,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_is_refused(content):
    """Duplicates, numbers that are not finite, half characters, other encodings, depth."""
    with pytest.raises(ValueError, match=r"^not acceptable JSON$") as caught:
        parse_json(content, max_depth=4)
    assert caught.value.__cause__ is None


def test_what_is_read():
    """Everything else, up to the depth that is allowed."""
    content = b'{"a": [1, 2.5, null, {"b": "\\u00e9"}]}'
    assert parse_json(content, max_depth=3) == {"a": [1, 2.5, None, {"b": "é"}]}
    assert parse_json(b"[[[[]]]]", max_depth=4) == [[[[]]]]
