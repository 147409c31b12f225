"""How answers are read: the author's examples as they are, and each yes with one value bent."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from proofing.contracts.continuation import Leave, Returned
from proofing.contracts.evidence import Death
from proofing.contracts.results import (
    DeviceResult,
    DocumentResult,
    LineType,
    Match,
    ReviewStatus,
    SelfieCheck,
    VendorResult,
)
from proofing.testing.vendors.grafting import grafts_of, told_by
from proofing.testing.vendors.probing import NO_FIELDS, Probe, Probes, is_no, kept_attributes
from proofing.testing.vendors.subject import CheckRule, Subject, is_other_host
from proofing.testing.vendors.trial import Run
from proofing.testing.vendors.words import (
    may_say_yes,
    says_document_type,
    says_done,
    says_no,
    says_not_yet,
    says_yes,
)

#: What says nothing for or against anybody.
_NO_EVIDENCE = frozenset({Match.NOT_CHECKED, Match.UNAVAILABLE, Death.UNKNOWN, LineType.OTHER})


def probes_of(subject: Subject) -> Probes:
    """Return the probes of *subject*, made once."""
    return subject.once(Probes)


def example_outcome(subject: Subject) -> Iterator[str]:
    """Each example comes to its outcome, or to an error of its cause."""
    for name, example in subject.examples.items():
        run = subject.runs[name]
        if run.broken or run.has_outlived or is_other_host(run) or name in subject.stale:
            # Other rules say so.
            continue
        wanted = example.comes_to
        found = run.error.cause if run.error is not None else run.result.outcome if run.result else None
        if found is not wanted:
            refused = f"; its function raised {run.refusals[0]}" if run.refusals else ""
            yield f"example {name!r} must come to {wanted.value}, and is {run.came_to}{refused}"
            continue
        back = _came_back(subject, name)
        if back is not None and back.result is not None and back.result.outcome is not wanted:
            yield f"example {name!r} must be {wanted.value} also when the person comes back: {back.came_to}"


def _came_back(subject: Subject, name: str) -> Run | None:
    """Return what comes of an example that the person's return resumes, in place of an event or the time."""
    run, example = subject.runs[name], subject.examples[name]
    if example.because or not run.pendings or not isinstance(run.pendings[0].then, Leave):
        return None
    return subject.put(replace(example, because=(Returned(),)))


def example_attributes(subject: Subject) -> Iterator[str]:
    """Each example comes to its attributes."""
    for name, example in subject.examples.items():
        result = subject.runs[name].result
        if result is None or result.outcome is not example.comes_to:
            continue
        wanted, found = dict(example.attributes), dict(result.attributes)
        for attribute in sorted({*wanted, *found}):
            if wanted.get(attribute) is not found.get(attribute):
                yield (
                    f"example {name!r}: {attribute} must be {_word(wanted.get(attribute))},"
                    f" and is {_word(found.get(attribute))}"
                )


def example_facts(subject: Subject) -> Iterator[str]:
    """Each example comes to its reasons and further facts."""
    for name, example in subject.examples.items():
        result = subject.runs[name].result
        if result is None or result.outcome is not example.comes_to:
            continue
        if sorted(example.reasons) != sorted(result.reasons):
            reasons = f"{sorted(example.reasons)}, and are {sorted(result.reasons)}"
            yield f"example {name!r}: reasons must be {reasons}"
        for field, wanted in example.facts.items():
            if getattr(result, field, None) != wanted:
                yield f"example {name!r}: {field} is not what the example says"


def unheard_word(subject: Subject) -> Iterator[str]:
    """A word that nobody has heard of, in the place of a verdict, never passes."""
    for probe in probes_of(subject).found:
        if probe.attributes:
            continue
        for word, run in [*(probe.unheard if probe.decides else ()), *probe.numbers]:
            if subject.reads_yes(run) or _passes_unmatched(subject, probe, run):
                yield f"{probe.where}: {word} is read as a yes"
                break


def _passes_unmatched(subject: Subject, probe: Probe, run: Run) -> bool:
    """Return whether the adapter says yes, and no longer that the selfie matches, which core waits for."""
    before, result = subject.runs[probe.example].result, run.result
    return (
        isinstance(before, DocumentResult)
        and isinstance(result, DocumentResult)
        and result.passed
        and before.selfie is SelfieCheck.MATCH is not result.selfie
    )


def dropped(subject: Subject) -> Iterator[str]:
    """A word that nobody has heard of, where other examples say what counts, is not dropped."""
    for graft in grafts_of(subject):
        if graft.is_without_effect or any(
            f".{graft.pattern}".endswith(f".{name}") for name in subject.suite.open_places
        ):
            continue
        before = told_by(subject.runs[graft.example].result)
        for word, run in graft.unheard:
            if subject.reads_yes(run) and told_by(run.result) == before:
                yield (
                    f"example {graft.example!r} with {word} at {graft.place}, where something counts "
                    f"in example {graft.source!r}: it is dropped, and {run.came_to}"
                )
                break


def documented_outcomes(subject: Subject) -> frozenset[object]:
    """Return the outcomes to which examples come."""
    return frozenset(example.comes_to for example in subject.examples.values())


def unknown_no(subject: Subject) -> Iterator[str]:
    """A word that nobody has heard of is never a no, nor anything else that no example comes to."""
    documented = documented_outcomes(subject)
    for probe in probes_of(subject).found:
        for value, run in (*probe.unheard, *probe.types):
            if run.result is not None and run.result.outcome not in documented:
                yield f"{probe.where}: {value} is {run.came_to}, and no example comes to that"
                break
        if probe.attributes:
            continue
        for word, run in probe.unheard:
            if is_no(run):
                yield f"{probe.where}: {word} is read as a no"
                break


def field_unheard_word(subject: Subject) -> Iterator[str]:
    """An unknown result of a single field is neither a match nor a mismatch, and does not pass."""
    for probe in probes_of(subject).found:
        for word, run in probe.unheard if probe.attributes else ():
            kept = kept_attributes(run, probe.attributes)
            if run.has_verdict:
                read = ", ".join(f"{name} is a {match.value}" for name, match in kept.items())
                yield f"{probe.where}: with {word}, {read or run.came_to}"
                break
        yield from _assumed_evidence(subject, probe)


def _assumed_evidence(subject: Subject, probe: Probe) -> Iterator[str]:
    """Yield which evidence stays what it was with a word that nobody has heard of, or without any."""
    before = subject.runs[probe.example].result
    for name in sorted(probe.evidence):
        value: Any = getattr(before, name)
        if value is None or value in _NO_EVIDENCE:
            continue
        for word, run in (*probe.unheard, *probe.missing):
            if run.result is not None and getattr(run.result, name, None) is value:
                yield f"{probe.where}: with {word}, {name} is {value}"
                return


def field_no_data(subject: Subject) -> Iterator[str]:
    """No data is no mismatch."""
    for probe in probes_of(subject).found:
        for word, run in probe.no_data:
            kept = kept_attributes(run, probe.attributes)
            if Match.MISMATCH in kept.values():
                yield f"{probe.where}: {word} is read as a mismatch"
                break


def vague_word(subject: Subject) -> Iterator[str]:
    """A vendor that is not sure has not said yes."""
    for probe in probes_of(subject).found:
        before = subject.runs[probe.example].result
        if any(subject.reads_yes(run) for _word, run in probe.unheard):
            # It passes with any word, which another rule says.
            continue
        if probe.attributes and not probe.decides and not _is_match(probe, before):
            # The yes does not rest on it: it is one of a mismatch there.
            continue
        for word, run in probe.vague:
            attributes = run.result.attributes if run.result is not None else None
            if subject.reads_yes(run) and before is not None and attributes == before.attributes:
                yield f"{probe.where}: {word} is read as a yes"
                break


def missing_verdict(subject: Subject) -> Iterator[str]:
    """What the vendor left out was not said."""
    deciding = [probe for probe in probes_of(subject).found if probe.decides and not probe.attributes]
    for probe in probes_of(subject).found:
        for label, run in probe.missing:
            if label == NO_FIELDS:
                # Each is tried by itself; where each may be missing, the vendor has an object for no answer.
                continue
            if is_no(run) and not probe.attributes:
                yield f"{probe.where}: {label}, it is read as a no"
                break
            if _passes_unread(run):
                yield f"{probe.where}: {label}, it passes without what was read, of which core makes a no"
                break
            if subject.reads_yes(run) and (probe in deciding or _holds(probe, deciding)):
                yield f"{probe.where}: {label}, it is read as a yes"
                break


def _passes_unread(run: Run) -> bool:
    """Return whether a document passes although nothing was read of it."""
    result = run.result
    return isinstance(result, DocumentResult) and result.passed and result.applicant is None


def missing_field(subject: Subject) -> Iterator[str]:
    """An indicator that is not there was not compared, be it alone or with everything around it."""
    probes = probes_of(subject).found
    for probe in probes:
        held = frozenset().union(*(one.attributes for one in probes if _holds(probe, [one])))
        for label, run in probe.missing:
            kept = kept_attributes(run, probe.attributes | held)
            if kept:
                read = ", ".join(f"{name} is a {match.value}" for name, match in kept.items())
                yield f"{probe.where}: {label}, {read}"
                break


def wrong_type(subject: Subject) -> Iterator[str]:
    """A value of another type in the place of a verdict does not pass, nor fail."""
    for probe in probes_of(subject).found:
        if any(run.has_verdict for _word, run in probe.unheard):
            continue
        for value, run in probe.types:
            decides = probe.decides or probe.attributes
            if (decides and subject.reads_yes(run)) or is_no(run):
                yield f"{probe.where}: {value} is {run.came_to}"
                break


def unread(subject: Subject) -> Iterator[str]:
    """What the vendor says of its checks is read."""
    probes = probes_of(subject)
    for probe in probes.found:
        if probe.decides or probe.attributes or not probe.ignored or probes.is_open(probe.place):
            continue
        value = probe.place.value
        known = [word for word in probe.ignored if word in probes.documented(probe)]
        if says_yes(value) or (may_say_yes(value) and any(says_no(word) for word in known)):
            word = next((word for word in known if says_no(word)), probe.ignored[0])
            yield f"{probe.where}: {word!r} in the place of {value!r} changes nothing"
        elif says_done(value) and (word := next(filter(says_not_yet, [*known, *probe.ignored]), None)):
            yield f"{probe.where}: {word!r} in the place of {value!r} changes nothing"


def one_name(subject: Subject) -> Iterator[str]:
    """The vendor's yes passes for people with one name."""
    example = subject.yes
    if example is None:
        return
    for name in sorted({"first_name", "last_name"} & subject.descriptor.attributes):
        question = subject.question(example)
        changed = replace(question, applicant=replace(question.applicant, **{name: None}))
        run = subject.put_asked(example, changed)
        if not run.broken and not subject.reads_yes(run):
            yield f"without {name}: {run.came_to}"
        if any(b"None" in request.content for request in run.requests):
            yield f"without {name}, the request says None"


def device_agrees(subject: Subject) -> Iterator[str]:
    """A device profile passes exactly when its review status is pass."""
    for name, run in subject.runs.items():
        result = run.result
        if isinstance(result, DeviceResult) and result.passed is not (
            result.review_status is ReviewStatus.PASS
        ):
            status = result.review_status.value
            yield f"example {name!r}: {result.outcome.value}, with the review status {status}"


def document_read(subject: Subject) -> Iterator[str]:
    """A passed document has a type, an applicant, and no finding against it."""
    for name, run in subject.runs.items():
        result = run.result
        if not isinstance(result, DocumentResult) or not result.passed:
            continue
        if result.applicant is None or not result.applicant.reveal():
            yield f"example {name!r} passes without an applicant"
        elif not subject.reads_yes(run):
            yield f"example {name!r} passes, and its type, findings or selfie make core read a no"
    yield from _assumed_types(subject)


def _assumed_types(subject: Subject) -> Iterator[str]:
    """Yield where every word for the type of a document can be one that nobody has heard of."""
    probes = probes_of(subject)
    typed = [
        probe
        for probe in probes.found
        if says_document_type(probe.place.value) and not probes.is_open(probe.place) and probe.unheard
    ]
    if typed and all(_same_type(subject, probe) for probe in typed):
        yield f"{typed[0].where}: with {typed[0].unheard[0][0]}, the type of the document is the same"


def _same_type(subject: Subject, probe: Probe) -> bool:
    """Return whether a document passes as what it was, with a word of an unknown type."""
    before = subject.runs[probe.example].result
    return isinstance(before, DocumentResult) and all(
        isinstance(run.result, DocumentResult)
        and subject.reads_yes(run)
        and run.result.document_type is before.document_type
        for _word, run in probe.unheard
    )


def _holds(outer: Probe, inner: list[Probe]) -> bool:
    """Return whether the place of *outer* contains one of *inner*."""
    return not outer.place.is_leaf and any(
        probe.step is outer.step and probe.place.path[: len(outer.place.path)] == outer.place.path
        for probe in inner
    )


def _is_match(probe: Probe, before: VendorResult | None) -> bool:
    """Return whether a field of the place of *probe* is a match in its yes."""
    return before is not None and Match.MATCH in {before.attributes.get(name) for name in probe.attributes}


def _word(match: Match | None) -> str:
    return "left out" if match is None else match.value


CHECKS: Mapping[str, CheckRule] = {
    "example-outcome": example_outcome,
    "example-attributes": example_attributes,
    "example-facts": example_facts,
    "verdict-unheard-word": unheard_word,
    "word-dropped": dropped,
    "verdict-unknown-no": unknown_no,
    "field-unheard-word": field_unheard_word,
    "field-no-data": field_no_data,
    "verdict-vague-word": vague_word,
    "verdict-missing": missing_verdict,
    "field-missing": missing_field,
    "verdict-wrong-type": wrong_type,
    "verdict-unread": unread,
    "one-name": one_name,
    "device-agrees": device_agrees,
    "document-read": document_read,
}
