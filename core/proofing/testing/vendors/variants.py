"""The question of an example about people of whom less is known, or of another form."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from proofing.contracts.proofers import ProofingRequest
from proofing.testing.vendors.examples import Example
from proofing.testing.vendors.subject import Subject

#: Values that people really have, and those with which vendors and developers try things out.
_FORMS: dict[str, tuple[Any, ...]] = {
    "first_name": ("J", "Mary Ann", "Test"),
    "middle_name": ("B",),
    "last_name": ("Li", "O'Neil-Smith", "Test"),
    "dob": ("1952-02-29", "1931-12-01"),
    "ssn": ("000000000", "666666666", "900000001"),
    "address1": ("PO Box 7",),
    "zipcode": ("59101", "00501-0001"),
    "state": ("PR", "AE"),
    "phone": ("5555550100", "2015550123"),
    "email": ("TEST@EXAMPLE.COM",),
    "sex": ("male",),
    "height": (48,),
    "weight": (310,),
    "state_id_number": ("7", "A-123 45"),
    "document_type_received": ("state_id_card",),
}

#: An example with another question, after what is different about it.
Variant = tuple[str, Example]


def without_each(subject: Subject, example: Example) -> Iterator[Variant]:
    """Yield *example* without each attribute and circumstance that the question has."""
    question = subject.question(example)
    for name in sorted(subject.descriptor.attributes):
        if getattr(question.applicant, name) is not None:
            yield f"without {name}", _asking(example, _with_attribute(name, None))
    for name in sorted(subject.descriptor.needs):
        if getattr(question.circumstances, name) is not None:
            yield f"without {name}", _asking(example, _without_circumstance(name))


def of_other_forms(subject: Subject, example: Example) -> Iterator[Variant]:
    """Yield *example* about people whose attributes are of each other form that they may have."""
    question = subject.question(example)
    jurisdictions = sorted(subject.descriptor.jurisdictions or ("CA", "WY"))
    for name, values in {**_FORMS, "state_id_jurisdiction": (jurisdictions[0], jurisdictions[-1])}.items():
        if name in subject.descriptor.attributes and getattr(question.applicant, name) is not None:
            for value in values:
                yield f"with the {name} {value!r}", _asking(example, _with_attribute(name, value))


def _asking(example: Example, change: Callable[[ProofingRequest], ProofingRequest]) -> Example:
    ask = example.ask
    return replace(example, ask=lambda question: change(question if ask is None else ask(question)))


def _with_attribute(name: str, value: Any) -> Callable[[ProofingRequest], ProofingRequest]:
    return lambda question: replace(question, applicant=replace(question.applicant, **{name: value}))


def _without_circumstance(name: str) -> Callable[[ProofingRequest], ProofingRequest]:
    return lambda question: replace(question, circumstances=replace(question.circumstances, **{name: None}))
