"""The catalog of texts: one YAML file a language, looked up by dotted key, with plurals and durations.

A text is a ``str.format`` template with named values; a counted text is a map ``{one: …, other: …}`` with
``{count}`` in it. Values are never read as templates, and the templates escape them for HTML.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from proofing.base.errors import ConfigurationError, Problem
from proofing.base.strict_yaml import parse_yaml
from proofing.contracts.applicant import DocumentType

DEFAULT_LANGUAGE = "en"
_FOLDER = Path(__file__).parent / "texts"
_SECONDS_PER_MINUTE = 60
_MINUTES_PER_HOUR = 60
#: The longest Accept-Language header that is read.
_MAX_HEADER_CHARACTERS = 200


class Texts:
    """The texts of one language."""

    def __init__(self, language: str, tree: Mapping[str, Any]) -> None:
        """Take the *tree* of the file ``<language>.yaml``."""
        self.language = language
        self._tree = tree
        # A page looks up some fifty texts.
        self._branches = {"": tree, **dict(_branches(tree, ""))}

    def __call__(self, key: str, **values: object) -> str:
        """Return the text under the dotted *key*.

        Raises:
            KeyError: there is none, or it is not a text; a test looks up every key in use.
        """
        text = self.branch(key)
        if not isinstance(text, str):
            raise KeyError(key)
        return text.format_map(values) if values else text

    def count(self, key: str, count: int, **values: object) -> str:
        """Return the text under *key* in the plural form for *count*."""
        forms = self.branch(key)
        form = forms["one"] if count == 1 else forms["other"]
        return str(form).format_map({"count": count, **values})

    def has(self, key: str) -> bool:
        """Return whether *key* exists."""
        return key in self._branches

    def branch(self, key: str) -> Any:
        """Return what is under the dotted *key*: a text, a list, or a map of texts; all for an empty key."""
        return self._branches[key]

    def duration(self, seconds: float) -> str:
        """Return *seconds* in words, rounded up to whole minutes: ``5 hours and 12 minutes``."""
        minutes = max(1, math.ceil(seconds / _SECONDS_PER_MINUTE))
        hours, minutes = divmod(minutes, _MINUTES_PER_HOUR)
        if not hours:
            return self.count("duration.minutes", minutes)
        if not minutes:
            return self.count("duration.hours", hours)
        return self(
            "duration.both",
            hours=self.count("duration.hours", hours),
            minutes=self.count("duration.minutes", minutes),
        )

    def date(self, iso: str) -> str:
        """Return an ISO date in words: ``October 6, 1938``."""
        year, month, day = (int(part) for part in iso.split("-"))
        return self("date.format", year=year, month=self.branch("date.months")[month - 1], day=day)

    def documents(self, types: Collection[DocumentType]) -> str:
        """Return *types* in words: ``a driver’s license, a state ID card, or a US passport book``."""
        names = self.branch("documents.types")
        *first, last = [str(names[one.value]) for one in DocumentType if one in types]
        if not first:
            return last
        form = "documents.two" if len(first) == 1 else "documents.more"
        return self(form, first=", ".join(first), last=last)

    def states(self) -> list[tuple[str, str]]:
        """Return code and name of every state and territory, by name."""
        return sorted(self.branch("states").items(), key=lambda item: str(item[1]))

    def keys(self) -> Iterator[str]:
        """Yield the dotted key of every text, list and counted text."""
        yield from _leaves(self._tree, "")


@cache
def languages() -> frozenset[str]:
    """Return the languages that there is a file for."""
    return frozenset(path.stem for path in _FOLDER.glob("*.yaml"))


@cache
def load_texts(language: str = DEFAULT_LANGUAGE) -> Texts:
    """Read the catalog of *language*; what it lacks, or has in another shape, is English.

    Raises:
        ConfigurationError: the file is not a map in YAML; the server loads every catalog when it starts.
    """
    path = _FOLDER / f"{language}.yaml"
    tree = parse_yaml(path.read_bytes(), path.name)
    if not tree:
        raise ConfigurationError([Problem(path.name, "file", "contains no texts")])
    return Texts(language, tree if language == DEFAULT_LANGUAGE else _over(load_texts().branch(""), tree))


def choose_language(accept_language: str) -> str:
    """Return the language the browser requested first, of those we have."""
    for part in accept_language[:_MAX_HEADER_CHARACTERS].split(","):
        language = part.split(";")[0].strip().lower().split("-")[0]
        if language in languages():
            return language
    return DEFAULT_LANGUAGE


def fits(own: Any, english: Any) -> bool:
    """Return whether *own* can replace the *english* text, list or map: same shape, no new values."""
    if isinstance(english, list):
        same = isinstance(own, list) and len(own) == len(english)
        return same and all(map(fits, own, english))
    if isinstance(english, Mapping):
        same = isinstance(own, Mapping) and own.keys() == english.keys()
        return same and all(fits(own[name], text) for name, text in english.items())
    if not isinstance(own, type(english)):
        return False
    wanted = _fields_of(own)
    return wanted is not None and wanted <= (_fields_of(english) or set())


def _fields_of(text: object) -> set[str] | None:
    """Return the names of the values that a text wants; None when it is not a template."""
    try:
        return {name for _, name, _, _ in Formatter().parse(str(text)) if name is not None}
    except ValueError:
        return None


def _over(english: Any, own: Any) -> Any:
    """Return the texts of a language, with English ones in place of those that are missing or do not fit."""
    if isinstance(english, Mapping):
        known = own if isinstance(own, Mapping) else {}
        return {name: _over(text, known.get(name)) for name, text in english.items()}
    return own if fits(own, english) else english


def _branches(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted key of everything below *node*, with what is under it."""
    for name, value in node.items():
        key = f"{prefix}{name}"
        yield key, value
        if isinstance(value, Mapping):
            yield from _branches(value, f"{key}.")


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield the keys below *node*; a map with ``other`` is one counted text."""
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and "other" not in value:
            yield from _leaves(value, f"{key}.")
        else:
            yield key
