"""Each attribute is sent in its own place, whole; and what is said of it is read from its own place."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import product
from urllib.parse import unquote_plus

from proofing.contracts.results import DocumentResult
from proofing.testing.vendors.bending import Place
from proofing.testing.vendors.checks.verdicts import probes_of
from proofing.testing.vendors.people import turned
from proofing.testing.vendors.place_names import announced, are_exchanged
from proofing.testing.vendors.probing import Probe
from proofing.testing.vendors.sent import Carried, Where, carried
from proofing.testing.vendors.subject import CheckRule, Subject, bend_to

_DATES = frozenset(
    {"dob", "state_id_issued", "state_id_expiration", "passport_issued", "passport_expiration"}
)
_WHOLE = (
    "first_name",
    "last_name",
    "ssn",
    "phone",
    "email",
    "city",
    "address1",
    "zipcode",
    "state_id_number",
    "mrz",
)
_WHOLE_CIRCUMSTANCES = ("ip_address", "user_agent", "device_session_id")
#: Only the first five digits of a ZIP code are always of use.
_ZIP_DIGITS = 5
_OF_ADDRESS = frozenset({"address1", "address2", "city", "state", "zipcode"})
_STATES = frozenset({"state", "state_id_jurisdiction"})
#: A long text of a state's name, in the style of the vendor's.
_STATE_NAMES = {"MT": "montana", "ND": "northdakota"}
#: How many digits of an SSN vendors take alone, and words in the name of such a place.
_LAST_DIGITS = 4
_LAST_FOUR = re.compile(r"4|four|last", re.IGNORECASE)

#: A name with a letter that ASCII does not have, and what careless encoding leaves of it.
_NOT_ASCII, _LOST = "Qzx\u00e9wvk", ("qzxwvk", "qzx?wvk")


def _of(subject: Subject) -> Mapping[str, Carried]:
    """Return what is sent where, by attribute, found once."""
    return {one.name: one for one in subject.once(carried)}


def _says(subject: Subject, place: str) -> frozenset[str]:
    """Return the attributes that *place* is for: as the author says, or as its name does."""
    pattern = ".".join("*" if part.isdigit() else part for part in place.split("."))
    said = subject.suite.sent_as.get(pattern)
    return announced(place) if said is None else frozenset(said.split())


def misplaced(subject: Subject) -> Iterator[str]:
    """A place whose name says an attribute holds that one."""
    by_place: dict[Where, set[str]] = {}
    for one in _of(subject).values():
        for where in one.places:
            by_place.setdefault(where, set()).add(one.name)
    declared = subject.descriptor.attributes | subject.descriptor.needs
    for (number, place), names in sorted(by_place.items()):
        wanted = _says(subject, place) & declared
        if wanted and not wanted & names:
            yield (
                f"request {number + 1}: {place} holds {' and '.join(sorted(names))}, "
                f"and must hold {' or '.join(sorted(wanted))}"
            )
    firsts, lasts = (
        [where for where, names in by_place.items() if names == {name}]
        for name in ("first_name", "last_name")
    )
    for (number, first), (_number, last) in product(firsts, lasts):
        if not _says(subject, first) | _says(subject, last) and are_exchanged(first, last):
            yield f"request {number + 1}: {first} holds first_name and {last} last_name, the wrong way around"


def altered(subject: Subject) -> Iterator[str]:
    """What is sent of an attribute is all of it."""
    for name, one in _of(subject).items():
        if name in subject.suite.altered:
            continue
        for number in sorted({number for number, _place in one.places}):
            places = {place: value for (request, place), value in one.places.items() if request == number}
            if complaint := _altered(one, places):
                yield f"request {number + 1}: {complaint}"
    yield from _letters_lost(subject)


def _letters_lost(subject: Subject) -> Iterator[str]:
    """Yield which requests drop a letter of a name because ASCII has none like it."""
    example = subject.yes
    if example is None:
        return
    names = ({"first_name", "last_name"} & subject.descriptor.attributes) - subject.suite.altered.keys()
    for name in sorted(names):
        question = subject.question(example)
        named = replace(question, applicant=question.applicant.merge({name: _NOT_ASCII}))
        for number, request in enumerate(subject.put_asked(example, named).requests, 1):
            said = unquote_plus(str(request.url)) + request.content.decode(errors="replace")
            if any(lost in said.casefold() for lost in _LOST):
                yield f"request {number}: {name} is sent without its letter é"


def _altered(one: Carried, places: Mapping[str, str]) -> str:
    """Return what is wrong with the form of an attribute in one request; empty for nothing."""
    if one.name in _DATES:
        return next(filter(None, (_wrong_date(one, place, said) for place, said in places.items())), "")
    if one.name in _STATES:
        full = _STATE_NAMES.get(str(one.value), "")
        named = next((place for place, said in places.items() if _plain(said) == full), "")
        return f"{named} holds the name of {one.name}, and must hold its two letters" if named else ""
    if one.name not in {*_WHOLE, *_WHOLE_CIRCUMSTANCES}:
        return ""
    value = _plain(str(one.value))
    needed = value[:_ZIP_DIGITS] if one.name == "zipcode" else value
    said_there = {place: _unmasked(_plain(said), value) for place, said in places.items()}
    return "" if any(needed in text for text in said_there.values()) else _cut(one.name, needed, said_there)


def _unmasked(text: str, value: str) -> str:
    """Return *text* without the letters that mask the digits of a *value* of digits, as in ``xxxxx6789``."""
    return re.sub(r"\D", "", text) if value.isdigit() and set(re.sub(r"\d", "", text)) <= {"x"} else text


def _cut(name: str, needed: str, said: Mapping[str, str]) -> str:
    """Return which places hold only a part of *needed*, or hold it backward; *said* is what they hold."""
    if mixed := next((place for place, text in said.items() if sorted(text) == sorted(needed)), ""):
        return f"{mixed} holds {name} backward, or in another order"
    covered: set[int] = set()
    parts = []
    for place, text in said.items():
        if text and text in needed and not _is_last_four(name, place, text):
            start = needed.index(text)
            covered |= set(range(start, start + len(text)))
            parts.append(place)
    if parts and len(covered) < len(needed):
        return f"{' and '.join(parts)} holds {len(covered)} of the {len(needed)} characters of {name}"
    return ""


def _is_last_four(name: str, place: str, text: str) -> bool:
    """Return whether *place* takes the last four digits of an SSN, by its own name."""
    return name == "ssn" and len(text) == _LAST_DIGITS and _LAST_FOUR.search(place) is not None


def _wrong_date(one: Carried, place: str, said: str) -> str:
    """Return what is wrong with the form of a date at *place*; empty for nothing."""
    day = date.fromisoformat(str(one.value))
    numbers = [int(number) for number in re.findall(r"\d+", said.partition("T")[0])]
    digits = re.sub(r"\D", "", said.partition("T")[0])
    name = place.rpartition(".")[2].lower()
    parts = {"day": day.day, "month": day.month, "year": day.year}
    if len(numbers) == 1 and len(digits) <= 4:
        for part, value in parts.items():
            if part in name and numbers[0] not in {value, value % 100}:
                return f"{place} does not hold the {part} of {one.name}"
        is_part = any(part in name for part in parts)
        return "" if is_part else f"{place} holds only a part of {one.name}"
    year, month, number = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    if digits == year + number + month or numbers == [day.year, day.day, day.month]:
        return f"{place} holds {one.name} with day and month swapped"
    if digits == number + month + year or numbers == [day.day, day.month, day.year]:
        return f"{place} holds {one.name} with the day first, which is no American date"
    if digits in {year, year + month, month + number, month + year}:
        return f"{place} holds only a part of {one.name}"
    return ""


def _plain(text: str) -> str:
    """Return letters and digits of *text* alone, in lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())


def answer_misplaced(subject: Subject) -> Iterator[str]:
    """What a place of the answer says of an attribute is not read as being about another."""
    for probe in probes_of(subject).found:
        wanted = _says(subject, probe.place.name) or _said_beside(probe)
        wanted |= {"name"} if any(one.endswith("_name") for one in wanted) else frozenset()
        wanted |= {"address"} if wanted & _OF_ADDRESS else frozenset()
        comparable = probe.attributes - {"dead", "unknown"}
        if wanted and comparable and not wanted & comparable:
            yield f"{probe.where} is read as being about {' and '.join(sorted(comparable))}"
    yield from _misread(subject)


def _misread(subject: Subject) -> Iterator[str]:
    """Yield which places of a document's answer are read as another attribute than their name says."""
    for name in subject.good[:1]:
        before = subject.runs[name].result
        if not isinstance(before, DocumentResult) or before.applicant is None:
            return
        known = before.applicant.reveal()
        for step in subject.steps[name]:
            for leaf in step.body.leaves if step.body is not None else ():
                wanted = _says(subject, leaf.name) & {"first_name", "last_name", "middle_name", "dob"}
                if not wanted or not isinstance(leaf.value, str) or step.body is None:
                    continue
                content = step.body.replaced(leaf, turned(leaf.value))
                result = subject.put(subject.examples[name], bend=bend_to(step, content or b"")).result
                if not isinstance(result, DocumentResult) or result.applicant is None:
                    continue
                now = result.applicant.reveal()
                changed = {one for one in {*known, *now} if known.get(one) != now.get(one)}
                if changed and not wanted & changed:
                    read = " and ".join(sorted(changed))
                    yield f"example {name!r}, {leaf.name} is read as {read} of the person"


def _said_beside(probe: Probe) -> frozenset[str]:
    """Return the attributes that a word next to *probe* names, as in ``{"field": "dob", "result": "no"}``."""
    body, place = probe.step.body, probe.place
    if body is None or not place.is_leaf or not _is_of_item(place):
        return frozenset()
    said = [
        announced(one.value)
        for one in body.leaves
        if one.path[:-1] == place.path[:-1] and one.path != place.path and isinstance(one.value, str)
    ]
    named = [attributes for attributes in said if attributes]
    return named[0] if len(named) == 1 else frozenset()


def _is_of_item(place: Place) -> bool:
    """Return whether *place* is in an item of a list, or an attribute of an XML element, next to others."""
    outer = place.path[:-1]
    return bool(outer) and (isinstance(outer[-1], int) or place.is_attribute)


CHECKS: Mapping[str, CheckRule] = {
    "attribute-misplaced": misplaced,
    "attribute-altered": altered,
    "answer-misplaced": answer_misplaced,
}
