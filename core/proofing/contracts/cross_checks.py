"""The cross-check: another reading of a document's images alongside its vendor's."""

from enum import StrEnum


class CrossCheckMode(StrEnum):
    """What comes of a difference between the two readings."""

    #: Nobody reads alongside the vendor.
    NEVER = "never"
    #: It is recorded as advice, and counts in no verdict.
    ADVISE = "advise"
    #: A difference that the cross-check does not call advice is a no.
    REFUSE = "refuse"
