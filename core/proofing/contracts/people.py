"""Who acts, and what a front end gets to see: plain values without behavior."""

from dataclasses import dataclass

from proofing.contracts.job_results import AnyJobResult
from proofing.contracts.records import StatusRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRef:
    """Who acts: opaque references only.

    Attributes:
        reference: random reference of the person, kept over restarts of the flow.
        partner: reference of the organization that sent the person, if any.
    """

    reference: str
    partner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitState:
    """How far one rate limit is used up."""

    remaining: int
    maximum: int
    seconds_left: float

    @property
    def reached(self) -> bool:
        """Whether no attempt is left."""
        return self.remaining <= 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FinishedJob:
    """A finished job and its result.

    Attributes:
        record: its status.
        result: the opened result; None when it holds none, or when its life was over.
    """

    record: StatusRecord
    result: AnyJobResult | None
