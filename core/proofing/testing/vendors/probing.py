"""Finds the places of a yes that decide something, by bending every value, and what bent ones come to.

A place *decides* if a word that is known from it changes the outcome or an attribute: a word of another
example, or a usual word of a no. What nobody has heard of must not pass there. A place where no word
changes anything, such as the vendor's id, may hold anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from proofing.contracts.applicant import DocumentType
from proofing.contracts.results import DocumentResult, FindingCode, Match, Outcome
from proofing.rules.document_errors import OUTWEIGHED
from proofing.testing.vendors.bending import Body, JSONBody, Place, body_of
from proofing.testing.vendors.subject import Step, Subject, facts_of
from proofing.testing.vendors.trial import Run
from proofing.testing.vendors.words import (
    MAX_WORD,
    NO,
    NO_DATA,
    NOT_YET,
    VAGUE,
    is_ambiguous,
    says_done,
    styled,
    unheard_words,
)

#: Fields of results that are evidence by themselves, whatever the outcome.
EVIDENCE = ("account", "death", "line_type", "passport_check")
#: What is said of an object of which all fields are gone.
NO_FIELDS = "without any field"
#: With more places than that only the most usual words of a no are tried.
_MANY = 80
_FEW_WORDS = 5
#: Of the words that examples have in a place, how many are tried.
_KNOWN_WORDS = 6


@dataclass(slots=True, kw_only=True)
class Probe:
    """One value of a yes, and what others in its place come to.

    Attributes:
        example: name of the yes.
        decides: whether a known word there changes the outcome, or makes it an error.
        attributes: those that a known word there changes.
        evidence: fields of the result, such as ``account``, that a known word there changes.
        ignored: known words that change nothing.
        waiting: what came of known words after which the question stays pending.
        unheard: words that nobody has heard of, and what came of them; so the others.
    """

    example: str
    step: Step
    place: Place
    decides: bool = False
    attributes: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()
    ignored: list[Any] = field(default_factory=list)
    waiting: list[tuple[Any, Run]] = field(default_factory=list)
    unheard: list[tuple[str, Run]] = field(default_factory=list)
    numbers: list[tuple[str, Run]] = field(default_factory=list)
    vague: list[tuple[str, Run]] = field(default_factory=list)
    no_data: list[tuple[str, Run]] = field(default_factory=list)
    missing: list[tuple[str, Run]] = field(default_factory=list)
    types: list[tuple[str, Run]] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The place for people."""
        more = f" of answer {self.step.number + 1}" if self.step.number else ""
        return f"example {self.example!r}, {self.place.name}{more}"

    @property
    def all_runs(self) -> Iterator[tuple[str, Run]]:
        """Everything that was tried, with what was in the place."""
        for runs in (self.unheard, self.numbers, self.vague, self.no_data, self.missing, self.types):
            yield from runs


class Probes:
    """All probes of a subject."""

    def __init__(self, subject: Subject) -> None:
        """Bend the examples of *subject* that are read as a yes."""
        self._subject = subject

    @cached_property
    def found(self) -> Sequence[Probe]:
        """The probes, made when they are first asked for."""
        with self._subject.trial.session():
            return self._find()

    def _find(self) -> list[Probe]:
        probes = []
        common: set[tuple[int, bytes]] = set()
        for name in self._subject.good:
            for step in self._subject.steps[name]:
                answer = (step.number, step.response.content)
                if step.body is None or answer in common:
                    continue
                is_many = len(step.body.leaves) > _MANY
                if is_common := self._is_common(step):
                    common.add(answer)
                probes += [
                    self._probe(name, step, place, is_many=is_many, is_common=is_common)
                    for place in step.body.places()
                ]
        return probes

    def _is_common(self, step: Step) -> bool:
        """Return whether the answer is the same in a no, such as that to a login: it decides nothing."""
        return any(
            other.number == step.number and other.response.content == step.response.content
            for refused in self._subject.refused
            for other in self._subject.steps[refused]
        )

    def _probe(self, name: str, step: Step, place: Place, *, is_many: bool, is_common: bool) -> Probe:
        probe = Probe(example=name, step=step, place=place)
        if place.is_leaf and place.value is not None:
            if not self.is_open(place):
                probe.unheard = self._try(probe, unheard_words(place.value) if _is_word(place.value) else [])
            self._classify(probe, is_many=is_many, is_common=is_common)
        if place.path and not self._may_be_missing(step, place):
            probe.missing = self._try_missing(probe)
        if place.is_leaf and step.body is not None and step.body.kind == "json" and place.value is not None:
            probe.types = self._try(probe, _wrong_types(place.value))
        return probe

    def _classify(self, probe: Probe, *, is_many: bool, is_common: bool) -> None:
        """Find out whether the place decides something, and try the words that matter where it does."""
        value, before = probe.place.value, self._subject.runs[probe.example].result
        same, alike = self._known(probe)
        known = [*same, *alike]
        # An id that must be of some form is refused in another, and is no verdict.
        is_id = value is not None and value in {before.transaction_id, before.reference} if before else False
        for word in known:
            run = self._one(probe, word)
            if run.result is None and word in same and word != "":
                # Of a word from elsewhere nobody knows whether the vendor says it here; no text is no word:
                # an id that must not be empty decides nothing.
                is_refused = run.error is not None and not run.pendings and not is_id
                probe.decides = probe.decides or is_refused
            self._compare(probe, word, run, before)
            self._note_waiting(probe, word, run)
            if isinstance(value, int) and not isinstance(value, bool) and isinstance(word, int):
                self._try_numbers(probe, word, run)
        if isinstance(value, str) and _is_word(value) and not is_common:
            self._try_usual(probe, value, known, before, is_many=is_many)
        elif isinstance(value, bool):
            self._compare(probe, not value, self._one(probe, not value), before)
        if isinstance(value, str) and (probe.decides or probe.attributes) and not self.is_open(probe.place):
            words = [form for word in VAGUE for form in styled(word, value)[:2]]
            probe.vague = self._try(probe, [word for word in words if word not in self._of_a_yes(probe)])
        if isinstance(value, str) and probe.attributes:
            words = [form for word in NO_DATA for form in styled(word, value)[:2]]
            probe.no_data = self._try(probe, [word for word in words if not is_ambiguous(word, self._said)])

    def _try_usual(self, probe: Probe, value: str, known: list[Any], before: Any, *, is_many: bool) -> None:
        """Try usual words of a no until one changes something; where a word says done, those for not yet."""
        for word in _usual_words(value, is_many=is_many):
            if word != value and word not in known and not (probe.attributes or probe.decides):
                self._compare(probe, word, self._one(probe, word), before)
        for word in [styled(word, value)[0] for word in NOT_YET if says_done(value)]:
            run = self._one(probe, word)
            self._compare(probe, word, run, before)
            self._note_waiting(probe, word, run)

    def _note_waiting(self, probe: Probe, word: Any, run: Run) -> None:
        """Note a word with which the answer is not there yet; then the other word decides that it is."""
        if run.result is None and len(run.requests) > len(self._subject.runs[probe.example].requests):
            probe.waiting.append((word, run))
            probe.decides = True

    def _compare(self, probe: Probe, word: Any, run: Run, before: Any) -> None:
        """Note what a known word changed."""
        if run.result is None or before is None:
            return
        if (facts_of(run.result), run.result.reasons) == (facts_of(before), before.reasons):
            probe.ignored.append(word)
        now, then = run.result.attributes, before.attributes
        probe.attributes |= {name for name in then if name in now and now[name] is not then[name]}
        probe.evidence |= {
            name for name in EVIDENCE if getattr(run.result, name, None) is not getattr(before, name, None)
        }
        types = [getattr(result, "document_type", None) for result in (run.result, before)]
        is_other_type = types[0] not in {types[1], None, DocumentType.OTHER}
        if is_other_type or not (self._subject.reads_yes(run) or is_unsupported(run)):
            probe.decides = True

    def _try_numbers(self, probe: Probe, other: int, run: Run) -> None:
        """Try the numbers around one that changes the outcome: a code is read by itself, a score is not."""
        if self._subject.reads_yes(run):
            return
        around = [number for number in (other - 1, other + 1, 424_242) if number != probe.place.value]
        runs = [(str(number), self._one(probe, number)) for number in around]
        if len(runs) > 1 and all(self._subject.reads_yes(found) for _number, found in runs):
            probe.numbers += runs

    def _known(self, probe: Probe) -> tuple[list[Any], list[Any]]:
        """Return what other examples have in this place, and what they have in its like.

        Alike are places of the same name that hold the same in the yes, such as the results of other fields.
        """
        value, body = probe.place.value, probe.step.body
        assert body is not None
        mine = body.by_path
        same: list[Any] = []
        alike: list[Any] = []
        for name, theirs, place in self._leaves_by_key.get(probe.place.key, ()):
            if name == probe.example or type(place.value) is not type(value) or place.value == value:
                continue
            if place.path == probe.place.path:
                same.append(place.value)
            elif (
                place.path in mine
                and mine[place.path].value == value
                # Where items were added or left out, others have moved.
                and len(mine) == len(theirs.by_path)
            ):
                alike.append(place.value)
        words = [
            [one for one in dict.fromkeys(found) if _is_word(one)][:_KNOWN_WORDS] for found in (same, alike)
        ]
        return words[0], [word for word in words[1] if word not in words[0]]

    @cached_property
    def _leaves_by_key(self) -> Mapping[str, Sequence[tuple[str, Body, Place]]]:
        """All values of all examples by the name of their place, with example and body."""
        found: dict[str, list[tuple[str, Body, Place]]] = {}
        for name, steps in self._subject.steps.items():
            for step in steps:
                for leaf in step.body.leaves if step.body is not None else ():
                    found.setdefault(leaf.key, []).append((name, step.body, leaf))  # type: ignore[arg-type]
        return found

    @cached_property
    def _said(self) -> frozenset[str]:
        """The texts that the vendor says anywhere in the examples."""
        bodies = [step.body for steps in self._subject.steps.values() for step in steps if step.body]
        return frozenset(
            place.value for body in bodies for place in body.leaves if isinstance(place.value, str)
        )

    def _of_a_yes(self, probe: Probe) -> set[Any]:
        """Return what the place of *probe* holds in any yes, where the author says what it comes to."""
        steps = [step for name in self._subject.good for step in self._subject.steps[name]]
        places = [
            step.body.by_path.get(probe.place.path)
            for step in steps
            if step.number == probe.step.number and step.body is not None
        ]
        return {place.value for place in places if place is not None and isinstance(place.value, str)}

    def documented(self, probe: Probe) -> Sequence[Any]:
        """Return what other examples have in the very place of *probe*."""
        return self._known(probe)[0]

    def is_open(self, place: Place) -> bool:
        """Return whether the author says why what is at *place* turns no yes into a no."""
        return any(place.is_called(name) for name in self._subject.suite.open_places)

    def _may_be_missing(self, step: Step, place: Place) -> bool:
        """Return whether a documented yes lacks this place, or has null there."""
        is_item = step.body is not None and bool(place.path) and isinstance(place.path[-1], int)
        if is_item and self._may_be_missing(step, step.body.by_path[place.path[:-1]]):  # type: ignore[union-attr]
            # Of a list that may be missing.
            return True
        for name in self._subject.good:
            for other in self._subject.steps[name]:
                same = (other.request.method, other.number) == (step.request.method, step.number)
                if not same or other.body is None:
                    continue
                theirs = other.body.by_path
                found = theirs.get(place.path)
                if (found is None or _is_null(found)) and place.path[:-1] in theirs:
                    return True
        return False

    def _try_missing(self, probe: Probe) -> list[tuple[str, Run]]:
        body, place = probe.step.body, probe.place
        assert body is not None
        tried = [("missing", body.removed(place))]
        if body.kind == "xml" and place.is_leaf and place.value:
            tried.append(("empty", body.replaced(place, "")))
        if body.kind == "json" and self._has_results(body, place):
            # What holds for each of none holds: `all` of an empty list is true.
            is_list = body.is_list(place)
            if not self._may_be_empty(probe.step, place):
                tried.append(
                    ("empty", body.replaced(place, [])) if is_list else (NO_FIELDS, body.replaced(place, {}))
                )
        if body.kind == "json" and not _is_null(place):
            tried.append(("null", body.replaced(place, None)))
        return self._run_all(
            probe, [(label, content) for label, content in tried if not self._is_documented(content)]
        )

    def _may_be_empty(self, step: Step, place: Place) -> bool:
        """Return whether a documented yes has nothing at *place*, such as no alerts."""
        for name in self._subject.good:
            for other in self._subject.steps[name]:
                if other.number != step.number or other.body is None:
                    continue
                inside = other.body.by_path
                if (found := inside.get(place.path)) is not None and not found.is_leaf:
                    depth = len(place.path)
                    if not any(path[:depth] == place.path for path in inside if len(path) > depth):
                        return True
        return False

    @staticmethod
    def _has_results(body: Body, place: Place) -> bool:
        """Return whether *place* holds others that are no list of words, such as of alerts."""
        return not place.is_leaf and not (
            body.is_list(place) and any(one.is_leaf and one.path[:-1] == place.path for one in body.places())
        )

    def _is_documented(self, content: bytes | None) -> bool:
        """Return whether an example has this very answer, such as one with an empty list."""
        bent = body_of(httpx.Response(200, content=content or b""))
        return isinstance(bent, JSONBody) and any(
            bent == step.body for steps in self._subject.steps.values() for step in steps
        )

    def _try(self, probe: Probe, values: Sequence[Any]) -> list[tuple[str, Run]]:
        body = probe.step.body
        assert body is not None
        others = [value for value in values if value is not probe.place.value and value != probe.place.value]
        return self._run_all(probe, [(repr(value), body.replaced(probe.place, value)) for value in others])

    def _one(self, probe: Probe, value: Any) -> Run:
        body = probe.step.body
        assert body is not None
        content = body.replaced(probe.place, value)
        assert content is not None
        return self._subject.put_bent(probe.example, probe.step, [content])[0]

    def _run_all(self, probe: Probe, tried: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, Run]]:
        possible = [(label, content) for label, content in tried if content is not None]
        contents = [content for _label, content in possible]
        runs = self._subject.put_bent(probe.example, probe.step, contents)
        return [(label, run) for (label, _content), run in zip(possible, runs, strict=True)]


def _is_null(place: Place) -> bool:
    return place.is_leaf and place.value is None


def _is_word(value: object) -> bool:
    """Return whether *value* may be a vendor's word, and no sentence, image or token."""
    return not isinstance(value, str) or len(value) <= MAX_WORD


def _usual_words(value: object, *, is_many: bool) -> list[str]:
    """Return usual words of a no, spelled as *value* is."""
    words = NO[: _FEW_WORDS if is_many else None]
    return [styled(word, value)[0] for word in words]


def _wrong_types(value: object) -> list[Any]:
    """Return values of other types, which nobody could take for *value* spelled in another way."""
    if isinstance(value, bool):
        return ["qzunheard", "false" if value else "true", [], {}]
    if isinstance(value, (int, float)):
        return ["qzunheard", [], {}]
    return [7, True, False, [], {}, [value]]


def kept_attributes(run: Run, names: frozenset[str]) -> Mapping[str, Match]:
    """Return those of the attributes *names* that a result says are a match or a mismatch."""
    found = run.result.attributes if run.result is not None else {}
    return {name: found[name] for name in names if found.get(name) in {Match.MATCH, Match.MISMATCH}}


def is_no(run: Run) -> bool:
    """Return whether a question came to a no, and not only to a document that is not accepted."""
    return run.result is not None and run.result.outcome is Outcome.FAILED and not is_unsupported(run)


def is_unsupported(run: Run) -> bool:
    """Return whether all that speaks against a document is its type, which nobody has heard of."""
    result = run.result
    if not isinstance(result, DocumentResult):
        return False
    against = {finding.code for finding in result.against} - OUTWEIGHED
    is_untyped = result.applicant is not None and result.document_type in {None, DocumentType.OTHER}
    return against == {FindingCode.UNSUPPORTED_DOCUMENT} or (
        not against and (is_untyped or bool(result.against))
    )
