"""The one reader of JSON from outside: it refuses what lenient parsers let through (RFC 8259)."""

import json
import math
from typing import Any, NoReturn


def parse_json(content: bytes, *, max_depth: int) -> Any:
    """Return the value that *content* holds.

    Raises:
        ValueError: not UTF-8, not JSON, nested deeper than *max_depth*, a number that is not finite, half a
            surrogate pair, or a duplicate key. The message holds nothing of *content*.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_without_duplicates,
        )
        if _is_deeper(value, max_depth):
            raise ValueError
        if b"\\u" in content:
            # Half a surrogate pair is not text: it would fail later, wherever it is first encoded.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("not acceptable JSON") from None
    return value


def _refuse(_constant: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _is_deeper(value: Any, depth: int) -> bool:
    """Return whether *value* nests deeper than *depth*."""
    level = [value]
    for _ in range(depth):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, (dict, list)) for item in level)
