"""The catalog of texts: one YAML file a language, looked up by dotted key, with plurals, dates and durations.

A text is a ``str.format`` template with named values; a counted text is a map of the plural forms of its
language, such as ``{one: …, other: …}``, with ``{count}`` in it. Values are never read as templates, and the
templates escape them for HTML. docs/adr/0054-languages.md
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from string import Formatter
from typing import Any

from proofing.base.errors import ConfigurationError, Problem
from proofing.base.strict_yaml import parse_yaml
from proofing.contracts.applicant import DocumentType
from proofing_server.plurals import categories, category

DEFAULT_LANGUAGE = "en"
FOLDER = Path(__file__).parent / "texts"
#: Around a value in a text that is read from right to left: FIRST STRONG ISOLATE, POP DIRECTIONAL ISOLATE.
_ISOLATED = "\u2068{}\u2069"
_SECONDS_PER_MINUTE = 60
_MINUTES_PER_HOUR = 60
#: The longest Accept-Language header that is read.
_MAX_HEADER_CHARACTERS = 200


class Texts:
    """The texts of one language."""

    def __init__(self, language: str, tree: Mapping[str, Any]) -> None:
        """Take the *tree* of the file ``<language>.yaml``."""
        self.language = language
        own = tree["language"]
        #: In its own words.
        self.name: str = own["name"]
        #: As in BCP 47, for browsers: which of its scripts ``zh`` is.
        self.tag: str = own["tag"]
        #: ``ltr`` or ``rtl``.
        self.direction: str = own["direction"]
        self._tree = tree
        # A page looks up some fifty texts.
        self._branches = {"": tree, **dict(_branches(tree, ""))}

    @cached_property
    def without_photos(self) -> "Texts":
        """The texts for people who show their document elsewhere than on our page."""
        return Texts(self.language, _replaced(self._tree, self._tree["without_photos"]))

    def __call__(self, key: str, **values: object) -> str:
        """Return the text under the dotted *key*.

        Raises:
            KeyError: there is none, or it is not a text; a test looks up every key in use.
        """
        text = self.branch(key)
        if not isinstance(text, str):
            raise KeyError(key)
        return text.format_map(self._isolated(values)) if values else text

    def count(self, key: str, count: int, **values: object) -> str:
        """Return the text under *key* in the plural form for *count*."""
        form = str(self.branch(key)[category(self.language, count)])
        return form.format_map(self._isolated({"count": count, **values}))

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
        return self(
            "date.format",
            year=year,
            month=self.branch("date.months")[month - 1],
            day=self("date.first_day") if day == 1 else day,
        )

    def documents(self, types: Collection[DocumentType]) -> str:
        """Return *types* in words: ``a driver’s license, a state ID card, or a US passport book``."""
        names = self.branch("documents.types")
        return self._listed("lists.or", [str(names[one.value]) for one in DocumentType if one in types])

    def all_of(self, names: Sequence[str]) -> str:
        """Return *names* as a list: ``Acme, Example, and Sample``."""
        return self._listed("lists.and", names)

    def states(self) -> list[tuple[str, str]]:
        """Return code and name of every state and territory, in the alphabetical order of the language.

        That is the order of the file: languages differ in it, and Chinese is ordered by its sounds.
        """
        return list(self.branch("states").items())

    def keys(self) -> Iterator[str]:
        """Yield the dotted key of every text, list and counted text."""
        yield from _leaves(self._tree, "")

    def _listed(self, form: str, names: Sequence[str]) -> str:
        """Return *names* with the words below *form* between the last two."""
        *first, last = names
        if not first:
            return last
        key = f"{form}.two" if len(first) == 1 else f"{form}.more"
        return self(key, first=str(self.branch("lists.separator")).join(first), last=last)

    def _isolated(self, values: Mapping[str, object]) -> Mapping[str, object]:
        """Keep the letters of *values* from being ordered together with those of the text around them."""
        if self.direction == "ltr":
            return values
        return {name: _ISOLATED.format(value) for name, value in values.items()}


@cache
def languages(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the languages that *folder* has a file for, the default one first."""
    return tuple(
        sorted((path.stem for path in folder.glob("*.yaml")), key=lambda one: (one != DEFAULT_LANGUAGE, one))
    )


@cache
def load_texts(language: str = DEFAULT_LANGUAGE, folder: Path = FOLDER) -> Texts:
    """Read the catalog of *language*; what it lacks, or has in another shape, is English.

    Raises:
        ConfigurationError: the file is not a map in YAML; the server loads every catalog when it starts.
    """
    path = folder / f"{language}.yaml"
    tree = parse_yaml(path.read_bytes(), path.name, is_large=True)
    if not tree:
        raise ConfigurationError([Problem(path.name, "file", "contains no texts")])
    if language == DEFAULT_LANGUAGE:
        return Texts(language, tree)
    return Texts(language, _over(load_texts(folder=folder).branch(""), tree, categories(language)))


def choose_language(wanted: str, available: Sequence[str]) -> str:
    """Return the language of *available* that is wanted most, by default the first.

    Args:
        wanted: languages with their weights, as in the header Accept-Language.
        available: at least one.
    """
    weighed = (part.split(";") for part in wanted[:_MAX_HEADER_CHARACTERS].split(","))
    ranked = sorted(((_weight(rest), tag) for tag, *rest in weighed), key=lambda item: -item[0])
    languages_wanted = [tag.strip().lower().split("-")[0] for weight, tag in ranked if weight > 0]
    return next((language for language in languages_wanted if language in available), available[0])


def _weight(parameters: Sequence[str]) -> float:
    """Return the weight among the *parameters* of a language: 1 where there is none, 0 for nonsense."""
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def fits(own: Any, english: Any, forms: Collection[str]) -> bool:
    """Return whether *own* can replace the *english* text, list or map: same shape, no new values.

    Args:
        own: of a language.
        english: what is under the same key in English.
        forms: the plural forms of the language, which its counted texts have.
    """
    if isinstance(english, list):
        same = isinstance(own, list) and len(own) == len(english)
        return same and all(fits(one, text, forms) for one, text in zip(own, english, strict=True))
    if isinstance(english, Mapping):
        is_counted = "other" in english
        same = isinstance(own, Mapping) and own.keys() == (set(forms) if is_counted else english.keys())
        return same and all(
            fits(text, english["other" if is_counted else name], forms) for name, text in own.items()
        )
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


def _over(english: Any, own: Any, forms: Collection[str]) -> Any:
    """Return the texts of a language, with English ones in place of those that are missing or do not fit.

    A map that is complete keeps its own order.
    """
    if not isinstance(english, Mapping):
        return own if fits(own, english, forms) else english
    if "other" in english:
        return (
            own
            if fits(own, english, forms)
            else {form: english.get(form, english["other"]) for form in forms}
        )
    known = own if isinstance(own, Mapping) else {}
    names = known if known.keys() == english.keys() else english
    return {name: _over(english[name], known.get(name), forms) for name in names}


def _replaced(texts: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return *texts* with *others* in place of those of the same keys."""
    return {
        name: _replaced(text, others[name])
        if isinstance(text, Mapping) and name in others
        else others.get(name, text)
        for name, text in texts.items()
    }


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
