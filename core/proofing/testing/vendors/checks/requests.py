"""What is sent: escaped, signed, and each side of a document in its place."""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus
from xml.etree.ElementTree import ParseError, fromstring
from xml.sax.saxutils import escape

import httpx

from proofing.contracts.images import Side
from proofing.testing.canary import Canary
from proofing.testing.vendors.bending import JSONBody, XMLBody
from proofing.testing.vendors.checks.loading import overrides
from proofing.testing.vendors.examples import Example
from proofing.testing.vendors.sent import values_in
from proofing.testing.vendors.subject import CheckRule, Subject
from proofing.testing.vendors.trial import Run

#: Names that break what does not escape them.
_ODD = (
    ("first_name", 'Anna<x>&"'),
    ("last_name", "O'Neill]]>\\"),
    ("first_name", "Zoë&amp;Łucja"),
    ("last_name", "D\N{RIGHT SINGLE QUOTATION MARK}Arcy</a>"),
    ("address1", '1 <Main> & "Side" St'),
    ("city", "St. John's & <Elm>"),
    ("middle_name", "<b>&'\""),
    ("state_id_number", 'A1<b>&"2'),
    ("email", "o'neil&<b>@example.com"),
    ("mrz", "P<USAO&NEIL<<ANNA<<<<<"),
)
#: Headers whose name says that they sign something.
_SIGNED = re.compile(r"signature|hmac|digest|x-.*-(sig|mac)$", re.IGNORECASE)
_SIGNED_VALUE = re.compile(r"^(HMAC|Signature|AWS4-HMAC|Hawk)\b|signature=", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9+/=_-]{24,}")


def escaped(subject: Subject) -> Iterator[str]:
    """Odd names leave the structure of a request as it is."""
    example = subject.yes
    if example is None:
        return
    question, plain = subject.question(example), subject.runs[subject.good[0]]
    shapes = [_shape(request) for request in plain.requests]
    for name, text in _ODD:
        if name not in subject.descriptor.attributes:
            continue
        changed = replace(question, applicant=question.applicant.merge({name: text}))
        run = subject.put_asked(example, changed)
        if run.is_foreign:
            yield f"with the {name} {text!r}: {run.broken}"
        for number, request in enumerate(run.requests[: len(shapes)]):
            if _shape(request) != shapes[number]:
                yield f"with the {name} {text!r}, request {number + 1} is broken, or has another structure"
                break
            if _is_escaped_twice(text, request):
                yield f"with the {name} {text!r}, request {number + 1} has it escaped twice"
                break


def _is_escaped_twice(text: str, request: httpx.Request) -> bool:
    """Return whether a value of *request* is *text* as XML or an address has it, once it was decoded."""
    values = [value.casefold() for value in values_in(request).values()]
    if any(text.casefold() in value for value in values):
        return False
    forms = {escape(text), html.escape(text), quote(text), quote(text, safe=""), quote_plus(text)} - {text}
    return any(form.casefold() in value for form in forms for value in values)


def _shape(request: httpx.Request) -> object:
    """Return the structure of a request, without its values; None where it is broken."""
    content = request.content
    parameters = sorted(
        name for name, _value in parse_qsl(request.url.query.decode(), keep_blank_values=True)
    )
    segments = request.url.path.count("/")
    kind = request.headers.get("content-type", "")
    if "json" in kind:
        try:
            document = json.loads(content)
        except ValueError:
            return None
        return segments, parameters, sorted(map(str, (place.path for place in JSONBody(document).places())))
    if "xml" in kind or content.lstrip().startswith(b"<"):
        try:
            root = fromstring(content)  # noqa: S314 - the adapter's own request
        except (ParseError, ValueError):
            return None
        return segments, parameters, [place.path for place in XMLBody(root).places()]
    if "x-www-form-urlencoded" in kind:
        pairs = parse_qsl(content.decode("latin-1"), keep_blank_values=True)
        return segments, parameters, [name for name, _value in pairs]
    return segments, parameters


def signed(subject: Subject) -> Iterator[str]:
    """The signature is over the bytes that are sent."""
    example = subject.yes
    if example is None:
        return
    question = subject.question(example)
    odd = {name: text for name, text in reversed(_ODD) if name in subject.descriptor.attributes}
    people = [question, replace(question, applicant=question.applicant.merge(odd))]
    people.append(subject.question(example, Canary(seed=2)))
    # The first one again at last: a time in a header is another by then.
    runs = [subject.put_asked(example, asked) for asked in [question, *people, question]]
    if not overrides(subject.suite, "assert_signed"):
        if header := _signing_header(runs):
            yield f"the header {header} signs the request; provide assert_signed"
        return
    for run in runs:
        for number, request in enumerate(run.requests):
            try:
                subject.suite.assert_signed(request)
            except AssertionError as error:
                yield f"request {number + 1}: {str(error).partition(chr(10))[0] or 'the signature is wrong'}"
                return


def _signing_header(runs: list[Run]) -> str:
    """Return the name of a header that seems to be made from the body; empty for none."""
    first, again, *others, last = runs
    for request, same, finally_same, *different in zip(
        first.requests, again.requests, last.requests, *(run.requests for run in others), strict=False
    ):
        for name, value in request.headers.items():
            if name in {"content-length", "host"}:
                continue
            if _SIGNED.search(name) or _SIGNED_VALUE.search(value):
                return str(name)
            is_stable = same.headers.get(name) == value == finally_same.headers.get(name)
            differs = any(one.headers.get(name) != value for one in different)
            if is_stable and differs and _TOKEN.search(value) and request.content != different[0].content:
                return str(name)
    return ""


def sides_swapped(subject: Subject) -> Iterator[str]:
    """Front, back and selfie are sent as such, and none of them in place of another."""
    example = subject.yes
    if example is None:
        return
    images = {side: image.content for side, image in subject.question(example).images.items()}
    requests = subject.runs[subject.good[0]].requests
    found: dict[Side, list[str]] = {side: [] for side in images}
    for number, request in enumerate(requests):
        places = {side: _place(request.content, content) for side, content in images.items()}
        sent = sorted((place, side) for side, place in places.items() if place is not None)
        for place, side in sent:
            found[side].append(name := _name_before(request.content, place))
            if any(other in name for other in _others(side)) and side.value not in name:
                yield f"request {number + 1}: the {side.value} is sent as {name!r}"
        order = [side for _place, side in sent if side in {Side.FRONT, Side.BACK}]
        if order == [Side.BACK, Side.FRONT] and not any("front" in name for name in found[Side.FRONT][-1:]):
            names = [found[side][-1] for side in (Side.FRONT, Side.BACK)]
            if not any(side in name for name in names for side in ("front", "back")):
                yield f"request {number + 1}: the front is sent as {names[0]!r}, the back as {names[1]!r}"
    yield from _sides_by_order(subject, example, images)
    left = [side.value for side in found if not found[side] and side.value not in subject.suite.altered]
    if left and len(left) < len(images):
        yield f"the {' and the '.join(left)} is sent nowhere; name it in `altered` if the vendor takes none"


def _sides_by_order(subject: Subject, example: Example, images: Mapping[Side, bytes]) -> Iterator[str]:
    """Yield which image is sent as another one where the question has them in another order."""
    question = subject.question(example)
    turned = replace(question, images=dict(reversed(list(question.images.items()))))
    usual, then = (_names_of(subject.put_asked(example, asked), images) for asked in (question, turned))
    for side in images:
        if usual[side] != then[side]:
            named = " and ".join(sorted(map(repr, then[side]))) or "nothing"
            yield f"with the images in another order, the {side.value} is sent as {named}"


def _names_of(run: Run, images: Mapping[Side, bytes]) -> dict[Side, set[str]]:
    """Return under which names each image was sent, after the paths of the addresses."""
    return {
        side: {
            f"{request.url.path} {_name_before(request.content, place)}".strip()
            for request in run.requests
            if (place := _place(request.content, content)) is not None
        }
        for side, content in images.items()
    }


def _others(side: Side) -> set[str]:
    """Return the words for images that are not of *side*."""
    return {"front", "back", "selfie"} - {side.value}


def _place(body: bytes, image: bytes) -> int | None:
    """Return where *image* is in *body*, as it is or as base64."""
    for form in (image, base64.b64encode(image), base64.urlsafe_b64encode(image).rstrip(b"=")):
        if (found := body.find(form)) >= 0:
            return found
    return None


def _name_before(body: bytes, place: int) -> str:
    """Return the last name before *place*: a key of JSON, a tag of XML, or the name of a form's part."""
    before = unquote_plus(body[max(0, place - 400) : place].decode("latin-1"))
    names = re.findall(
        r'"([A-Za-z_][\w .-]*)"\s*:|<(?![/?!])(?:\w+:)?(\w+)|\bname="?([\w.-]+)|[&?]?(\w+)=', before
    )
    found = [next(filter(None, groups)) for groups in names]
    sides = [name for name in found if re.search("front|back|selfie", name, re.IGNORECASE)]
    return str((sides[-1:] or found[-1:] or [""])[0]).lower()


CHECKS: Mapping[str, CheckRule] = {
    "request-escaped": escaped,
    "bytes-signed": signed,
    "sides-swapped": sides_swapped,
}
