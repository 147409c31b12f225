"""Which vendor is asked: one router that chooses, and can explain its choice.

The settings of a kind are ``<kind>_vendors``, asked in this order until one succeeds, or ``<kind>_vendor``
with, for some kinds, ``<kind>_vendor_percentages``, which give shares to others.

A person's bucket is SHA-256 of ``discriminator:experiment`` as a fraction of 100; the percentages of the
settings are walked in their order, and who falls outside gets the default vendor. The same discriminator
always falls into the same bucket, so the choice is sticky without being stored.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from proofing.base.errors import ConfigurationError, PluginError, Problem
from proofing.contracts.records import JobKind, first_asked, job_of
from proofing.contracts.results import ProoferKind
from proofing.outbound.tls import check_tls
from proofing.registry.plugins import PluginManager
from proofing.registry.proofers import LoadedProofer
from proofing.routing.selfies import selfie_problems
from proofing.settings import LiveSettings, Settings
from proofing.settings.schema import VendorStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A vendor and why it was chosen.

    Attributes:
        vendor: name of the proofer; None when the kind is switched off.
        explanation: the steps that led to it, for people.
        is_in_outage: whether the operators say that the vendor is out.
    """

    vendor: str | None
    explanation: tuple[str, ...]
    is_in_outage: bool = False


def bucket(discriminator: str, experiment: str) -> float:
    """Return where *discriminator* falls in *experiment*, from 0 to 100."""
    digest = hashlib.sha256(f"{discriminator}:{experiment}".encode()).hexdigest()
    return int(digest, 16) / (16**64 - 1) * 100


class Router:
    """Chooses among the proofers of the enabled plugins by the settings in effect."""

    def __init__(self, plugins: PluginManager, live: LiveSettings) -> None:
        """Choose among *plugins*' proofers."""
        self._plugins = plugins
        self._live = live

    def explain(self, kind: ProoferKind, discriminator: str) -> Choice:
        """Return the choice for *discriminator*: the person for documents, the attempt for resolution."""
        settings = self._live.current
        vendor, explanation = _walk(settings, kind, discriminator)
        if vendor is None:
            return Choice(vendor=None, explanation=explanation)
        status = settings.vendor_status.get(vendor, VendorStatus.OPERATIONAL)
        is_in_outage = status is not VendorStatus.OPERATIONAL
        return Choice(
            vendor=vendor,
            explanation=(*explanation, f"vendor_status of {vendor} is {status.value}"),
            is_in_outage=is_in_outage,
        )

    def choose(self, kind: ProoferKind, discriminator: str) -> LoadedProofer | None:
        """Return the proofer for *discriminator*, or None when the kind is switched off.

        Raises:
            PluginError: the vendor's plugin is not there.
        """
        choice = self.explain(kind, discriminator)
        return None if choice.vendor is None else self.named(kind, choice.vendor)

    def named(self, kind: ProoferKind, name: str) -> LoadedProofer:
        """Return the proofer *name*. Raises `PluginError` when there is none."""
        return _named(self._plugins, kind, name)

    def in_order(self, kind: ProoferKind) -> list[LoadedProofer]:
        """Return the vendors of a *kind* that is asked in order, without those that are out."""
        return [self.named(kind, name) for name in _available_vendors(self._live.current, kind)]

    def candidates(self, kind: JobKind, person: str) -> Sequence[str]:
        """Return the names of the vendors of which one will be asked first in a job of *kind*.

        For documents it is the person's vendor; for resolution the attempt decides, so each one is named.
        """
        settings, asked = self._live.current, first_asked(kind)
        if _is_ordered(asked):
            return _available_vendors(settings, asked)
        if kind is JobKind.RESOLUTION:
            shares = settings.resolution_vendor_percentages
            chosen = [name for name, share in shares.items() if share]
            return chosen if sum(shares.values()) >= 100 else [*chosen, settings.resolution_vendor]  # noqa: PLR2004 - percent
        vendor = self.explain(asked, person).vendor
        return [] if vendor is None else [vendor]

    def is_available(self, discriminator: str) -> bool:
        """Return whether the flow can be offered: it is on, and no vendor of its first steps is out."""
        settings = self._live.current
        # Nearly always no vendor is out, and every request comes here.
        return settings.idv_available and (
            all(status is VendorStatus.OPERATIONAL for status in settings.vendor_status.values())
            or not any(
                self.explain(kind, discriminator).is_in_outage
                for kind in (ProoferKind.DOCUMENT, ProoferKind.RESOLUTION)
            )
        )

    def uses_mocks(self) -> bool:
        """Return whether a vendor of the settings in effect is a mock: then this is a test system."""
        mocks = {vendor for vendor, loaded in self._plugins.proofers.items() if loaded.is_mock}
        return bool(mocks) and any(
            (kind, name) in mocks
            for _key, kind, names in _named_vendors(self._live.current)
            for name in names
        )

    def configured(self) -> list[LoadedProofer]:
        """Return every proofer that the settings in effect name. Raises `PluginError` when one is missing."""
        found = {
            (kind, name): self.named(kind, name)
            for _key, kind, names in _named_vendors(self._live.current)
            for name in names
        }
        return list(found.values())

    def named_vendors(self) -> frozenset[str]:
        """Return the vendors that the settings in effect name, for whatever kind."""
        return frozenset(name for _key, _kind, names in _named_vendors(self._live.current) for name in names)

    def validate_vendors(self) -> list[Problem]:
        """Return the vendors of the settings in effect that cannot be asked. See `validate_vendors`."""
        return validate_vendors(self._live.current, self._plugins)


def validate_vendors(settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Make every vendor that *settings* name; return those that cannot be made or are not driven."""
    problems = []
    for key, kind, names in _named_vendors(settings):
        for name in names:
            try:
                loaded = _named(plugins, kind, name)
                check_tls(loaded.policy().tls)
                _ = loaded.proofer, loaded.browser_part
            except PluginError as error:
                problems.append(Problem("settings", key, str(error)))
    return problems


def vendor_hosts(settings: Settings, plugins: PluginManager) -> dict[str, list[str]]:
    """Return the hosts that each vendor that *settings* name may call, without the port of https; sorted.

    Vendors that call none are left out. The settings must be without `vendor_problems`.

    Raises:
        ConfigurationError: the descriptor of a vendor is broken.
    """
    found: dict[str, set[str]] = {}
    problems = []
    for key, kind, names in _named_vendors(settings):
        for name in names:
            try:
                hosts = _named(plugins, kind, name).policy().hosts
            except PluginError as error:
                problems.append(Problem("settings", key, str(error)))
            else:
                found.setdefault(name, set()).update(host.lower().removesuffix(":443") for host in hosts)
    if problems:
        raise ConfigurationError(problems)
    return {name: sorted(hosts) for name, hosts in sorted(found.items()) if hosts}


def with_stand_ins(settings: Settings, plugins: PluginManager) -> list[LoadedProofer]:
    """Return the proofers that *settings* name whose vendor is played on this machine, one for each player.

    The settings must be without `vendor_problems`.
    """
    named = [_named(plugins, kind, name) for _key, kind, names in _named_vendors(settings) for name in names]
    found = {one.descriptor.stand_in: one for one in named if one.descriptor.stand_in is not None}
    return list(found.values())


def vendor_problems(settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Return every vendor that *settings* name and no plugin offers, and in production every mock.

    Also every document vendor that verifies none of the accepted documents, or cannot do with selfies what
    the settings ask, and every vendor that answers later, where the switch of its kind has questions put
    inside the request.
    A status of a vendor that does not exist is a misspelled name, and the outage would not be noticed.
    """
    problems = []
    for key, kind, names in _named_vendors(settings):
        offered = sorted(name for known, name in plugins.proofers if known is kind)
        for name in names:
            loaded = plugins.proofers.get((kind, name))
            if loaded is None:
                rule = f"no enabled plugin offers {name}; offered: {', '.join(offered) or 'none'}"
                problems.append(Problem("settings", key, rule))
            elif loaded.is_mock and settings.is_production:
                problems.append(Problem("settings", key, f"{name} is a mock and refused in production"))
            elif kind is ProoferKind.MESSENGER and (lacks := _channel_problem(settings, loaded)):
                problems.append(Problem("settings", key, lacks))
            elif loaded.descriptor.continues and not getattr(settings, switch := _job_switch(kind)):
                rule = f"{name} answers later, which needs a job: set {switch}, or name another vendor"
                problems.append(Problem("settings", key, rule))
            elif kind is ProoferKind.DOCUMENT and loaded.descriptor.document_types.isdisjoint(
                settings.document_types
            ):
                offered_types = ", ".join(sorted(loaded.descriptor.document_types))
                rule = f"{name} verifies none of the document_types; it verifies: {offered_types}"
                problems.append(Problem("settings", key, rule))
    documents = [
        (key, plugins.proofers[kind, name].descriptor)
        for key, kind, names in _named_vendors(settings)
        for name in names
        if kind is ProoferKind.DOCUMENT and (kind, name) in plugins.proofers
    ]
    problems += selfie_problems(settings, documents)
    known = {name for _kind, name in plugins.proofers}
    problems += [
        Problem("settings", f"vendor_status.{name}", "no enabled plugin offers a vendor of this name")
        for name in settings.vendor_status
        if name not in known
    ]
    problems += [
        Problem("settings", f"vendor_hourly_budgets.{name}", "no enabled plugin offers a vendor of this name")
        for name in settings.vendor_hourly_budgets
        if name not in known
    ]
    return problems


def _channel_problem(settings: Settings, messenger: LoadedProofer) -> str | None:
    """Return why *messenger* can send nothing; None when it can."""
    name = messenger.descriptor.name
    try:
        channels = messenger.channels
    except PluginError as error:
        return str(error)
    if not channels:
        return f"{name} has nothing to send from: set a number in the section of {messenger.plugin}"
    if channels.isdisjoint(settings.phone_code_channels):
        return f"{name} sends by {' and '.join(sorted(channels))}, and phone_code_channels leaves that out"
    return None


def _named_vendors(settings: Settings) -> list[tuple[str, ProoferKind, Sequence[str]]]:
    """Return every settings key that names vendors, with their kind and names."""
    found: list[tuple[str, ProoferKind, Sequence[str]]] = []
    for kind in ProoferKind:
        if _is_ordered(kind):
            found.append((f"{kind}_vendors", kind, getattr(settings, f"{kind}_vendors")))
            continue
        vendor = getattr(settings, f"{kind}_vendor")
        is_off = (
            vendor is None
            or (kind is ProoferKind.DEVICE and not settings.device_profiling_enabled)
            or (kind is ProoferKind.MESSENGER and not settings.confirms_phone)
        )
        found.append((f"{kind}_vendor", kind, [] if is_off else [vendor]))
        if shares := _shares(settings, kind):
            found.append((f"{kind}_vendor_percentages", kind, list(shares)))
    return sorted(found)


def _job_switch(kind: ProoferKind) -> str:
    """Return the setting by which questions of *kind* are put in jobs, and not inside the request."""
    is_of_document = job_of(kind) is JobKind.DOCUMENT
    return "doc_auth_enable_presigned_s3_urls" if is_of_document else "ruby_workers_idv_enabled"


@cache
def _is_ordered(kind: ProoferKind) -> bool:
    """Return whether the settings name several vendors of a *kind*, asked in order until one succeeds."""
    return f"{kind}_vendors" in Settings.model_fields


def _shares(settings: Settings, kind: ProoferKind) -> Mapping[str, float]:
    """Return the percentages of vendors other than the default; empty for a kind that has none."""
    shares: Mapping[str, float] = getattr(settings, f"{kind}_vendor_percentages", {})
    return shares


def _named(plugins: PluginManager, kind: ProoferKind, name: str) -> LoadedProofer:
    """Return the proofer *name*. Raises `PluginError` when there is none."""
    loaded = plugins.proofers.get((kind, name))
    if loaded is None:
        raise PluginError(f"no enabled plugin offers the {kind.value} proofer {name}")
    return loaded


def _available_vendors(settings: Settings, kind: ProoferKind) -> list[str]:
    """Return the vendors of an ordered *kind* that are not out, in their order."""
    return [
        name
        for name in getattr(settings, f"{kind}_vendors")
        if settings.vendor_status.get(name, VendorStatus.OPERATIONAL) is VendorStatus.OPERATIONAL
    ]


def _walk(settings: Settings, kind: ProoferKind, discriminator: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the vendor by switches and percentages, and why."""
    if kind is ProoferKind.DEVICE:
        on = settings.device_profiling_enabled
        return (settings.device_vendor if on else None), (f"device_profiling_enabled is {str(on).lower()}",)
    if _is_ordered(kind):
        if available := _available_vendors(settings, kind):
            return available[0], (f"the first of {kind}_vendors that is not out",)
        return getattr(settings, f"{kind}_vendors")[0], (f"every one of {kind}_vendors is out",)
    key = f"{kind}_vendor"
    default: str | None = getattr(settings, key)
    if f"{key}_percentages" not in Settings.model_fields:
        return default, (f"{key} is {default}",)
    place = bucket(discriminator, key)
    low = 0.0
    for vendor, share in _shares(settings, kind).items():
        if low < place <= low + share:
            return vendor, (f"bucket {place:.2f} of {key} lies in {vendor}'s ({low:g}, {low + share:g}]",)
        low += share
    return default, (f"bucket {place:.2f} of {key} lies outside every percentage: the default {default}",)
