"""The moment of the kit: far from the clock of any machine."""

from datetime import UTC, datetime

#: When events are signed and received, and people agreed.
SIGNED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
