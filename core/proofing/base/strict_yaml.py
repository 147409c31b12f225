"""The one reader of YAML that operators and translators write: settings, secrets, and the texts of pages.

It refuses what lenient loaders let pass: duplicate keys, directives of dynaconf, texts of other encodings,
and numbers that YAML 1.1 reads in a base that nobody meant (``0200`` is 128, ``1:30`` is 90). Every refusal
names the place and the right spelling, and never a value.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import yaml

from proofing.base.errors import ConfigurationError, Problem

_OCTAL = "begins with 0, which YAML reads as an octal number; write it without the 0, or quote it as text"
_SEXAGESIMAL = (
    "has a colon, which YAML reads as a number to the base 60; quote it as text, or write one number"
)
_NO_VALUE = "is not a valid number or date; quote it to make it a string"


def parse_yaml(text: str | bytes, source: str, *, is_large: bool = False) -> dict[str, Any]:
    """Return the map that *text* holds.

    Args:
        text: bytes must be UTF-8, with or without a byte order mark.
        source: names the file in problems.
        is_large: whether to read it by libyaml, where that is there, in an eighth of the time. What libyaml
            refuses is read again by the reader that names the place.

    Raises:
        ConfigurationError: malformed, not a map, a duplicate key, an ambiguous number, or a directive.
    """
    try:
        value = _load(_decoded(text), is_large=is_large)
        directives = list(_directives(value, ()))
    except _RefusedError as error:
        raise ConfigurationError([Problem(source, error.place, error.rule)]) from None
    except RecursionError:
        rule = "is nested too deeply, or contains itself"
        raise ConfigurationError([Problem(source, "file", rule)]) from None
    except yaml.reader.ReaderError as error:
        # At a position of the text; its own message shows the text there.
        line = str(_decoded(text)).count("\n", 0, error.position) + 1
        rule = "contains a control character, which YAML does not allow"
        raise ConfigurationError([Problem(source, f"line {line}", rule)]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        has_tab = "'\\t'" in str(getattr(error, "problem", ""))
        rule = "has a tab; indent with spaces" if has_tab else "is not valid YAML"
        raise ConfigurationError([Problem(source, where, rule)]) from None
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError([Problem(source, "file", "must be a map with text keys")])
    if directives:
        raise ConfigurationError(
            [Problem(source, ".".join(path) or "file", directive_rule(word)) for path, word in directives]
        )
    return value


def _load(text: str, *, is_large: bool) -> Any:
    """Return what *text* holds. Raises `yaml.YAMLError` or `_RefusedError`."""
    # libyaml takes tabs between words, which YAML allows and people do not see.
    if is_large and "\t" not in text:
        with contextlib.suppress(_RefusedError, yaml.YAMLError):
            return yaml.load(text, Loader=_FastLoader)  # noqa: S506 - refuses what the other one does
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader that refuses more


def directive_of(text: str) -> str | None:
    """Return the directive of dynaconf that *text* begins with, such as ``@format``, or None."""
    word = text.lstrip().partition(" ")[0]
    if not word.startswith("@"):
        return None
    from dynaconf.utils.parse_conf import converters  # noqa: PLC0415 - few starts meet such a text

    return word if word in converters else None


def directive_rule(word: str) -> str:
    """Return the rule against the directive *word*."""
    return f"must not start with {word}; directives are not supported"


def _decoded(text: str | bytes) -> str:
    """Return *text* as text. Raises `_RefusedError`."""
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise _RefusedError(f"line {line}", "is not UTF-8 text; save the file as UTF-8") from None


def _directives(value: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield path and word of every text that starts with a directive."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _directives(child, (*above, str(key)))
    elif isinstance(value, list):
        for child in value:
            yield from _directives(child, above)
    elif isinstance(value, str) and (word := directive_of(value)):
        yield above, word


class _RefusedError(Exception):
    """Something that YAML allows and we do not."""

    def __init__(self, place: str, rule: str) -> None:
        self.place = place
        self.rule = rule
        super().__init__(place)


class _Strict(yaml.constructor.SafeConstructor):
    """Refuses duplicate keys and ambiguous numbers, and names their line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build one value; a date such as 2026-13-45 makes Python raise what is not an error of YAML."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError):
            raise _RefusedError(_line(node), _NO_VALUE) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build one map."""
        seen: set[str] = set()
        for key_node, _value in node.value:
            key = str(key_node.value)
            if key in seen and key != "<<":
                raise _RefusedError(key, f"is a duplicate key ({_line(key_node)})")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Build a number to the base 10, or one that says its base (0x, 0b)."""
        digits = str(self.construct_scalar(node)).lstrip("+-").replace("_", "")
        if ":" in digits:
            raise _RefusedError(_line(node), _SEXAGESIMAL)
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            raise _RefusedError(_line(node), _OCTAL)
        is_int = node.tag == "tag:yaml.org,2002:int"
        return self.construct_yaml_int(node) if is_int else self.construct_yaml_float(node)


class _StrictLoader(_Strict, yaml.SafeLoader):
    """Written in Python; its errors name places."""


#: On libyaml, which is not in every build of PyYAML.
_FastLoader: Any = type("_FastLoader", (_Strict, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})
_LOADERS: tuple[Any, ...] = (_StrictLoader, _FastLoader)
for _kind in ("int", "float"):
    for _loader in _LOADERS:
        _loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Strict.construct_number)


def _line(node: yaml.Node) -> str:
    """Return where *node* begins, for people."""
    return f"line {node.start_mark.line + 1}"
