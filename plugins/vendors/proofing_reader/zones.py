"""Machine-readable zones in recognized text: which lines are one, and whether what it says is proved.

Check digits prove number and dates. Nothing in a zone proves a name, so a name counts only where the print of
the same page says it, on lines of its own. Recognition miscounts fillers: lines are brought to their length
where that changes no other character, and check digits decide whether it was right. A digit in the code of
issuer or nationality, which are letters alone, is repaired where the two then agree; one in a name, where the
print then says it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations

from proofing_reader.card import Card, Note, RefusalCode, Refused
from proofing_reader.compare import MIN_CONFIDENCE, RecognizedText
from proofing_reader.mrz import read_mrz
from proofing_reader.print_text import spellings

#: What is read for fillers.
_FILLERS = str.maketrans({"\u00ab": "<<", "\u2039": "<", "\u3008": "<", "\uff1c": "<", "\u226a": "<<"})
#: Greek and Cyrillic capitals that look like the Latin ones that a zone has.
_LATIN = str.maketrans(
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425",
    "ABEZHIKMNOPTYXABEKMHOPCTX",
)
_LINE = re.compile(r"[A-Z0-9<]{24,52}", re.ASCII)
_PASSPORT, _CARD = 44, 30
#: Where the codes of issuer and nationality are: line, first character, the one behind the last.
_CODES = {2: ((0, 2, 5), (1, 10, 13)), 3: ((0, 2, 5), (1, 15, 18))}
#: Where names begin: line, first character.
_NAMES = {2: (0, 5), 3: (2, 0)}
#: What digits in them, and in names, are read for.
_LETTERS = str.maketrans("01258", "OIZSB")
#: More fillers than are missing or too many.
_MOST_MISCOUNTED = 8
#: More lines that look like those of a zone than a photo of one document has.
_MOST_LINES = 6


def find_zone(lines: Sequence[RecognizedText], *, today: date) -> Card:
    """Return what the zone among the *lines* of a page says.

    Args:
        lines: of one photo, in any order.
        today: by the calendar of the person.

    Raises:
        Refused: there is none, it does not agree with its check digits, there are two, or the print does not
            say the name.
    """
    texts = ["".join(line.text.upper().split()).translate(_FILLERS).translate(_LATIN) for line in lines]
    candidates = list(dict.fromkeys(text for text in texts if _LINE.fullmatch(text)))[:_MOST_LINES]
    cards: dict[tuple[str, ...], Card] = {}
    refusals = []
    for zone in _zones(candidates):
        try:
            repaired = _repaired(zone)
            card = read_mrz("\n".join(repaired), today=today)
        except Refused as refused:
            refusals.append(refused)
        else:
            if repaired != zone:
                card = replace(card, notes=card.notes | {Note.REPAIRED})
            cards[card.lines] = card
    if len(cards) > 1:
        raise Refused(RefusalCode.ZONE, "there is more than one zone")
    if not cards:
        wrong = (one for one in refusals if one.code is not RefusalCode.ZONE)
        raise next(wrong, Refused(RefusalCode.ZONE, "no lines are those of a zone"))
    card = next(iter(cards.values()))
    if not _is_name_printed(card, lines):
        raise Refused(RefusalCode.NAME, "the print does not say the name of the zone")
    return card


def _zones(candidates: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield what may be the lines of a zone, each with its length."""
    for one, other in permutations(candidates, 2):
        book = (_with_trailing(one, _PASSPORT), _fitted(other, _PASSPORT))
        if one.startswith("P") and all(book):
            yield book
    for one, other, names in permutations(candidates, 3):
        card = (_fitted(one, _CARD), _fitted(other, _CARD), _with_trailing(names, _CARD))
        if one[0] in "IAC" and other[0].isdigit() and all(card):
            yield card


def _repaired(zone: tuple[str, ...]) -> tuple[str, ...]:
    """Return *zone* with letters for digits in names, and in its codes where both then are the same."""
    lines = list(zone)
    codes = {zone[line][start:end].translate(_LETTERS) for line, start, end in _CODES[len(zone)]}
    if len(codes) == 1:
        (code,) = codes
        for line, start, end in _CODES[len(zone)]:
            lines[line] = lines[line][:start] + code + lines[line][end:]
    line, start = _NAMES[len(zone)]
    lines[line] = lines[line][:start] + lines[line][start:].translate(_LETTERS)
    return tuple(lines)


def _with_trailing(line: str, length: int) -> str:
    """Return a line of names with as many fillers at its end as make it *length* long; empty: it cannot."""
    names = line.rstrip("<")
    if len(line) == length:
        return line
    is_near = abs(len(line) - length) <= _MOST_MISCOUNTED and names != line
    return f"{names:<<{length}}" if is_near and len(names) <= length else ""


def _fitted(line: str, length: int) -> str:
    """Return *line* with its longest run of fillers as long as makes it *length* long; empty: it cannot."""
    missing = length - len(line)
    if not missing:
        return line
    run = max(re.findall("<<+", line), key=len, default="")
    if abs(missing) > _MOST_MISCOUNTED or line.count(run or "<") != 1 or len(run) + missing < 1:
        return ""
    return line.replace(run, "<" * (len(run) + missing))


def _is_name_printed(card: Card, lines: Sequence[RecognizedText]) -> bool:
    """Return whether family and given names are each a line of the print; where words end does not count.

    Were it enough that the words are printed anywhere, a filler that is not recognized could make given names
    of a family name.
    """
    printed = {
        spelling.replace(" ", "")
        for line in lines
        if line.confidence >= MIN_CONFIDENCE and "<" not in line.text.translate(_FILLERS)
        for spelling in spellings(line.text)
    }
    read = card.applicant
    family, given = (
        "".join(filter(None, names)).replace(" ", "")
        for names in ((read.last_name,), (read.first_name, read.middle_name))
    )
    if not card.maybe_truncated:
        return printed.issuperset({family, given} - {""})
    return all(any(line.startswith(name) for line in printed) for name in (family, given))
