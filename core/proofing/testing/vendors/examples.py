"""What the author of a vendor plugin provides: example answers, exemptions, and signed events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import httpx

from proofing.base.errors import Cause
from proofing.contracts.continuation import Because, Pending
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Match, Outcome

#: One response for every request, one after the other (the last one again and again), or a function.
Responses = httpx.Response | Sequence[httpx.Response] | Callable[[httpx.Request], httpx.Response]


@dataclass(frozen=True, slots=True)
class Example:
    """One conversation with the vendor that its documentation describes, and what it must come to.

    ::

        answers = {
            "yes": Example(httpx.Response(200, json={"id": "r1", "decision": "match"}), Outcome.PASSED),
            "no": Example(httpx.Response(200, json={"id": "r2", "decision": "no_match"}), Outcome.FAILED),
            "bad key": Example(httpx.Response(401), Cause.AUTHENTICATION),
        }

    Attributes:
        responses: what the vendor answers: to every request, in order, or by the request. A function must
            depend on its request alone. None for a proofer that asks nobody.
        comes_to: the outcome, or the `Cause` of the `VendorError` that is raised in its place.
        attributes: what the answer says of single attributes, all of them.
        reasons: our normalized codes, all of them, in any order.
        facts: further fields of the result, such as ``document_type`` or ``review_status``.
        because: why a question that is pending is resumed, in order; `Due` after the last one.
        posted: what a wallet posts as the answer to an `Exchange`; made from the `Pending` where it must
            fit that.
        ask: changes the question, where that decides the answer, as with a mock.
    """

    responses: Responses | None
    comes_to: Outcome | Cause
    attributes: Mapping[str, Match] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    because: Sequence[Because] = ()
    posted: bytes | Callable[[Pending], bytes] | None = None
    ask: Callable[[ProofingRequest], ProofingRequest] | None = None


@dataclass(frozen=True, slots=True)
class Exemption:
    """Why one rule does not hold for a proofer, and until when that has been checked.

    Attributes:
        reason: in a sentence; what the vendor does that the rule does not foresee.
        until: the last day. After it the rule fails, and so it does when the proofer keeps the rule.
    """

    reason: str
    until: date


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ticket:
    """An event that the vendor is to sign, for `ProoferContract.signed_event`.

    Attributes:
        secret: sign with it, and nothing else.
        at: the time of signing, where the vendor signs one.
        question_id: our id of the question, for vendors that echo it.
        reference: the vendor's id of the question (`Pending.reference`); None where it has none.
        body: sign these very bytes; None for an event of your own.
    """

    secret: str
    at: datetime
    question_id: str
    reference: str | None
    body: bytes | None = None
