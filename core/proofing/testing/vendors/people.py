"""Somebody who is unlike the person of the examples in everything."""

import re
import string
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from proofing.contracts.circumstances import Circumstances
from proofing.testing.canary import Canary

_LETTERS, _DIGITS, _HEX = string.ascii_lowercase, string.digits, string.hexdigits[:16]


#: What surrounds a question and says who somebody is, of somebody else.
OTHER_CIRCUMSTANCES: Mapping[str, str] = {
    "ip_address": "198.51.100.207",
    "user_agent": "Other/1.0",
    "device_session_id": "another-session-9",
}


class Stranger(Canary):
    """Somebody whose circumstances are other ones, too; see `OTHER_CIRCUMSTANCES`."""


def unlike(person: Canary, jurisdictions: Collection[str]) -> Canary:
    """Return somebody who differs from *person* in each letter and digit, and in the lengths of names.

    Her license is of another one of *jurisdictions*, where there is one.
    """
    known = person.applicant.reveal()
    changes: dict[str, Any] = {
        name: turned(value) + more
        for name, more in {
            "first_name": "dg",
            "last_name": "qvx",
            "middle_name": "k",
            "city": "wz",
            "address1": " Lot",
            "address2": "77",
            "email": "x",
            "state_id_number": "36",
            "ssn": "",
            "phone": "",
        }.items()
        if isinstance(value := known.get(name), str)
    }
    changes |= {
        "zipcode": "04" + turned(str(known["zipcode"]))[2:5],
        "ssn": "900" + changes["ssn"][3:],
        "phone": "312555" + changes["phone"][6:],
        "dob": _other_day(str(known["dob"])),
        "state": "ME",
        "state_id_jurisdiction": _other_jurisdiction(str(known["state_id_jurisdiction"]), jurisdictions),
        "state_id_issued": "2018-06-15",
        "state_id_expiration": "2098-06-15",
        "sex": "male",
        "height": 64,
        "weight": 201,
        "eye_color": "BLU",
    }
    return Stranger(seed=person.seed + 1, changes=changes)


def elsewhere(known: Circumstances) -> Circumstances:
    """Return other circumstances of the kinds that are *known*."""
    values = known.to_json()
    return Circumstances.from_json(
        {**values, **{name: value for name, value in OTHER_CIRCUMSTANCES.items() if name in values}}
    )


def turned(text: str) -> str:
    """Return *text* with another letter for each ASCII letter, and another digit for each digit."""
    is_hex = re.fullmatch(r"[0-9a-f-]+", text) is not None and not text.isdigit()
    alphabets = (_HEX,) if is_hex else (_LETTERS, _LETTERS.upper(), _DIGITS)
    return "".join(_other(character, alphabets) for character in text)


def _other(character: str, alphabets: Sequence[str]) -> str:
    for alphabet in alphabets:
        if character in alphabet:
            return alphabet[(alphabet.index(character) + 4) % len(alphabet)]
    return character


def _other_day(day: str) -> str:
    year, month, number = day.split("-")
    return f"{1925 + (int(year) + 7) % 5}-{int(month) % 12 + 1:02d}-{13 + (int(number) - 12) % 16:02d}"


def _other_jurisdiction(known: str, jurisdictions: Collection[str]) -> str:
    others = sorted(set(jurisdictions) - {known})
    return "VT" if "VT" in others or not others else others[-1]
