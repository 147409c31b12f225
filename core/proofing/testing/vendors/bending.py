"""Good answers, bent: each place of a JSON or XML body with another value, another type, or without it."""

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

import httpx

Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a body.

    Attributes:
        path: keys, numbers of items, and in XML tags with their number; the last one of an XML attribute
            begins with ``@``.
        value: what is there; None for what holds other places.
    """

    path: Path
    value: str | int | float | bool | None
    is_leaf: bool

    @property
    def name(self) -> str:
        """The place for people, such as ``checks.ssn``."""
        return ".".join(str(part) for part in self.path) or "the whole body"

    @property
    def key(self) -> str:
        """The last part that is a name."""
        return next((part.partition("[")[0] for part in reversed(self.path) if isinstance(part, str)), "")

    @property
    def is_attribute(self) -> bool:
        """Whether it is an attribute of an XML element."""
        return str(self.path[-1] if self.path else "").startswith("@")

    @property
    def pattern(self) -> str:
        """The place with ``*`` for the numbers of items."""
        return ".".join("*" if isinstance(part, int) else str(part) for part in self.path)

    def is_called(self, name: str) -> bool:
        """Return whether the pattern is *name*, or ends with it, as `ProoferContract.open_places` has it."""
        return f".{self.pattern}".endswith(f".{name}")


class Body(ABC):
    """A body that can be bent, JSON or XML."""

    kind = ""

    @property
    @abstractmethod
    def whole(self) -> Any:
        """The document, or the outermost element."""

    @abstractmethod
    def places(self) -> Sequence[Place]:
        """Return all places, what holds others included."""

    @abstractmethod
    def replaced(self, place: Place, value: Any) -> bytes | None:
        """Return the body with *value* at *place*; None where that cannot be written."""

    def is_list(self, place: Place) -> bool:  # noqa: ARG002 - for JSON
        """Return whether there is a list at *place*."""
        return False

    @abstractmethod
    def removed(self, place: Place) -> bytes | None:
        """Return the body without *place*."""

    @abstractmethod
    def lists(self) -> Mapping[Path, Sequence[Any]]:
        """Return the items of what may be lists, by their places; in XML the elements of one tag."""

    @abstractmethod
    def length_of(self, path: Path) -> int | None:
        """Return how long the list at *path* is; None where there is none."""

    @abstractmethod
    def with_items(self, path: Path, items: Sequence[Any]) -> bytes:
        """Return the body with other items in the list at *path*, which has some."""

    @abstractmethod
    def parts_of(self, other: Any) -> Iterator[tuple[Path, Any]]:
        """Yield place and value of what *other*, of the same kind, has, and this lacks, or has null there."""

    @abstractmethod
    def with_part(self, path: Path, value: Any) -> bytes:
        """Return the body with a part of another one at *path*, where it has none."""

    @cached_property
    def leaves(self) -> Sequence[Place]:
        """The places that hold a value."""
        return [place for place in self.places() if place.is_leaf]

    @cached_property
    def by_path(self) -> Mapping[Path, Place]:
        """The places by their paths."""
        return {place.path: place for place in self.places()}


@dataclass
class JSONBody(Body):
    """A JSON body."""

    document: Any
    kind: str = "json"

    @property
    def whole(self) -> Any:
        """The document."""
        return self.document

    def places(self) -> Sequence[Place]:
        """Return all places."""
        return self._places

    @cached_property
    def _places(self) -> list[Place]:
        return list(_json_places(self.document))

    def replaced(self, place: Place, value: Any) -> bytes | None:
        """Return the body with *value* at *place*."""
        return json.dumps(_json_replaced(self.document, place.path, value)).encode()

    def is_list(self, place: Place) -> bool:
        """Return whether there is a list at *place*."""
        return isinstance(self._at(place), list)

    def removed(self, place: Place) -> bytes | None:
        """Return the body without *place*."""
        return json.dumps(_json_removed(self.document, place.path)).encode() if place.path else None

    def lists(self) -> Mapping[Path, Sequence[Any]]:
        """Return the lists."""
        return self._lists

    @cached_property
    def _lists(self) -> dict[Path, list[Any]]:
        return {place.path: found for place in self.places() if isinstance(found := self._at(place), list)}

    def length_of(self, path: Path) -> int | None:
        """Return how long a list is."""
        return len(self._lists[path]) if path in self._lists else None

    def with_items(self, path: Path, items: Sequence[Any]) -> bytes:
        """Return the body with other items."""
        return json.dumps(_json_replaced(self.document, path, list(items))).encode()

    def parts_of(self, other: "JSONBody") -> Iterator[tuple[Path, Any]]:
        """Yield what *other* has more."""
        return _json_parts(self.document, other.document)

    def with_part(self, path: Path, value: Any) -> bytes:
        """Return the body with a part of another one."""
        changed = found = copy.deepcopy(self.document)
        for part in path[:-1]:
            found = found[part]
        if isinstance(found, list):
            found.append(value)
        else:
            found[path[-1]] = value
        return json.dumps(changed).encode()

    def _at(self, place: Place) -> Any:
        found = self.document
        for part in place.path:
            found = found[part]
        return found


@dataclass
class XMLBody(Body):
    """An XML body. Only text and attributes hold values; values of other types are written as text."""

    root: Element
    kind: str = "xml"

    @property
    def whole(self) -> Element:
        """The outermost element."""
        return self.root

    def places(self) -> Sequence[Place]:
        """Return all places."""
        return self._places

    @cached_property
    def _places(self) -> list[Place]:
        return list(_xml_places(self.root, ()))

    def replaced(self, place: Place, value: Any) -> bytes | None:
        """Return the body with *value* as the text or attribute at *place*."""
        if isinstance(value, (list, dict)):
            return None
        text = "" if value is None else str(value)
        root = copy.deepcopy(self.root)
        element, attribute = _xml_find(root, place.path)
        if attribute:
            element.set(attribute, text)
        else:
            element.text = text
        return _written(root)

    def removed(self, place: Place) -> bytes | None:
        """Return the body without the element or attribute at *place*."""
        if not place.path:
            return None
        root = copy.deepcopy(self.root)
        element, attribute = _xml_find(root, place.path)
        if attribute:
            del element.attrib[attribute]
        else:
            parent, _none = _xml_find(root, place.path[:-1])
            parent.remove(element)
        return _written(root)

    def lists(self) -> Mapping[Path, Sequence[Element]]:
        """Return the elements of each tag in each element."""
        return self._lists

    @cached_property
    def _lists(self) -> dict[Path, list[Element]]:
        found: dict[Path, list[Element]] = {}
        for place in self.places():
            if not place.is_attribute:
                for child in _xml_find(self.root, place.path)[0]:
                    found.setdefault((*place.path, _local(child.tag)), []).append(child)
        return found

    def length_of(self, path: Path) -> int | None:
        """Return how many elements of a tag there are; there may be none where the outer one is."""
        return len(self._lists.get(path, ())) if path[:-1] in self.by_path else None

    def with_items(self, path: Path, items: Sequence[Element]) -> bytes:
        """Return the body with other elements of a tag, from where the first was."""
        root = copy.deepcopy(self.root)
        parent, _none = _xml_find(root, path[:-1])
        mine = [child for child in parent if _local(child.tag) == path[-1]]
        at = list(parent).index(mine[0])
        for child in mine:
            parent.remove(child)
        for number, item in enumerate(items):
            parent.insert(at + number, copy.deepcopy(item))
        return _written(root)

    def parts_of(self, other: "XMLBody") -> Iterator[tuple[Path, Element | str]]:
        """Yield elements whose tag has no like in the same element here, and attributes."""
        return _xml_parts(self.root, other.root)

    def with_part(self, path: Path, value: Element | str) -> bytes:
        """Return the body with an element, or an attribute, of another one."""
        root = copy.deepcopy(self.root)
        parent, _none = _xml_find(root, path[:-1])
        if isinstance(value, str):
            parent.set(path[-1][1:], value)
        else:
            parent.append(copy.deepcopy(value))
        return _written(root)


def _written(root: Element) -> bytes:
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def text_of(part: object) -> str:
    """Return a part of a body as text."""
    return tostring(part, encoding="unicode").strip() if isinstance(part, Element) else json.dumps(part)


def body_of(response: httpx.Response) -> Body | None:
    """Return the body of *response* if it can be bent."""
    content = response.content
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        pass
    else:
        return JSONBody(document) if isinstance(document, (dict, list)) else None
    try:
        return XMLBody(fromstring(content))  # noqa: S314 - the author's own example
    except (ParseError, ValueError):
        return None


def with_content(response: httpx.Response, content: bytes) -> httpx.Response:
    """Return *response* with another body, and the same type."""
    kept = {
        name: value
        for name, value in response.headers.items()
        if name not in {"content-length", "content-encoding", "transfer-encoding"}
    }
    return httpx.Response(response.status_code, headers=kept, content=content)


def _json_places(value: Any, path: Path = ()) -> Iterator[Place]:
    if isinstance(value, dict):
        yield Place(path, None, is_leaf=False)
        for key, child in value.items():
            yield from _json_places(child, (*path, key))
    elif isinstance(value, list):
        yield Place(path, None, is_leaf=False)
        for index, child in enumerate(value):
            yield from _json_places(child, (*path, index))
    else:
        yield Place(path, value, is_leaf=True)


def _json_replaced(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = _json_replaced(value[path[0]], path[1:], new)
    return changed


def _json_removed(value: Any, path: Path) -> Any:
    changed = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = _json_removed(value[path[0]], path[1:])
    return changed


def _json_parts(mine: Any, theirs: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key, value in theirs.items():
            if mine.get(key) is None:
                if value is not None:
                    yield (*path, key), value
            else:
                yield from _json_parts(mine[key], value, (*path, key))
    elif isinstance(mine, list) and isinstance(theirs, list):
        for item in theirs:
            if item not in mine and not (mine and isinstance(item, dict)):
                yield (*path, len(mine)), item


def _xml_parts(mine: Element, theirs: Element, path: Path = ()) -> Iterator[tuple[Path, Element | str]]:
    for name, value in theirs.attrib.items():
        if name not in mine.attrib:
            yield (*path, f"@{name}"), value
    own: dict[str, Element] = {}
    for child in mine:
        own.setdefault(_local(child.tag), child)
    for child in theirs:
        tag = _local(child.tag)
        if tag in own:
            yield from _xml_parts(own[tag], child, (*path, tag))
        else:
            yield (*path, tag), child


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _xml_places(element: Element, path: Path) -> Iterator[Place]:
    has_children = len(element) > 0
    yield Place(path, None if has_children else (element.text or ""), is_leaf=not has_children)
    for name, value in element.attrib.items():
        yield Place((*path, f"@{name}"), value, is_leaf=True)
    seen: dict[str, int] = {}
    for child in element:
        tag = _local(child.tag)
        number = seen.get(tag, 0)
        seen[tag] = number + 1
        yield from _xml_places(child, (*path, f"{tag}[{number}]" if number else tag))


def _xml_find(root: Element, path: Path) -> tuple[Element, str]:
    element = root
    for part in path:
        if part.startswith("@"):
            return element, part[1:]
        tag, _bracket, rest = part.partition("[")
        number = int(rest[:-1]) if rest else 0
        element = [child for child in element if _local(child.tag) == tag][number]
    return element, ""
