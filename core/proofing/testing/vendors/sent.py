"""What a request says, place by place, and which places change with one attribute of the person."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import ParseError, fromstring

import httpx

from proofing.contracts.circumstances import Circumstances
from proofing.contracts.proofers import ProofingRequest
from proofing.testing.canary import Canary
from proofing.testing.vendors.bending import Body, JSONBody, Place, XMLBody
from proofing.testing.vendors.people import OTHER_CIRCUMSTANCES, unlike
from proofing.testing.vendors.subject import Step, Subject
from proofing.testing.vendors.trial import Run

#: Number of the request from 0, and the place in it, such as ``person.given_name``.
Where = tuple[int, str]
#: The part of a form, with its name.
_PART = re.compile(
    rb'content-disposition:[^\r\n]*?\bname="?([^";\r\n]+)"?[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--',
    re.IGNORECASE | re.DOTALL,
)
#: Longer values are images, signatures or encrypted.
_MAX_VALUE = 400
#: A shorter text may be in a header by chance.
_MIN_CREDENTIAL = 8


@dataclass(frozen=True, slots=True)
class Carried:
    """One attribute or circumstance, and where it is sent.

    Attributes:
        name: of the attribute or circumstance.
        value: of the person who is asked about.
        places: those whose value changes with it, to the value there, in the order of the request.
    """

    name: str
    value: Any
    places: Mapping[Where, str]


def values_in(request: httpx.Request) -> dict[str, str]:
    """Return the values of a request, by their place: of its query, its own headers, and its body."""
    found = dict(_numbered(parse_qsl(request.url.query.decode(), keep_blank_values=True)))
    found |= {f"header {name}": value for name, value in request.headers.items()}
    return found | dict(_in_body(request))


def _numbered(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield *pairs* with a number after the second one of a name, and so on."""
    seen: dict[str, int] = {}
    for name, value in pairs:
        number = seen.get(name, 0)
        seen[name] = number + 1
        yield (f"{name}[{number}]" if number else name), value


def _in_body(request: httpx.Request) -> Iterator[tuple[str, str]]:
    content, kind = request.content, request.headers.get("content-type", "")
    if "x-www-form-urlencoded" in kind:
        yield from _numbered(parse_qsl(content.decode("latin-1"), keep_blank_values=True))
    elif "multipart/" in kind:
        for name, value in _PART.findall(content):
            if len(value) <= _MAX_VALUE:
                yield name.decode("latin-1"), value.decode("utf-8", "replace")
    elif (body := _body(content)) is not None:
        for place in body.leaves:
            if place.value is not None and len(str(place.value)) <= _MAX_VALUE:
                yield place.name, str(place.value)


def _body(content: bytes) -> Body | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        pass
    else:
        return JSONBody(document)
    try:
        return XMLBody(fromstring(content))  # noqa: S314 - the adapter's own request
    except (ParseError, ValueError):
        return None


def is_about(request: httpx.Request, person: Canary) -> bool:
    """Return whether *request* holds something of *person*, as one for a token does not."""
    return bool(person.find_leaks(str(request.url).encode() + request.content))


def credentials_in(step: Step, run: Run) -> list[Place]:
    """Return the places of an answer whose text later requests of *run* have in a header: it lets them in."""
    later = repr([request.headers.raw for request in run.requests[step.number + 1 :]])
    found = run.result or run.error
    ids = {getattr(found, "transaction_id", None), *(pending.reference for pending in run.pendings)}
    return [
        place
        for place in (step.body.leaves if step.body is not None else ())
        if isinstance(place.value, str)
        and len(place.value) >= _MIN_CREDENTIAL
        and place.value in later
        and place.value not in ids
    ]


def carried(subject: Subject) -> Sequence[Carried]:
    """Return where the yes of *subject* sends each declared attribute and circumstance.

    One is changed at a time. What differs from call to call anyway says nothing, and neither do requests
    whose number changes with it.
    """
    example = subject.yes
    if example is None or not subject.suite.calls_out:
        return ()
    question = subject.question(example)
    first, again = (values_of(subject.put_asked(example, question)) for _ in range(2))
    stable = {where: value for where, value in first.items() if again.get(where) == value}
    found = []
    other = subject.question(example, somebody_else(subject))
    for name, value, changed in _one_at_a_time(question, other):
        now = values_of(subject.put_asked(example, changed))
        if {number for number, _place in now} == {number for number, _place in first}:
            places = {where: said for where, said in stable.items() if where in now and now[where] != said}
            found.append(Carried(name, value, places))
    return found


def values_of(run: Run) -> dict[Where, str]:
    """Return the values of all requests of *run*, by their place."""
    return {
        (number, place): value
        for number, request in enumerate(run.requests)
        for place, value in values_in(request).items()
        if place not in {"header content-length", "header host"}
    }


def somebody_else(subject: Subject) -> Canary:
    """Return who is unlike the person of the examples, and whom the proofer takes as well."""
    return unlike(Canary(), subject.descriptor.jurisdictions or ())


def _one_at_a_time(
    question: ProofingRequest, other: ProofingRequest
) -> Iterator[tuple[str, Any, ProofingRequest]]:
    """Yield each attribute and circumstance that is known, its value, and the question with another one."""
    theirs = other.applicant.reveal()
    for name, value in question.applicant.reveal().items():
        if name in theirs and theirs[name] != value:
            yield (
                name,
                value,
                replace(question, applicant=replace(question.applicant, **{name: theirs[name]})),
            )
    for name, new in OTHER_CIRCUMSTANCES.items():
        value = getattr(question.circumstances, name)
        if value is not None:
            changed = Circumstances.from_json({**question.circumstances.to_json(), name: new})
            yield name, value, replace(question, circumstances=changed)
