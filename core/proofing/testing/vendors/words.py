"""Words by which vendors say yes, no and neither, and words that nobody has heard of."""

from collections.abc import Collection


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
