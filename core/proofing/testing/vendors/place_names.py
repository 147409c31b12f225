"""Which attribute the name of a place announces, in requests and in answers."""

import re
from collections.abc import Collection
from itertools import pairwise

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

#: A word of fewer letters is the short form of too many.
_MIN_SHORT = 3
_NAMES: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(words.split()), frozenset(attributes.split()))
    for words, attributes in (
        ("first given forename fname firstname givenname vorname prenom nombre", "first_name"),
        ("last family surname lname lastname familyname nachname apellido", "last_name"),
        ("middle mname middlename", "middle_name"),
        ("suffix namesuffix", "name_suffix"),
        ("birth birthdate birthday dob dateofbirth", "dob"),
        ("ssn ssn4 social itin tin taxid", "ssn"),
        ("phone telephone mobile msisdn phonenumber", "phone"),
        ("email emailaddress", "email"),
        ("city locality town", "city"),
        ("state province", "state state_id_jurisdiction"),
        ("zip zipcode postal postcode postalcode", "zipcode"),
        ("street street1 line1 address1 addressline1", "address1"),
        ("street2 line2 address2 addressline2 unit apartment apt suite", "address2"),
        ("jurisdiction issuing issuer", "state_id_jurisdiction"),
        ("issued issuance", "state_id_issued passport_issued"),
        ("expiration expires expiry expirationdate", "state_id_expiration passport_expiration"),
        ("sex gender", "sex"),
        ("height", "height"),
        ("weight", "weight"),
        ("eye eyes eyecolor", "eye_color"),
        ("mrz", "mrz"),
        ("ip ipaddress ipv4", "ip_address"),
        ("session sessionid", "device_session_id"),
        ("useragent agent", "user_agent"),
    )
)
#: What vendors leave of a word that they abbreviate, to the word: the first letter and all that is no vowel.
_SHORT = {
    short: word
    for names, _attributes in _NAMES
    for word in sorted(names, key=len, reverse=True)
    if len(short := word[0] + re.sub("[aeiou]", "", word[1:])) >= _MIN_SHORT
}
#: Words that, alongside the others, make the name one of something else.
_NO_NAMES = frozenset({"agent", "device", "digits", "four", "client", "account", "company", "org", "agency"})
#: How words for a last name begin, and for a first one, where the rest of both is the same: ``lnm``, ``fnm``.
_INITIALS_OF_LAST, _INITIALS_OF_FIRST = frozenset("ls"), frozenset("fg")
_LICENSE = frozenset({"license", "dl", "driver", "drivers", "document", "stateid"})
_NUMBER = frozenset({"number", "num", "no", "id"})


def announced(place: str) -> frozenset[str]:
    """Return the attributes that the last name of *place* may stand for; empty where it announces none.

    The names before it decide where it is ambiguous: ``license.state`` is the jurisdiction.
    """
    *outer, last = _names(place) or [""]
    words = _words(last)
    before = frozenset().union(*map(_words, outer))
    found = [attributes for names, attributes in _NAMES if words & names]
    of = _words(outer[-1]) if outer and words <= _NUMBER else frozenset()
    if not found and words & _NUMBER and (words | of) & _LICENSE:
        return frozenset({"state_id_number"})
    if not found and words <= {"date", "day", "month", "year"}:
        found = [attributes for names, attributes in _NAMES if before & names]
    if len(found) != 1:
        return frozenset()
    if found[0] & {"first_name", "last_name"} and words & _NO_NAMES:
        return frozenset()
    return _of_whom(found[0], words | before)


def are_exchanged(first: str, last: str) -> bool:
    """Return whether a first and a last name are in places named for each other, such as ``LN``, ``FN``.

    Of a name that says nothing as a whole its first letter does, where both speak for it.
    """
    of_first, of_last = (next(reversed(_names(place)), "").lower() for place in (first, last))
    return (
        of_first[:1] in _INITIALS_OF_LAST
        and of_last[:1] in _INITIALS_OF_FIRST
        and (of_first[1:] == of_last[1:])
    )


def _of_whom(attributes: frozenset[str], words: Collection[str]) -> frozenset[str]:
    """Narrow *attributes* by what the place belongs to."""
    if "state" in attributes:
        if {"address", "home", "residence"} & set(words):
            return frozenset({"state"})
        if _LICENSE & set(words):
            return frozenset({"state_id_jurisdiction"})
    return attributes


def _names(place: str) -> list[str]:
    """Return the names of *place*, without the numbers of items and the marks of attributes."""
    parts = place.removeprefix("header ").removeprefix("x-").split(".")
    return [name for part in parts if (name := re.sub(r"\[\d+\]|^@", "", part)) and not name.isdigit()]


def _words(name: str) -> frozenset[str]:
    """Return the words of *name* in lower case, and the name in one word."""
    words = [word.lower() for word in _WORD.findall(name)]
    joined = [f"{word}{following}" for word, following in pairwise(words)]
    found = {*words, *joined, "".join(words)}
    return frozenset(found | {_SHORT[word] for word in found if word in _SHORT})
