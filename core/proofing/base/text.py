"""One normal form for text that people paste or type and that vendors read from documents.

Forms and documents go through `normalize`; SSN, phone and ZIP code then go through `digits_of`. Which
characters are dropped, mapped and refused, and why: docs/adr/0015-one-normal-form-for-text.md.
"""

import re
import unicodedata

#: Turns the direction of what follows, so that a person reads another text than the one we compare.
RIGHT_TO_LEFT_OVERRIDE = "\u202e"
LEFT_TO_RIGHT_OVERRIDE = "\u202d"
OVERRIDES = frozenset((LEFT_TO_RIGHT_OVERRIDE, RIGHT_TO_LEFT_OVERRIDE))

#: Code points that take no room and are not of category Cf: the rest of Default_Ignorable_Code_Point
#: (Unicode 15, DerivedCoreProperties.txt). Hangul fillers and variation selectors are the ones that occur.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
#: White space, and what is printed like it: the braille pattern without dots.
_SPACES = re.compile(r"[\s\u2800]+")
#: Dashes and hyphens that Unicode does not put into category Pd, and lines that are drawn in their place.
_MORE_DASHES = frozenset(
    "\u00af\u02c9\u02d7\u2043\u207b\u208b\u2212\u23af\u2500\u2501\u2504\u2505\u2508\u2509\u254c\u254d\u2574"
    "\u2576\u2578\u257a\u2796"
)
#: ASCII in the width of East Asian characters, and its distance from ASCII.
_FULL_WIDTH, _FULL_WIDTH_SHIFT = range(0xFF01, 0xFF5F), 0xFEE0
#: Categories that no text has: control characters, halves of surrogate pairs, private use.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Co"})
#: Code points that Unicode will never assign to a character.
_NONCHARACTERS = frozenset(range(0xFDD0, 0xFDF0)) | {
    plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)
}

#: What people and phones write between digits, after `normalize`.
_SEPARATORS = frozenset(" -./()[]_+~")
#: Punctuation of the sentence, or the quotation marks, that a number was copied with.
_AROUND_NUMBERS = " ,;:'\"<>\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u00ab\u00bb"
#: Printed between digits as dots and dashes. They are letters or symbols elsewhere, so only digits take them.
_DIGIT_SEPARATORS = str.maketrans(
    {
        **dict.fromkeys("\u00b7\u2022\u2024\u2027\u2219\u22c5\u3002\u30fb\uff65", "."),
        **dict.fromkeys("\u30fc\uff70", "-"),
    }
)


class UnsafeTextError(ValueError):
    """The text holds characters that no text has, or that show another text than the one it is.

    The message does not hold the text.
    """

    def __init__(self) -> None:
        """Say what is wrong, without the text."""
        super().__init__("the text holds characters that are not allowed")


def normalize(text: str, *, refused: frozenset[str] = OVERRIDES) -> str:
    """Return *text* in its normal form: what a person sees, in one spelling. May be empty.

    NFC; format and other invisible characters dropped; every dash a hyphen-minus; every run of white space,
    line breaks and tabs included, one space, none at the ends; decimal digits of all scripts and full-width
    characters in ASCII. The normal form of a normal form is itself.

    Args:
        text: as pasted, typed or read.
        refused: format characters that are refused and not dropped.

    Raises:
        UnsafeTextError: it holds one of *refused*, a control character other than white space, half of a
            surrogate pair, or a character of private use.
    """
    if not refused.isdisjoint(text):
        raise UnsafeTextError
    text = _SPACES.sub(" ", text)
    kept = _INVISIBLE.sub("", "".join(map(_plain, text)))
    # Dropped characters can have kept spaces, or a letter and its accent, apart.
    return _SPACES.sub(" ", unicodedata.normalize("NFC", kept)).strip()


def is_visible(text: str) -> bool:
    """Return whether the normal form *text* shows anything: more than spaces and marks without a letter."""
    return any(unicodedata.category(character)[0] not in "MZ" for character in text)


def normalize_number(text: str) -> str:
    """Return the normal form of text in which only digits matter: an SSN, a phone number, a ZIP code.

    As `normalize`, but a left-to-right override, which contacts apps put around phone numbers, is dropped: it
    does not change how digits look. A right-to-left override does, and is refused.

    Raises:
        UnsafeTextError: as for `normalize`.
    """
    return normalize(text.translate(_DIGIT_SEPARATORS), refused=frozenset((RIGHT_TO_LEFT_OVERRIDE,)))


def digits_of(text: str) -> str | None:
    """Return the digits of an SSN, a phone number or a ZIP code, whatever separates them.

    Returns:
        None when *text* holds anything but digits and separators: letters are never guessed away.
    """
    try:
        text = normalize_number(text).strip(_AROUND_NUMBERS)
    except UnsafeTextError:
        return None
    digits = "".join(character for character in text if character not in _SEPARATORS)
    return digits if digits.isascii() and digits.isdecimal() else None


def _plain(character: str) -> str:
    """Return the placeholder of one character; white space is kept."""
    if " " <= character <= "~":
        return character
    category, code = unicodedata.category(character), ord(character)
    if category in _REFUSED_CATEGORIES or code in _NONCHARACTERS:
        raise UnsafeTextError
    if category == "Cf":
        return ""
    if category == "Pd" or character in _MORE_DASHES:
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return chr(code - _FULL_WIDTH_SHIFT) if code in _FULL_WIDTH else character
