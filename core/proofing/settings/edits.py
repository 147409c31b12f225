"""One value of a settings file is replaced in its text: comments, order and spelling of the rest stay."""

import json
from collections.abc import Sequence
from typing import Any

import yaml
from yaml import CollectionNode, MappingNode, Node, ScalarNode

from proofing.base.errors import ConfigurationError
from proofing.base.strict_yaml import parse_yaml


class NotEditableError(Exception):
    """The text is written in a way in which one value cannot be replaced safely."""


def set_value(text: str, path: Sequence[str], value: Any) -> str:
    """Return *text* with *value* at *path*, and nothing else changed.

    Args:
        text: a settings file that can be read.
        path: block, key, and for maps the keys below it; what is missing is added.
        value: of JSON's types.

    Raises:
        NotEditableError: the result would not be exactly that; edit the file by hand.
    """
    wanted = parse_yaml(text, "settings")
    target = wanted
    for part in path[:-1]:
        if not isinstance(target.get(part), dict):
            target[part] = {}
        target = target[part]
    target[path[-1]] = value
    edited = _replaced(text, path, value)
    # Anchors, block scalars and whatever else YAML has: what comes out decides.
    try:
        found = parse_yaml(edited, "settings")
    except ConfigurationError:
        raise NotEditableError from None
    if found != wanted:
        raise NotEditableError
    return edited


def _replaced(text: str, path: Sequence[str], value: Any) -> str:
    """Return *text* with the value's node replaced, or with a new one."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for depth, part in enumerate(path, start=1):
        if not isinstance(node, MappingNode):
            raise NotEditableError
        child, rest = _child(node, part), _nested(path[depth:], value)
        if child is None:
            return _added(text, node, part, rest)
        if depth == len(path) or not _has_entries(child):
            return _put(text, child, rest)
        node = child
    raise NotEditableError


def _child(node: MappingNode, key: str) -> Node | None:
    """Return the value of *key*."""
    found = [value for name, value in node.value if isinstance(name, ScalarNode) and name.value == key]
    return found[0] if found else None


def _has_entries(node: Node) -> bool:
    return isinstance(node, MappingNode) and bool(node.value)


def _nested(path: Sequence[str], value: Any) -> Any:
    """Return *value* below maps for *path*."""
    for part in reversed(path):
        value = {part: value}
    return value


def _put(text: str, node: Node, value: Any) -> str:
    """Return *text* with *node* replaced."""
    start, end = node.start_mark.index, _end(node)
    gap = " " if start == end and not text[:start].endswith(" ") else ""
    return f"{text[:start]}{gap}{_flow(value)}{text[end:]}"


def _added(text: str, node: MappingNode, key: str, value: Any) -> str:
    """Return *text* with a new first entry in *node*."""
    entry = f"{_flow(key) if not key.isidentifier() else key}: {_flow(value)}"
    if node.flow_style:
        start = node.start_mark.index + 1
        return f"{text[:start]}{entry}{', ' if node.value else ''}{text[start:]}"
    if not node.value:
        raise NotEditableError
    first = node.value[0][0].start_mark
    return f"{text[: first.index]}{entry}\n{' ' * first.column}{text[first.index :]}"


def _end(node: Node) -> int:
    """Return where *node* ends; what comes after a block belongs to its mark, comments too."""
    if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _flow(value: Any) -> str:
    """Return *value* as YAML on one line, which JSON is."""
    return json.dumps(value, ensure_ascii=False)
