"""Good answers, bent: each place of a JSON or XML body with another value, another type, or without it."""

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
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
        names = [str(part).partition("[")[0] for part in self.path if isinstance(part, str)]
        return names[-1] if names else ""

    @property
    def pattern(self) -> str:
        """The place with ``*`` for the numbers of items, as `ProoferContract.open_places` names it."""
        return ".".join("*" if isinstance(part, int) else str(part) for part in self.path)


class Body(ABC):
    """A body that can be bent, JSON or XML."""

    kind = ""

    @abstractmethod
    def places(self) -> Sequence[Place]:
        """Return all places, what holds others included."""

    @abstractmethod
    def replaced(self, place: Place, value: Any) -> bytes | None:
        """Return the body with *value* at *place*; None where that cannot be written."""

    @abstractmethod
    def removed(self, place: Place) -> bytes | None:
        """Return the body without *place*."""

    @property
    def leaves(self) -> list[Place]:
        """The places that hold a value."""
        return [place for place in self.places() if place.is_leaf]


@dataclass
class JSONBody(Body):
    """A JSON body."""

    document: Any
    kind: str = "json"

    def places(self) -> Sequence[Place]:
        """Return all places."""
        return self._places

    @cached_property
    def _places(self) -> list[Place]:
        return list(_json_places(self.document))

    def replaced(self, place: Place, value: Any) -> bytes | None:
        """Return the body with *value* at *place*."""
        return json.dumps(_json_replaced(self.document, place.path, value)).encode()

    def removed(self, place: Place) -> bytes | None:
        """Return the body without *place*."""
        return json.dumps(_json_removed(self.document, place.path)).encode() if place.path else None


@dataclass
class XMLBody(Body):
    """An XML body. Only text and attributes hold values; values of other types are written as text."""

    root: Element
    kind: str = "xml"

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


def _written(root: Element) -> bytes:
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


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


def unheard_words(value: object) -> list[str]:
    """Return words that nobody has heard of, in the style of *value*, two of which contain it."""
    text = value if isinstance(value, str) else ""
    word = "qzunheard"
    if text.isupper():
        word = word.upper()
    elif text[:1].isupper():
        word = word.capitalize()
    words = [word]
    if text and len(text) <= MAX_WORD and not text.isdigit():
        words += [f"{text}{word}", f"{word}{text}"]
    return words


#: Longer texts are sentences, images or tokens, no words.
MAX_WORD = 40

#: Words by which vendors say that they are not sure, in lower case.
VAGUE = (
    "partial",
    "partial_match",
    "possible",
    "inconclusive",
    "indeterminate",
    "unknown",
    "pending",
    "review",
    "refer",
    "error",
    "unable_to_verify",
)
#: Words by which vendors say that they have no data, in lower case.
NO_DATA = ("no_data", "nodata", "unavailable", "not_available", "not_checked", "not_found", "unknown", "none")
#: Words by which vendors say no, in lower case.
NO = (
    "no",
    "false",
    "fail",
    "failed",
    "n",
    "0",
    "no_match",
    "nomatch",
    "mismatch",
    "declined",
    "rejected",
    "denied",
)


def styled(word: str, value: object) -> list[str]:
    """Return *word* as a vendor would spell it who spells *value*."""
    text = value if isinstance(value, str) else ""
    if text.isupper() and len(text) > 1:
        return list(dict.fromkeys((word.upper(), word.upper().replace("_", ""))))
    if text[:1].isupper():
        title = "".join(part.capitalize() for part in word.split("_"))
        return list(dict.fromkeys((title, word.capitalize().replace("_", " "), word.upper())))
    return list(dict.fromkeys((word, word.replace("_", "-"), word.replace("_", " "))))


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
