"""The catalogue of texts: one YAML file a language, looked up by dotted key, with plurals and durations.

A text is a ``str.format`` template with named values; a counted text is a map ``{one: …, other: …}`` with
``{count}`` in it. Values are never read as templates, and the templates escape them for HTML.
"""

import math
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DEFAULT_LANGUAGE = "en"
_FOLDER = Path(__file__).parent / "texts"
_SECONDS_PER_MINUTE = 60
_MINUTES_PER_HOUR = 60
#: The longest Accept-Language header that is looked at.
_MAX_HEADER_CHARACTERS = 200


class Texts:
    """The texts of one language."""

    def __init__(self, language: str, tree: Mapping[str, Any]) -> None:
        """Take the *tree* of the file ``<language>.yaml``."""
        self.language = language
        self._tree = tree

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
        """Tell whether something stands under *key*."""
        try:
            self.branch(key)
        except KeyError:
            return False
        return True

    def branch(self, key: str) -> Any:
        """Return whatever stands under the dotted *key*: a text, a list, or a map of texts."""
        node: Any = self._tree
        for part in key.split("."):
            if not isinstance(node, Mapping) or part not in node:
                raise KeyError(key)
            node = node[part]
        return node

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
    """Read the catalogue of *language*."""
    tree = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return Texts(language, tree)


def choose_language(accept_language: str) -> str:
    """Return the language the browser asked for first, of those we have."""
    for part in accept_language[:_MAX_HEADER_CHARACTERS].split(","):
        language = part.split(";")[0].strip().lower().split("-")[0]
        if language in languages():
            return language
    return DEFAULT_LANGUAGE


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield the keys below *node*; a map with ``other`` is one counted text."""
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and "other" not in value:
            yield from _leaves(value, f"{key}.")
        else:
            yield key
