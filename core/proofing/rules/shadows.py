"""What a shadow may be told, and how its answer compares with the one that counts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from proofing.contracts.results import Check, Outcome

#: Of the person. Not the SSN, nor anything of a document, of which licensing agencies are asked.
SHADOW_ATTRIBUTES = frozenset(
    """
    address1 address2 city dob first_name last_name middle_name name_suffix phone state zipcode
    """.split()
)

_OUTCOMES = frozenset(outcome.value for outcome in Outcome)


class Agreement(StrEnum):
    """How two answers compare."""

    #: Both passed, or neither did.
    AGREED = "agreed"
    #: One passed.
    DISAGREED = "disagreed"
    #: The shadow gave no answer.
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a shadow's answer compares.

    Attributes:
        outcome: of the answer that counts.
        shadow_outcome: of the shadow; without an answer the `Cause`'s value.
        differing: attributes of the person that both judged, and differently; names alone.
    """

    agreement: Agreement
    outcome: str
    shadow_outcome: str
    differing: tuple[str, ...] = ()


def compare(counting: Check[Any], shadow: Check[Any]) -> Comparison:
    """Compare the *shadow* with the check that counts, which has a result."""
    first, second = counting.result, shadow.result
    outcome = Outcome.UNKNOWN.value if first is None else first.outcome.value
    shadow_outcome = Outcome.UNKNOWN.value
    if second is not None:
        shadow_outcome = second.outcome.value
    elif shadow.error is not None:
        shadow_outcome = shadow.error.cause.value
    differing: list[str] = []
    if first is not None and second is not None:
        both = first.attributes.keys() & second.attributes.keys()
        differing = sorted(name for name in both if first.attributes[name] != second.attributes[name])
    return Comparison(
        agreement=agreement_of(outcome, shadow_outcome),
        outcome=outcome,
        shadow_outcome=shadow_outcome,
        differing=tuple(differing),
    )


def agreement_of(outcome: str, shadow_outcome: str) -> Agreement:
    """Return how two outcomes compare; that of a shadow without an answer is a `Cause`'s value."""
    if shadow_outcome not in _OUTCOMES:
        return Agreement.NO_ANSWER
    passed = Outcome.PASSED.value
    return Agreement.AGREED if (outcome == passed) is (shadow_outcome == passed) else Agreement.DISAGREED
