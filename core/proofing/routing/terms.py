"""What the settings in effect say of each kind of question, in the form in which `rules.routing` decides."""

from collections.abc import Callable, Sequence

from proofing.base.recurrence import Recurrence
from proofing.contracts.results import ProoferKind
from proofing.rules.routing import Fallback, RoutingTerms
from proofing.rules.windows import OneTimeWindow, RecurringWindow, Window
from proofing.settings import Settings
from proofing.settings.vendor_values import MaintenanceWindow, SecondOpinion, VendorFallback, VendorStatus


def is_ordered(kind: ProoferKind) -> bool:
    """Return whether the settings name several vendors of a *kind*, asked in order until one succeeds."""
    return f"{kind}_vendors" in Settings.model_fields


def terms_of(settings: Settings, kind: ProoferKind, hash_of: Callable[[str], str]) -> RoutingTerms:
    """Return what *settings* say of *kind*; *hash_of* makes the keyed hash of a person's reference."""
    second: SecondOpinion | None = getattr(settings, f"{kind}_vendor_second_opinion", None)
    fallbacks: Sequence[VendorFallback] = getattr(settings, f"{kind}_vendor_fallbacks", ())
    allow_list: dict[str, Sequence[str]] = getattr(settings, f"{kind}_vendor_allow_list", {})
    percentages: dict[str, float] = getattr(settings, f"{kind}_vendor_percentages", {})
    return RoutingTerms(
        kind=kind,
        vendors=vendors_of(settings, kind),
        allow_list={hash_of(person): vendor for vendor, people in allow_list.items() for person in people},
        percentages=tuple(percentages.items()),
        fallbacks=tuple(
            Fallback(vendor=one.vendor, after=frozenset(cause.value for cause in one.after))
            for one in fallbacks
        ),
        second_opinion=second.vendor if second else None,
        second_opinion_percentage=second.percentage if second else 100.0,
        outages=frozenset(
            name for name, status in settings.vendor_status.items() if status is not VendorStatus.OPERATIONAL
        ),
        # Where everything is in maintenance nobody begins; the jobs of those who have begun are finished.
        windows=tuple(window_of(one) for one in settings.vendor_maintenance_windows if not one.everything),
    )


def window_of(window: MaintenanceWindow) -> Window:
    """Return the *window* of the settings, whose vendor is None for everything."""
    if window.start is not None and window.finish is not None:
        return OneTimeWindow(
            vendor=window.vendor, start=window.start.timestamp(), finish=window.finish.timestamp()
        )
    return RecurringWindow(
        vendor=window.vendor,
        cron=window.cron or "",
        minutes=window.minutes or 0,
        time_zone=window.time_zone,
    )


def closed_until(settings: Settings, at: float) -> float | None:
    """Return until when the whole product is in maintenance *at* this moment; None when it is not."""
    windows = [window_of(one) for one in settings.vendor_maintenance_windows if one.everything]
    found = [until for one in windows if (until := one.open_until(at)) is not None]
    return max(found, default=None)


def is_agency_in_maintenance(settings: Settings, jurisdiction: str | None, at: float) -> bool:
    """Return whether announced maintenance of a licensing agency is going on *at* this moment."""
    windows = settings.state_id_maintenance_windows.get(jurisdiction or "", ())
    return any(
        Recurrence(cron=one.cron, minutes=one.minutes, time_zone=one.time_zone).open_until(at) is not None
        for one in windows
    )


def vendors_of(settings: Settings, kind: ProoferKind) -> tuple[str, ...]:
    """Return the vendors of a *kind* that is asked in order, or the default; none for what is off."""
    if is_ordered(kind):
        return tuple(getattr(settings, f"{kind}_vendors"))
    is_off = (kind is ProoferKind.DEVICE and not settings.device_profiling_enabled) or (
        kind is ProoferKind.MESSENGER and not settings.confirms_phone
    )
    vendor: str | None = getattr(settings, f"{kind}_vendor")
    return () if is_off or vendor is None else (vendor,)
