"""How answers are read: the author's examples as they are, and each yes with one value bent."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from weakref import WeakKeyDictionary

from proofing.contracts.results import DeviceResult, DocumentResult, Match, ReviewStatus, VendorResult
from proofing.testing.vendors.probing import Probe, Probes, is_no, kept_attributes
from proofing.testing.vendors.subject import CheckRule, Subject, is_other_host

_probes: "WeakKeyDictionary[Subject, Probes]" = WeakKeyDictionary()


def probes_of(subject: Subject) -> Probes:
    """Return the probes of *subject*, made once."""
    return _probes.setdefault(subject, Probes(subject))


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
            if subject.reads_yes(run):
                yield f"{probe.where}: {word} is read as a yes"
                break


def unknown_no(subject: Subject) -> Iterator[str]:
    """A word that nobody has heard of is never a no."""
    for probe in probes_of(subject).found:
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
            if is_no(run) and not probe.attributes:
                yield f"{probe.where}: {label}, it is read as a no"
                break
            if subject.reads_yes(run) and (probe in deciding or _holds(probe, deciding)):
                yield f"{probe.where}: {label}, it is read as a yes"
                break


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
    "verdict-unknown-no": unknown_no,
    "field-unheard-word": field_unheard_word,
    "field-no-data": field_no_data,
    "verdict-vague-word": vague_word,
    "verdict-missing": missing_verdict,
    "field-missing": missing_field,
    "verdict-wrong-type": wrong_type,
    "one-name": one_name,
    "device-agrees": device_agrees,
    "document-read": document_read,
}
