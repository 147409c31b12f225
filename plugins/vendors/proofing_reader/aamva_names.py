"""Names in AAMVA barcodes: one element in version 01, family and given names since 02, three since 04."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from proofing_reader.aamva_oddities import NameOrder, Oddity
from proofing_reader.aamva_values import has_value
from proofing_reader.card import Note, RefusalCode, Refused

_SUFFIXES = frozenset("JR SR II III IV".split())
#: Elements hold as many characters; New York's since 2020 fewer.
_FULL, _FULL_NEW_YORK = 40, 25
#: The name has been cut off, or the issuer does not know.
_TRUNCATED = frozenset("TU")
_MAX_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Names:
    """The parts of a name, as on the card. At least one of first and last is known."""

    first: str | None = None
    middle: str | None = None
    last: str | None = None
    suffix: str | None = None
    notes: frozenset[Note] = frozenset()
    maybe_truncated: frozenset[str] = frozenset()


#: Returns the text of an element without the spaces around it; empty when there is none.
TextOf = Callable[[str], str]


def read_names(text_of: TextOf, *, version: int, issuer: str, oddity: Oddity) -> Names:
    """Return the name of a card.

    Raises:
        Refused: there is none, or no rule divides it.
    """
    if version <= 1 or oddity.names_of_01:
        names = _of_01(text_of, oddity)
    elif version <= 3:  # noqa: PLR2004 - of 2005
        names = _of_02(text_of)
    else:
        names = _of_04(text_of, oddity)
    if not (names.first or names.last):
        raise Refused(RefusalCode.NAME, "the card has no name")
    full = _FULL_NEW_YORK if issuer == "NY" and version >= 10 else _FULL  # noqa: PLR2004 - of 2020
    truncated = {
        attribute
        for attribute, name, flag in (
            ("last_name", names.last, "DDE"),
            ("first_name", names.first, "DDF"),
            ("middle_name", names.middle, "DDG"),
        )
        if text_of(flag).upper() in _TRUNCATED or len(name or "") >= full
    }
    notes = names.notes | ({Note.NAME_TRUNCATED} if truncated else frozenset())
    return _suffix_taken_out(replace(names, maybe_truncated=frozenset(truncated), notes=notes))


def _of_04(text_of: TextOf, oddity: Oddity) -> Names:
    first, middle = _clean(text_of("DAC")), _clean(text_of("DAD"), none_means_none=True)
    notes = frozenset[Note]()
    if middle is None and "," in (given := text_of("DAC").strip(", ")):
        first, middle, notes = _given_names(given)
    if oddity.middle_in_first_name and middle is None and first:
        before, _, initial = first.rpartition(" ")
        if before and len(initial) == 1:
            first, middle, notes = before, initial, frozenset({Note.NAME_GUESSED})
        else:
            first, middle, notes = _given_names(first)
    return Names(
        first=first,
        middle=middle,
        last=_family_name(text_of("DCS")),
        suffix=_clean(text_of("DCU"), none_means_none=True),
        notes=notes,
    )


def _of_02(text_of: TextOf) -> Names:
    given = text_of("DCT").strip(", ")
    first, middle, notes = _given_names(given) if has_value(given) else (None, None, frozenset[Note]())
    return Names(
        first=first,
        middle=middle,
        last=_family_name(text_of("DCS")),
        suffix=_clean(text_of("DCU"), none_means_none=True),
        notes=notes,
    )


def _of_01(text_of: TextOf, oddity: Oddity) -> Names:
    parts = Names(
        first=_clean(text_of("DAC")),
        middle=_clean(text_of("DAD"), none_means_none=True),
        last=_clean(text_of("DAB")),
        suffix=_clean(text_of("DAE"), none_means_none=True),
    )
    whole = text_of("DAA")
    if parts.first or parts.last:
        if has_value(whole) and not _same_words(whole, parts):
            raise Refused(RefusalCode.NAME, "the name is on the card in two ways that differ")
        return parts
    return _whole_name(whole, oddity) if has_value(whole) else Names()


def _whole_name(text: str, oddity: Oddity) -> Names:
    if re.search("[,$@]", text):
        parts = [_clean(part) for part in re.split("[,$@]", text)]
        if oddity.name_order is NameOrder.FIRST_NAME_FIRST:
            return _first_name_first([word for part in parts if part for word in part.split()])
        if any(parts[_MAX_PARTS:]):
            raise Refused(RefusalCode.NAME, "the name has more parts than four")
        last, first, middle, suffix = (*parts, None, None, None)[:_MAX_PARTS]
        notes = frozenset[Note]()
        if first and middle is None and " " in first:
            # Two given names, or one of two words: commas divide names, and of few issuers spaces do, too.
            notes = frozenset({Note.NAME_GUESSED})
            if oddity.middle_in_first_name:
                first, middle, _ = _given_names(first)
        if oddity.name_order is not NameOrder.STANDARD:
            notes |= {Note.NAME_GUESSED}
        return Names(first=first, middle=middle, last=last, suffix=suffix, notes=notes)
    if oddity.name_order is not NameOrder.STANDARD:
        return _first_name_first(text.split())
    raise Refused(RefusalCode.NAME, "nothing divides the name into its parts")


def _first_name_first(words: list[str]) -> Names:
    suffix = words.pop() if len(words) > 2 and _is_suffix(words[-1]) else None  # noqa: PLR2004 - first and last
    first = words[0] if len(words) > 1 else None
    return Names(
        first=first,
        middle=" ".join(words[1:-1]) or None,
        last=words[-1] if words else None,
        suffix=suffix,
        notes=frozenset({Note.NAME_GUESSED}),
    )


def _given_names(text: str) -> tuple[str | None, str | None, frozenset[Note]]:
    """Return first and middle names. Divided at a space, the first name may be one of two words."""
    if "," in text:
        first, _, middle = text.partition(",")
        return _clean(first), _clean(middle), frozenset()
    first, _, middle = text.partition(" ")
    return first, _clean(middle), frozenset({Note.NAME_GUESSED}) if middle.strip() else frozenset()


def _family_name(text: str) -> str | None:
    """Return the family name, with a suffix that is in it.

    Raises:
        Refused: it has other names, too, divided by commas.
    """
    _, *others = [part.strip() for part in text.split(",") if part.strip()] or [""]
    if not all(_is_suffix(part) for part in others):
        raise Refused(RefusalCode.NAME, "the family name has other names in it")
    return _clean(text)


def _is_suffix(word: str) -> bool:
    return word.strip(".").upper() in _SUFFIXES


def _clean(text: str, *, none_means_none: bool = False) -> str | None:
    """Return a name with single spaces, also for commas between middle names; None when there is none."""
    name = " ".join(text.replace(",", " ").split())
    if not has_value(name) or (none_means_none and name.upper() == "NONE"):
        return None
    return name


def _suffix_taken_out(names: Names) -> Names:
    """Move a suffix out of the family name, which has at least one word more."""
    if names.suffix is None and names.last is not None:
        family, _, word = names.last.rpartition(" ")
        if family and _is_suffix(word):
            return replace(names, last=family, suffix=word, notes=names.notes | {Note.SUFFIX_IN_NAME})
    return names


def _same_words(whole: str, parts: Names) -> bool:
    words = set(re.split("[,$@ ]+", whole.upper())) - {""}
    both = " ".join(filter(None, (parts.first, parts.middle, parts.last, parts.suffix))).upper().split()
    return words == set(both)
