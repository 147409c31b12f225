"""The vendors that the settings name, and what is wrong with them: the same at a start and for an edit."""

from collections.abc import Mapping, Sequence

from proofing.base.errors import ConfigurationError, PluginError, Problem
from proofing.contracts.cross_checks import CrossCheckMode
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.records import JobKind, job_of
from proofing.contracts.results import ProoferKind
from proofing.outbound.tls import check_tls
from proofing.registry.plugins import PluginManager
from proofing.registry.proofers import LoadedProofer
from proofing.routing.selfies import selfie_problems
from proofing.routing.terms import is_ordered, vendors_of
from proofing.rules.shadows import SHADOW_ATTRIBUTES
from proofing.settings import Settings

#: The setting that names who gets the testers' forms; nobody's document goes there.
TEST_DOCUMENT_VENDOR = "test_document_vendor"
#: The setting that names who reads documents alongside their vendor.
CROSS_CHECK_VENDOR = "document_cross_check_vendor"
#: Settings whose keys are vendors or products.
_MAPS_OF_VENDORS = (
    "vendor_breaker_overrides",
    "vendor_concurrency_limits",
    "vendor_hourly_budgets",
    "vendor_permissible_purposes",
    "vendor_prices",
    "vendor_rate_limits",
    "vendor_status",
)


def validate_vendors(settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Make every vendor that *settings* name; return those that cannot be made or are not driven."""
    problems = []
    for key, kind, names in all_vendors(settings):
        for name in names:
            try:
                loaded = proofer_of(plugins, kind, name)
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
    for key, kind, names in all_vendors(settings):
        for name in names:
            try:
                hosts = proofer_of(plugins, kind, name).policy().hosts
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
    named = [proofer_of(plugins, kind, name) for _key, kind, names in all_vendors(settings) for name in names]
    found = {one.descriptor.stand_in: one for one in named if one.descriptor.stand_in is not None}
    return list(found.values())


def vendor_problems(settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Return every vendor that *settings* name and that cannot do what they want of it.

    No plugin offers it; it is a mock in production; a document vendor that verifies none of the accepted
    documents, or cannot do with selfies what the settings ask; one that answers later, where the switch of
    its kind has questions put inside the request. And every name in maps of limits, prices and outages that
    belongs to nobody: a misspelled name, and the limit would not hold.
    """
    problems = []
    for key, kind, names in all_vendors(settings):
        offered = sorted(name for known, name in plugins.proofers if known is kind)
        for name in names:
            loaded = plugins.proofers.get((kind, name))
            if loaded is None:
                rule = f"no enabled plugin offers {name}; offered: {', '.join(offered) or 'none'}"
            elif loaded.is_mock and settings.is_production and key != TEST_DOCUMENT_VENDOR:
                rule = f"{name} is a mock and refused in production"
            else:
                rule = (
                    _problem_of_cross_check(key, loaded.descriptor)
                    or _problem_of(settings, key, loaded)
                    or ""
                )
            if rule:
                problems.append(Problem("settings", key, rule))
    documents = [
        (key, plugins.proofers[kind, name].descriptor)
        for key, kind, names in named_vendors(settings)
        for name in names
        if kind is ProoferKind.DOCUMENT and (kind, name) in plugins.proofers
    ]
    return problems + selfie_problems(settings, documents) + _unknown_names(settings, plugins)


def _problem_of(settings: Settings, key: str, loaded: LoadedProofer) -> str | None:
    """Return what keeps a vendor from doing what *key* names it for; None for nothing."""
    descriptor = loaded.descriptor
    name, kind = descriptor.name, descriptor.kind
    if key == TEST_DOCUMENT_VENDOR:
        return _problem_of_forms(settings, descriptor)
    if kind is ProoferKind.MESSENGER:
        return _channel_problem(settings, loaded)
    if descriptor.continues and not getattr(settings, switch := _job_switch(kind)):
        return f"{name} answers later, which needs a job: set {switch}, or name another vendor"
    if kind is ProoferKind.DOCUMENT and descriptor.document_types.isdisjoint(settings.document_types):
        offered = ", ".join(sorted(descriptor.document_types))
        return f"{name} verifies none of the document_types; it verifies: {offered}"
    if key == "document_vendor_fallbacks" and descriptor.captures_images:
        return f"{name} takes the images on a page of its own, and is given none: name another vendor"
    return _problem_of_shadow(loaded) if key.endswith("_shadow") else None


def _problem_of_forms(settings: Settings, descriptor: ProoferDescriptor) -> str | None:
    """Return why a vendor cannot get the testers' forms; None when it can."""
    if settings.is_production:
        return "is refused in production, as the testers' form is"
    return None if descriptor.accepts_test_documents else f"{descriptor.name} does not read the testers' form"


def _problem_of_cross_check(key: str, descriptor: ProoferDescriptor) -> str | None:
    """Return why *key* cannot name a vendor: one of the two is for cross-checks; None where it can."""
    name, is_for_it = descriptor.name, key == CROSS_CHECK_VENDOR
    if descriptor.compares_readings and not is_for_it:
        return f"{name} compares documents with another vendor's reading: name it in {CROSS_CHECK_VENDOR}"
    if is_for_it and not (descriptor.compares_readings and descriptor.offline):
        return f"{name} does not compare documents with another vendor's reading on this machine"
    return None


def _problem_of_shadow(loaded: LoadedProofer) -> str | None:
    """Return why a vendor can be no shadow; None when it can."""
    descriptor = loaded.descriptor
    if missing := sorted(descriptor.requires - SHADOW_ATTRIBUTES):
        what = "the SSN" if missing == ["ssn"] else ", ".join(missing)
        return f"{descriptor.name} cannot do without {what}, which no shadow gets: name another vendor"
    if descriptor.continues:
        return f"{descriptor.name} answers later, and a shadow must answer at once: name another vendor"
    if not descriptor.company:
        return f"the plugin of {descriptor.name} does not name its company, as the consent must"
    return None


def _unknown_names(settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Return the names of vendors and products, in maps and windows, that no enabled plugin offers."""
    products = {name for _kind, name in plugins.proofers}
    known = products | {name.partition(":")[0] for name in products}
    rule = "no enabled plugin offers a vendor of this name"
    maps: dict[str, Mapping[str, object]] = {key: getattr(settings, key) for key in _MAPS_OF_VENDORS}
    windows = settings.vendor_maintenance_windows
    return [
        Problem("settings", f"{key}.{name}", rule)
        for key, values in maps.items()
        for name in values
        if name not in known
    ] + [
        Problem("settings", f"vendor_maintenance_windows.{number}.vendor", rule)
        for number, window in enumerate(windows)
        if window.vendor is not None and window.vendor not in known
    ]


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


def named_vendors(settings: Settings) -> list[tuple[str, ProoferKind, Sequence[str]]]:
    """Return every settings key that names vendors whose answers count, with their kind and names."""
    found: list[tuple[str, ProoferKind, Sequence[str]]] = []
    for kind in ProoferKind:
        first = vendors_of(settings, kind)
        found.append((f"{kind}_vendors" if is_ordered(kind) else f"{kind}_vendor", kind, first))
        key = f"{kind}_vendor_"
        second = getattr(settings, f"{key}second_opinion", None)
        others = {
            f"{key}allow_list": list(getattr(settings, f"{key}allow_list", ())),
            f"{key}fallbacks": [one.vendor for one in getattr(settings, f"{key}fallbacks", ())],
            f"{key}percentages": list(getattr(settings, f"{key}percentages", ())),
            f"{key}second_opinion": [second.vendor] if second is not None else [],
        }
        found += [(name, kind, vendors) for name, vendors in others.items() if vendors and first]
    return sorted(found)


def shadow_vendors(settings: Settings) -> list[tuple[str, ProoferKind, Sequence[str]]]:
    """Return every settings key that names a vendor whose answers count for nobody; as `named_vendors`."""
    keys = {kind: f"{kind}_vendor_shadow" for kind in ProoferKind}
    shadows = {kind: getattr(settings, key, None) for kind, key in keys.items()}
    return [(keys[kind], kind, [shadow.vendor]) for kind, shadow in shadows.items() if shadow is not None]


def all_vendors(settings: Settings) -> list[tuple[str, ProoferKind, Sequence[str]]]:
    """Return every settings key that names vendors that may be called; as `named_vendors`."""
    forms = settings.test_document_vendor
    others = {TEST_DOCUMENT_VENDOR: forms, CROSS_CHECK_VENDOR: _cross_check_vendor(settings)}
    alongside = [(key, ProoferKind.DOCUMENT, [name]) for key, name in others.items() if name is not None]
    return [*named_vendors(settings), *shadow_vendors(settings), *alongside]


def _cross_check_vendor(settings: Settings) -> str | None:
    """Return who reads documents alongside their vendor, if anybody does."""
    is_on = settings.document_cross_check is not CrossCheckMode.NEVER
    return settings.document_cross_check_vendor if is_on else None


def _job_switch(kind: ProoferKind) -> str:
    """Return the setting by which questions of *kind* are put in jobs, and not inside the request."""
    is_of_document = job_of(kind) is JobKind.DOCUMENT
    return "doc_auth_enable_presigned_s3_urls" if is_of_document else "ruby_workers_idv_enabled"


def proofer_of(plugins: PluginManager, kind: ProoferKind, name: str) -> LoadedProofer:
    """Return the proofer *name*. Raises `PluginError` when there is none."""
    loaded = plugins.proofers.get((kind, name))
    if loaded is None:
        raise PluginError(f"no enabled plugin offers the {kind.value} proofer {name}")
    return loaded
