"""Maintenance windows: whether one is open at a moment, and until when. Pure; docs/explanation/routing.md."""

from dataclasses import dataclass

from proofing.base.recurrence import Recurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeWindow:
    """A window that opens once: ``start <= now < finish``, in seconds since the epoch.

    Attributes:
        vendor: whose, by the name of the vendor or its product; None for everything.
    """

    vendor: str | None
    start: float
    finish: float

    def open_until(self, at: float) -> float | None:
        """Return when the window closes that is open *at* this moment; None when it is closed."""
        return self.finish if self.start <= at < self.finish else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringWindow(Recurrence):
    """A window that opens again and again.

    Attributes:
        vendor: whose, by the name of the vendor or its product; None for everything.
    """

    vendor: str | None


Window = OneTimeWindow | RecurringWindow
