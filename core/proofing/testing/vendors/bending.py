"""Good answers, bent: each place of a JSON or XML body with another value, another type, or without it."""

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
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
    def pattern(self) -> str:
        """The place with ``*`` for the numbers of items."""
        return ".".join("*" if isinstance(part, int) else str(part) for part in self.path)

    def is_called(self, name: str) -> bool:
        """Return whether the pattern is *name*, or ends with it, as `ProoferContract.open_places` has it."""
        return f".{self.pattern}".endswith(f".{name}")


class Body(ABC):
    """A body that can be bent, JSON or XML."""

    kind = ""

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

    def places(self) -> Sequence[Place]:
        """Return all places."""
        return self._places

    @cached_property
    def _places(self) -> list[Place]:
        return list(_json_places(self.document))

    def replaced(self, place: Place, value: Any) -> bytes | None:
        """Return the body with *value* at *place*."""
        return json.dumps(self.with_value(place.path, value)).encode()

    def with_value(self, path: Path, value: Any) -> Any:
        """Return the document with *value* at *path*."""
        return _json_replaced(self.document, path, value)

    def is_list(self, place: Place) -> bool:
        """Return whether there is a list at *place*."""
        found = self.document
        for part in place.path:
            found = found[part]
        return isinstance(found, list)

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
    if 1 < len(text) <= MAX_WORD and not (text.isdigit() and not text.startswith("0")):
        # What is in the word, such as by `word in "passed"`, is not the word.
        words.append(text[1:])
    if text.isdigit() and text.startswith("0") and 1 < len(text) <= MAX_WORD:
        # With a leading zero it is a code, and no score, to which numbers next to it would belong.
        words += [f"{text[:-1]}{digit}" for digit in "79" if digit != text[-1]]
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
#: Of these, the one that says "no data" or "nothing matches", as the vendor's documentation has it.
_AMBIGUOUS = "none"
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
#: Words by which vendors say yes, and nothing else, in lower case.
YES = (
    *("pass", "passed", "match", "matched", "exact_match", "full_match", "approved", "approve", "accept"),
    *("accepted", "verified", "valid", "genuine", "authentic", "green", "live", "clear"),
)
#: Words that say yes in a place where another example has a no.
_PERHAPS_YES = (*YES, "yes", "y", "true", "ok", "success", "successful", "good", "low", "normal", "t", "1")
#: Words that are the opposite of some yes where the same place has both.
_OPPOSITES = (
    *NO,
    *(
        "not_verified",
        "unverified",
        "invalid",
        "reject",
        "refused",
        "refuse",
        "decline",
        "deny",
        "red",
        "spoof",
    ),
    *("error", "err", "nok", "ko", "failure", "fault"),
    *("medium", "moderate", "elevated", "high", "severe", "critical"),
    *("not_live", "not_genuine", "fake", "no_matched", "not_matched", "nonmatch", "non_match", "suspect"),
)


def says_yes(value: object) -> bool:
    """Return whether *value* is a word that says yes whatever the place."""
    return isinstance(value, str) and _bare(value) in _BARE_YES


def may_say_yes(value: object) -> bool:
    """Return whether *value* is a word, or a truth value, that says yes where the place may hold a no."""
    return value is True or (isinstance(value, str) and _bare(value) in _BARE_PERHAPS)


def says_not_yet(value: object) -> bool:
    """Return whether *value* is a word by which vendors say that an answer is not there yet."""
    return isinstance(value, str) and _bare(value) in _BARE_NOT_YET


def says_done(value: object) -> bool:
    """Return whether *value* is a word by which vendors say that an answer is there."""
    return isinstance(value, str) and _bare(value) in _BARE_DONE


def says_document_type(value: object) -> bool:
    """Return whether *value* is a word for the type of a document."""
    return isinstance(value, str) and _bare(value) in _BARE_TYPES


def is_ambiguous(word: str, known: Collection[object]) -> bool:
    """Return whether *word* of `NO_DATA` has another meaning with a vendor of whom words are *known*."""
    return word.lower() == _AMBIGUOUS and word in known


def says_no(value: object) -> bool:
    """Return whether *value* is a word, or a truth value, that says no where the place may hold one."""
    return value is False or (isinstance(value, str) and _bare(value) in _BARE_NO)


def _bare(word: str) -> str:
    return "".join(filter(str.isalnum, word.lower()))


_BARE_YES, _BARE_PERHAPS = frozenset(map(_bare, YES)), frozenset(map(_bare, _PERHAPS_YES))
#: Words by which vendors name the type of a document.
_TYPES = (
    *("dl", "license", "driver_license", "drivers_license", "driving_license", "driving_licence"),
    *("id", "id_card", "state_id", "identity_card", "identification_card", "national_id"),
    *("passport", "passport_card", "passport_book"),
)
_BARE_TYPES = frozenset(map(_bare, _TYPES))
#: Words by which vendors say that an answer is not there yet, the most usual first.
NOT_YET = (
    *("pending", "processing", "in_progress", "submitted", "created", "queued", "running"),
    *("started", "open", "waiting", "received"),
)
#: Words by which they say that it is.
_DONE = ("done", "ready", "complete", "completed", "finished", "final", "closed", "decided", "succeeded")
_BARE_DONE = frozenset(map(_bare, _DONE))
_BARE_NOT_YET = frozenset(map(_bare, NOT_YET))
_BARE_NO = frozenset(map(_bare, _OPPOSITES))


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
