"""What a rule of the kit is."""

from dataclasses import dataclass
from enum import StrEnum

#: Where the rules are explained.
PAGE = "docs/reference/vendor-rules.md"


class Group(StrEnum):
    """What a rule is about; a heading of the page."""

    LOADING = "Loading"
    EXAMPLES = "Examples"
    VERDICTS = "Verdicts"
    STATE = "State"
    NETWORK = "Network and time"
    DATA = "Secrets and personal data"
    SHAPE = "Shape of the answer"
    REQUESTS = "Requests"
    XML = "XML"
    WEBHOOKS = "Webhooks"
    HOSTED = "Questions that continue"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: stable; in messages, exemptions and the page.
        what: must hold.
        why: it must.
        fix: what to do.
        since: the contract version that brought it; see `proofing.testing.vendors.report`.
    """

    id: str
    group: Group
    what: str
    why: str
    fix: str
    since: int = 2
