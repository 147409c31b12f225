"""What the commands about relying parties share: names that the settings must know, and times as printed."""

import sys
from datetime import UTC, datetime

from proofing.settings import Settings


def knows(settings: Settings, name: str, endpoint: str | None = None) -> bool:
    """Return whether the settings name the relying party, and the endpoint if one is given; else say so."""
    parties = settings.relying_parties
    if name not in parties:
        known = ", ".join(parties) or "none"
        print(f"{name} is not in relying_parties of the settings; there are: {known}", file=sys.stderr)
        return False
    if endpoint is not None and endpoint not in parties[name].webhooks:
        known = ", ".join(parties[name].webhooks) or "none"
        print(f"{endpoint} is not in webhooks of {name}; there are: {known}", file=sys.stderr)
        return False
    return True


def utc_time(at: float) -> str:
    """Return a time as ISO 8601 in UTC, in seconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
