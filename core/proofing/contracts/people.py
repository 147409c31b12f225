"""Who acts, and what a front end gets to see: plain values without behavior."""

from dataclasses import dataclass

from proofing.contracts.job_results import AnyJobResult
from proofing.contracts.records import StatusRecord
from proofing.contracts.verifications import Mode, VerificationRef


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRef:
    """Who acts: opaque references only.

    Attributes:
        reference: random reference of the person, kept over restarts of the flow.
        partner: reference of the organization that sent the person, if any.
        verification: for which the person acts; None where no relying party asked.
    """

    reference: str
    partner: str | None = None
    verification: VerificationRef | None = None

    @property
    def mode(self) -> Mode:
        """Whether real vendors are asked about the person."""
        return Mode.LIVE if self.verification is None else self.verification.mode


@dataclass(frozen=True, slots=True)
class PartyRef:
    """Which relying party asks, in which mode. Nothing of one ever meets anything of another.

    Attributes:
        name: in the settings.
    """

    name: str
    mode: Mode = Mode.LIVE


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
