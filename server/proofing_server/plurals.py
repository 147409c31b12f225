"""Plural forms: which form of a counted text goes with a number, by the rules of the Unicode CLDR.

For whole numbers from 0 to 999,999; pages count attempts, minutes and photos. A test compares the rules with
those of CLDR as Babel has them. docs/adr/0054-languages.md
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Final, NamedTuple


class _Rule(NamedTuple):
    categories: AbstractSet[str]
    category: Callable[[int], str]


_ONE_ALONE = _Rule({"one", "other"}, lambda count: "one" if count == 1 else "other")
_ONE_AND_ZERO = _Rule({"one", "other"}, lambda count: "one" if count in (0, 1) else "other")
_NO_PLURAL = _Rule({"other"}, lambda _count: "other")

#: By language; what is not here counts as English does.
_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {"en": _ONE_ALONE, "es": _ONE_ALONE, "fr": _ONE_AND_ZERO, "zh": _NO_PLURAL}
)


def categories(language: str) -> AbstractSet[str]:
    """Return the plural forms of *language*, by their names in CLDR: ``one``, ``other``."""
    return _rule(language).categories


def category(language: str, count: int) -> str:
    """Return the plural form for *count* in *language*."""
    return _rule(language).category(count)


def _rule(language: str) -> _Rule:
    return _RULES.get(language, _ONE_ALONE)
