"""What other examples say in places that a yes does not have, put into the yes: lists, errors, flags."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

import httpx

from proofing.base.errors import Cause
from proofing.contracts.results import VendorResult
from proofing.testing.vendors.bending import JSONBody, Path, XMLBody, body_of, text_of
from proofing.testing.vendors.subject import Step, Subject, bend_to, facts_of
from proofing.testing.vendors.trial import Run
from proofing.testing.vendors.words import MAX_WORD, unheard_words

#: Of what an example has more than the yes, so many places are tried, and so many words of each.
_MOST_PLACES = 40
_MOST_WORDS = 6
_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Graft:
    """What another example has in a place that a yes does not have, and what the yes comes to with it.

    Attributes:
        example: name of the yes; *source*: of the other.
        path: of the place; the last part is a number where an item was added to a list.
        is_of_error: whether the other example is no answer, in spite of its status.
        run: what the yes comes to with it.
        unheard: words that nobody has heard of in its place, and what came of them.
        is_without_effect: whether the yes is the same with it.
    """

    example: str
    source: str
    path: Path
    is_of_error: bool
    run: Run
    unheard: tuple[tuple[str, Run], ...]
    is_without_effect: bool

    @property
    def place(self) -> str:
        """The place for people."""
        return ".".join(map(str, self.path))

    @property
    def pattern(self) -> str:
        """The place with ``*`` for the numbers of items."""
        return ".".join("*" if isinstance(part, int) else str(part) for part in self.path)


def grafts_of(subject: Subject) -> list[Graft]:
    """Return all grafts of *subject*, made once."""
    return subject.once(_graft_all)


def _graft_all(subject: Subject) -> list[Graft]:
    with subject.trial.session():
        return list(_graft_each(subject))


def _graft_each(subject: Subject) -> Iterator[Graft]:
    seen: set[tuple[int, str]] = set()
    for name in subject.good[:1]:
        for step in subject.steps[name]:
            for source, steps in subject.steps.items():
                for other in steps:
                    is_like = other.number == step.number and type(other.body) is type(step.body)
                    if step.body is None or not is_like:
                        continue
                    for path, value in step.body.parts_of(other.body):
                        key = (step.number, f"{path} {text_of(value)}")
                        if key not in seen and len(seen) < _MOST_PLACES:
                            seen.add(key)
                            yield _graft(subject, step, path, value, name=name, source=source)


def _graft(subject: Subject, step: Step, path: Path, value: Any, *, name: str, source: str) -> Graft:
    words = [value, *_with_unheard(value)]
    assert step.body is not None
    bends = [bend_to(step, step.body.with_part(path, word)) for word in words]
    known, *unheard = subject.put_all(subject.examples[name], bends)
    before = subject.runs[name].result
    return Graft(
        example=name,
        source=source,
        path=path,
        is_of_error=isinstance(subject.examples[source].comes_to, Cause)
        # Where the status says so, there is no need to look for more.
        and all(other.response.is_success for other in subject.steps[source]),
        run=known,
        unheard=tuple(zip([text_of(word)[:_MOST_SHOWN] for word in words[1:]], unheard, strict=True)),
        is_without_effect=known.result is not None and told_by(known.result) == told_by(before),
    )


def told_by(result: VendorResult | None) -> tuple[object, ...]:
    """Return what a result says, its reasons and signals included."""
    more = ("reasons", "fraud_signals", "line_type", "document_type")
    return (*facts_of(result), *(getattr(result, name, None) for name in more))


def _with_unheard(value: Any) -> list[Any]:
    """Return *value* with a word that nobody has heard of in the place of each of its words."""
    if isinstance(value, str):
        return [unheard_words(value)[0]] if len(value) <= MAX_WORD else []
    body = XMLBody(value) if isinstance(value, Element) else JSONBody(value)
    found: list[Any] = []
    for leaf in body.leaves:
        if isinstance(leaf.value, str) and len(leaf.value) <= MAX_WORD:
            content = body.replaced(leaf, unheard_words(leaf.value)[0])
            bent = body_of(httpx.Response(200, content=content or b""))
            found += [bent.whole] if bent is not None else []
    if isinstance(value, bool):
        found.append("qzunheard")
    return found[:_MOST_WORDS]
