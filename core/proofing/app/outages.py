"""What is out for a person, and until when, as far as the settings in effect say."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from proofing.contracts.people import PersonRef
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import Refusal
from proofing.contracts.verifications import Mode, Step
from proofing.routing.router import FIRST_KINDS, Router
from proofing.routing.terms import closed_until
from proofing.settings import LiveSettings


@dataclass(frozen=True, slots=True)
class Outage:
    """Something that a person needs is out.

    Attributes:
        seconds: until scheduled maintenance is over; None when nobody knows.
    """

    seconds: float | None = None


class Outages:
    """Judges by switches, statuses and maintenance windows; asks no store and no vendor."""

    def __init__(
        self, live: LiveSettings, router_of: Callable[[Mode], Router], now: Callable[[], float]
    ) -> None:
        """Follow the settings *live*; *now* is in seconds since the epoch."""
        self._live = live
        self._router_of = router_of
        self._now = now

    def of_everything(self) -> Outage | None:
        """Return the outage of the whole product, for everybody; None when it is open."""
        settings = self._live.current
        if not settings.idv_available:
            return Outage()
        # Every request comes here, and nearly always there is no window.
        now = self._now()
        until = closed_until(settings, now) if settings.vendor_maintenance_windows else None
        return None if until is None else Outage(until - now)

    def of_flow(self, person: PersonRef, steps: Collection[Step] = ()) -> Outage | None:
        """Return the outage that keeps *person* from any page of the flow; None when it is open.

        *steps* are those of the person's policy, empty for the whole flow: nobody waits for the vendor of a
        step that they do not take.
        """
        if (closed := self.of_everything()) is not None:
            return closed
        if self._router_of(person.mode).is_available(person.reference):
            return None
        kinds = [kind for kind in FIRST_KINDS if not steps or kind.value in steps]
        found = [outage for kind in kinds if (outage := self.of_kind(person, kind)) is not None]
        if steps and not found and person.mode is Mode.LIVE:
            return None
        known = [outage.seconds for outage in found if outage.seconds is not None]
        return Outage(max(known)) if found and len(known) == len(found) else Outage()

    def of_kind(self, person: PersonRef, kind: ProoferKind) -> Outage | None:
        """Return the outage of every vendor who could be asked a question of *kind*; None when one is there.

        None also where the kind is switched off.
        """
        settings = self._live.current
        # As above.
        if not (settings.vendor_status or settings.vendor_maintenance_windows):
            return None
        router = self._router_of(person.mode)
        decision = router.explain(kind, person.reference)
        if decision.vendor is not None or not decision.passed_over:
            return None
        ends = [
            router.terms(kind).maintenance_until(vendor, decision.question.at)
            for vendor, reason in decision.passed_over
            if reason is Refusal.MAINTENANCE
        ]
        known = [until for until in ends if until is not None]
        return Outage(min(known) - decision.question.at) if known else Outage()
