"""What is no answer must be no result: statuses, broken connections, empty, foreign and broken bodies."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement, tostring

import httpx

from proofing.base.errors import Cause
from proofing.contracts.applicant import Applicant
from proofing.contracts.continuation import Expired
from proofing.contracts.results import Outcome
from proofing.testing.vendor_fakes import Answer
from proofing.testing.vendor_hostility import BODIES, FAILURES, STATUSES, whole
from proofing.testing.vendors.bending import XMLBody
from proofing.testing.vendors.checks.people import asked_about
from proofing.testing.vendors.checks.verdicts import documented_outcomes, probes_of
from proofing.testing.vendors.checks.waiting import not_yet
from proofing.testing.vendors.grafting import grafts_of
from proofing.testing.vendors.subject import CheckRule, Step, Subject, bend_to, respond_with
from proofing.testing.vendors.trial import Run

#: Bodies with which vendors report a failure of theirs although the status is 200.
_ERRORS: tuple[dict[str, object], ...] = (
    {"error": "internal error"},
    {"error": {"code": "E500", "message": "internal error"}},
    {"errors": [{"code": "E500", "message": "internal error"}]},
    {"status": "error", "message": "internal error"},
    {"success": False, "message": "internal error"},
    {"code": 500, "message": "internal error"},
    {"fault": {"faultstring": "internal error"}},
    {"Status": {"TransactionStatus": "error"}, "Information": {"Code": "E500"}},
)
_FAULTS = (
    ("http://schemas.xmlsoap.org/soap/envelope/", "faultcode", "faultstring"),
    ("http://www.w3.org/2003/05/soap-envelope", "Code", "Reason"),
)
#: Bodies that may be a document of the vendor's in which it has nothing to say.
_DOCUMENTS = frozenset(
    f"200 with {body}"
    for body in (
        *("no content type", "an empty object", "an empty list", "a list of objects", "a foreign object"),
        *("an error in an object", "nulls", "an empty XML"),
    )
)
#: Parts of a body after which it is cut off.
_CUTS = (0.15, 0.4, 0.6, 0.85, 0.99)

#: Statuses that are no success, whatever the body.
_STATUSES = (
    300,
    302,
    304,
    307,
    400,
    401,
    402,
    403,
    404,
    405,
    409,
    410,
    412,
    418,
    422,
    423,
    429,
    500,
    501,
    502,
    503,
    504,
    520,
)
#: Answers with the same members and the same end have so many parts of the statuses in turn.
_PARTS = 4
#: What no number of seconds, or too large a one, looks like.
_RETRY_AFTER = ("soon", "-5", "1e999", "9" * 5000, "Thu, 99 Zzz 9999 99:99:99 GMT", "")

_NOT_SERVED = frozenset(
    {Cause.UNREACHABLE, Cause.MAINTENANCE, Cause.SOURCE_DOWN, Cause.SOURCE_TIMEOUT, Cause.TIMEOUT}
)
#: What has the same cause with every vendor, as it says nothing else.
_CAUSES: Mapping[str, frozenset[Cause]] = {
    "status 401": frozenset({Cause.AUTHENTICATION}),
    "status 429": frozenset({Cause.QUOTA}),
    **{f"status {status}": _NOT_SERVED for status in (500, 502, 503, 504)},
    "no connection": frozenset({Cause.UNREACHABLE}),
    "a reset connection": frozenset({Cause.UNREACHABLE}),
    "a read time-out": frozenset({Cause.TIMEOUT}),
    **{f"200 with {body}": frozenset({Cause.NONSENSE}) for body in ("empty", "null")},
}

#: Names of members by which vendors say that they failed.
_ERROR_NAME = re.compile(r"error|fault|exception|failure|problem|outage", re.IGNORECASE)

Tried = tuple[str, str, Run]


def _steps(subject: Subject) -> list[tuple[str, Step]]:
    """Return the answers of the first yes, each of which is replaced in turn."""
    return [(subject.good[0], step) for step in subject.steps[subject.good[0]]] if subject.good else []


def tried(subject: Subject) -> list[Tried]:
    """Return group, case and end of every hostile answer, in place of each answer of a yes."""
    return subject.once(_all_tried)


def _all_tried(subject: Subject) -> list[Tried]:
    with subject.trial.session():
        return list(_try_all(subject))


def _try_all(subject: Subject) -> Iterator[Tried]:
    for name, step in _steps(subject):
        cases = [
            *(("status", f"status {status}", whole(status, *_of_status(step))) for status in STATUSES),
            *(
                ("status", f"what a yes holds, with status {status}", whole(status, *_cut(step, 1)))
                for status in _STATUSES
            ),
            *_of_others(subject, step),
            *(("body", f"200 with {label}", whole(200, *body)) for label, body in BODIES.items()),
            *(("failure", label, answer) for label, answer in FAILURES.items()),
            *(("error", f"200 with {body}", whole(200, *_as_json(body))) for body in _ERRORS),
            *(("error", "200 with a SOAP fault", whole(200, body, _XML)) for body in _faults(step)),
            *(
                ("cut", f"cut off after {part:.0%}", whole(200, *_cut(step, part)))
                for part in (_CUTS if step.body is not None else ())
            ),
        ]
        example = subject.examples[name]
        bends = [respond_with(step, answer) for _group, _case, answer in cases]
        where = f"answer {step.number + 1}, " if step.number else ""
        for (group, case, _answer), run in zip(cases, subject.put_all(example, bends), strict=True):
            yield group, f"{where}{case}", run


def _of_others(subject: Subject, step: Step) -> Iterator[tuple[str, str, Answer]]:
    """Yield what other examples answer, with a status that is no success, and with headers of nonsense."""
    seen = {step.response.content}
    alike: Counter[tuple[object, ...]] = Counter()
    for name, steps in subject.steps.items():
        for other in steps:
            if other.number != step.number or other.body is None or other.response.content in seen:
                continue
            seen.add(other.response.content)
            # The first answer with its members and its end has each status; those like it share them.
            kind = (_shape(other), subject.examples[name].comes_to)
            nth = alike[kind]
            alike[kind] += 1
            for status in _STATUSES if not nth else _STATUSES[nth % _PARTS :: _PARTS]:
                if status != other.response.status_code:
                    case = f"what example {name!r} answers, with status {status}"
                    yield "status", case, whole(status, *_cut(other, 1))
    for status in (429, 503):
        for value in _RETRY_AFTER:
            headers = {**_JSON, "retry-after": value, "date": value, "x-ratelimit-reset": value}
            yield "status", f"retry-after {value[:20]!r} with status {status}", whole(status, b"{}", headers)


def _shape(step: Step) -> frozenset[str]:
    """Return the places that an answer has, without what is there."""
    return frozenset(place.pattern for place in step.body.places()) if step.body is not None else frozenset()


_JSON = {"content-type": "application/json"}
_XML = {"content-type": "text/xml; charset=utf-8"}


def _of_status(step: Step) -> tuple[bytes, dict[str, str]]:
    return b"{}" if step.body is None or step.body.kind == "json" else b"<a/>", {
        "content-type": step.response.headers.get("content-type", "application/json")
    }


def _as_json(body: dict[str, object]) -> tuple[bytes, dict[str, str]]:
    return httpx.Response(200, json=body).content, _JSON


def _cut(step: Step, part: float) -> tuple[bytes, dict[str, str]]:
    content = step.response.content
    return content[: int(len(content) * part)], {
        "content-type": step.response.headers.get("content-type", "application/json")
    }


def _faults(step: Step) -> Iterator[bytes]:
    """Yield SOAP faults, alone and alongside what the yes holds."""
    if not isinstance(step.body, XMLBody):
        return
    for namespace, code, reason in _FAULTS:
        envelope = Element(f"{{{namespace}}}Envelope")
        fault = SubElement(SubElement(envelope, f"{{{namespace}}}Body"), f"{{{namespace}}}Fault")
        SubElement(fault, code).text, SubElement(fault, reason).text = "Server", "internal error"
        yield tostring(envelope, encoding="utf-8")
        root = step.body.root
        if root.tag == f"{{{namespace}}}Envelope":
            body = root.find(f"{{{namespace}}}Body")
            if body is not None:
                both = Element(root.tag)
                inner = SubElement(both, body.tag)
                inner.append(fault)
                inner.extend(list(body))
                yield tostring(both, encoding="utf-8")


def _read(subject: Subject, group: str) -> Iterator[tuple[str, Run]]:
    """Yield what was read as a result.

    A document that came with 200 may be `UNKNOWN` where an example is that.
    """
    has_unknown = Outcome.UNKNOWN in documented_outcomes(subject)
    for found, case, run in tried(subject):
        if found == group and run.result is not None:
            is_document = found == "error" or case.rpartition(", ")[2] in _DOCUMENTS
            if not (has_unknown and is_document and run.result.outcome is Outcome.UNKNOWN):
                yield case, run


def status_as_answer(subject: Subject) -> Iterator[str]:
    """A status other than success is an error."""
    said = {
        str(step.response.status_code)
        for name in subject.refused
        for step in subject.steps[name][-1:]
        if not step.response.is_success
    }
    allowed = said | {str(status) for status in subject.suite.statuses_that_say_no}
    for case, run in _read(subject, "status"):
        is_allowed = case.rpartition(" ")[2] in allowed
        if not (is_allowed and run.result is not None and run.result.outcome is Outcome.FAILED):
            yield f"{case} is {run.came_to}"


def error_cause(subject: Subject) -> Iterator[str]:
    """What went wrong has its own cause."""
    for _group, case, run in tried(subject):
        if run.error is None or run.pendings:
            continue
        wanted = _CAUSES.get(case.rpartition(", ")[2])
        if wanted is not None and run.error.cause not in wanted:
            causes = " or ".join(sorted(f"Cause.{one.name}" for one in wanted))
            yield f"{case} must be {causes}: {run.came_to}"


def failure_as_answer(subject: Subject) -> Iterator[str]:
    """A broken connection is an error."""
    for case, run in _read(subject, "failure"):
        yield f"{case} is {run.came_to}"
    yield from _expired(subject)


def _expired(subject: Subject) -> Iterator[str]:
    """Yield what a question that expires is read as while the vendor has no answer."""
    documented = {
        example.comes_to
        for example in subject.examples.values()
        if any(isinstance(because, Expired) for because in example.because)
    }
    for found in not_yet(subject):
        example = subject.examples[found.example]
        if not example.because:
            run = subject.put(replace(example, because=(Expired(),)), bend=found.bend)
            if run.result is not None and run.result.outcome not in documented:
                yield f"{found.where} when it expires, it is {run.came_to}"


def bare_success(subject: Subject) -> Iterator[str]:
    """A body that is not the vendor's is an error."""
    for case, run in _read(subject, "body"):
        yield f"{case} is {run.came_to}"


def error_inside(subject: Subject) -> Iterator[str]:
    """A failure that comes with 200 is an error."""
    for case, run in _read(subject, "error"):
        yield f"{case} is {run.came_to}"
    for graft in grafts_of(subject):
        if graft.is_of_error and _ERROR_NAME.search(graft.place) and graft.run.has_verdict:
            yield (
                f"example {graft.example!r} with {graft.place} of example {graft.source!r} in it is "
                f"{graft.run.came_to}"
            )


def cut_off(subject: Subject) -> Iterator[str]:
    """A body that is cut off is an error."""
    for case, run in _read(subject, "cut"):
        yield f"{case} is {run.came_to}"


def all_runs(subject: Subject) -> Iterator[tuple[str, Run]]:
    """Yield everything that was put to the proofer with bent and hostile answers, with a name."""
    for name, run in subject.runs.items():
        yield f"example {name!r}", run
    for _group, case, run in tried(subject):
        yield case, run
    for probe in probes_of(subject).found:
        for value, run in probe.all_runs:
            yield f"{probe.where}: {value}", run


def foreign_error(subject: Subject) -> Iterator[str]:
    """Only `VendorError` is raised."""
    for case, run in all_runs(subject):
        if run.is_foreign:
            yield f"{case}: {run.broken}"
    for case, _outcome, run in asked_about(subject):
        if run.is_foreign:
            yield f"{case}: {run.broken}"
    for name, example in subject.examples.items():
        question = subject.question(example)
        nobody = replace(question, applicant=Applicant())
        run = subject.put_asked(example, nobody)
        if run.is_foreign:
            yield f"example {name!r}, and nothing is known of the person: {run.broken}"


def xml_hostile(subject: Subject) -> Iterator[str]:
    """A yes with a document type, entities or deep nesting is an error."""
    for name in subject.good:
        for step in subject.steps[name]:
            if not isinstance(step.body, XMLBody):
                continue
            cases = dict(_hostile_xml(step))
            bends = [bend_to(step, content) for content in cases.values()]
            runs = subject.put_all(subject.examples[name], bends)
            for case, run in zip(cases, runs, strict=True):
                if run.result is not None:
                    yield f"example {name!r} with {case} is {run.came_to}"
                elif run.is_foreign:
                    yield f"example {name!r} with {case}: {run.broken}"


def _hostile_xml(step: Step) -> Iterator[tuple[str, bytes]]:
    """Yield the yes of *step* with what no parser may read."""
    assert isinstance(step.body, XMLBody)
    root = step.body.root
    text = tostring(root, encoding="unicode")
    name = root.tag.rpartition("}")[2]
    yield "a document type", f"<!DOCTYPE {name}>{text}".encode()
    yield "an entity", f'<!DOCTYPE {name} [<!ENTITY a "b">]>{text}'.encode()
    for leaf in step.body.leaves:
        if isinstance(leaf.value, str) and leaf.value.strip() and not leaf.is_attribute:
            marked = step.body.replaced(leaf, "QZENTITY")
            assert marked is not None
            body = marked.partition(b"?>")[2].replace(b"QZENTITY", b"&a;")
            declared = f'<!DOCTYPE {name} [<!ENTITY a "{leaf.value}">]>'.encode()
            yield f"an entity for {leaf.name}", declared + body
            system = f'<!DOCTYPE {name} [<!ENTITY b SYSTEM "file:///etc/passwd">]>'.encode()
            yield "a file", system + text.encode().replace(b"QZENTITY", b"&b;")
            break
    deep = "<x>" * 3000 + "</x>" * 3000
    closing = text.rindex("</")
    yield "deep nesting", (text[:closing] + deep + text[closing:]).encode()
    yield "a processing instruction", f"<?xml-stylesheet href='x'?>{text}".encode()


CHECKS: Mapping[str, CheckRule] = {
    "status-as-answer": status_as_answer,
    "error-cause": error_cause,
    "failure-as-answer": failure_as_answer,
    "bare-success": bare_success,
    "error-inside-success": error_inside,
    "truncated-body": cut_off,
    "foreign-error": foreign_error,
    "xml-hostile": xml_hostile,
}
