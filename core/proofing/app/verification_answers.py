"""What `proofing.app.verifications.Verifications` answers to changes."""

from dataclasses import dataclass

from proofing.contracts.verification_store import IdempotentAnswer
from proofing.contracts.verifications import VerificationRecord


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewVerification:
    """What came of `Verifications.create`: exactly one of record, replayed and open is set.

    Attributes:
        record: it was created.
        token: of the person's link; only together with *record*.
        replayed: the idempotency key was used before; nothing was created. Its token: `Verifications.token`.
        open: the person has an open verification of this policy; nothing was created.
    """

    record: VerificationRecord | None = None
    token: str | None = None
    replayed: IdempotentAnswer | None = None
    open: VerificationRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewLink:
    """A link that was made just now.

    Attributes:
        record: of its verification.
        token: of the link; None where the request was answered before.
        replayed: the idempotency key was used before; no link was made.
    """

    record: VerificationRecord
    token: str | None = None
    replayed: IdempotentAnswer | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Changed:
    """A verification after a change.

    Attributes:
        record: as it is now.
        replayed: the idempotency key was used before; nothing was changed.
    """

    record: VerificationRecord
    replayed: IdempotentAnswer | None = None
