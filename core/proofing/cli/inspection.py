"""`proofing check`, `settings` and `explain`: look, and change nothing."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from proofing.app.settings_check import with_sources
from proofing.base.errors import ProofingError
from proofing.bootstrap import (
    Configuration,
    check_proofers,
    configure,
    make_backends,
    make_signing_keys,
)
from proofing.cli.startup import check_logs
from proofing.cli.vendor_gates import notes_on_gates
from proofing.registry.backends import BackendReport, Backends, check_backends, open_backend
from proofing.sessions.steps import ASKED_IF_REQUIRED, collected_for
from proofing.settings import Layers, Settings

_MASK = "********"
#: The end of the reference.
_SPELLING = (
    "",
    "## Environments",
    "",
    "`PROOFING_ENV` chooses the block that is merged over `default`: `development` (without the variable),",
    "`test`, `production`, or any other name that has a block. The rules of production (no mocks, no local",
    "stores, https) hold in `production` and wherever `is_production` is true. Without a settings.yaml in",
    "the working directory, and without `PROOFING_SETTINGS`, the defaults above are in effect.",
    "",
    "## Spelling",
    "",
    "The file is UTF-8 and YAML. Duplicate keys and directives of dynaconf (`@int 5`) are refused, and so",
    "are numbers that YAML reads in another base: `0200` is octal, `1:30` is to the base 60.",
    "",
    "A variable `PROOFING_` sets one key; `__` leads into a map.",
    "",
    "| To set | Write |",
    "|---|---|",
    "| a number, a switch | `PROOFING_IDV_MIN_AGE_YEARS=21`, `PROOFING_IDV_AVAILABLE=false` |",
    "| a text | `PROOFING_PARTNER_NAME='The agency'` |",
    "| a text that looks like a number, a date or a switch | `PROOFING_REDIS__PASSWORD='\"4711\"'` |",
    "| a text that begins with a directive | `PROOFING_REDIS__PASSWORD='\"@int 5\"'` |",
    '| a list | `PROOFING_PHONE_VENDORS=\'["acme:phone", "mock"]\'` |',
    "| one entry of a map | `PROOFING_WORKER_SLOTS__DOCUMENT=20` |",
    '| a whole map | `PROOFING_VENDOR_STATUS=\'{"acme:phone": "full_outage"}\'` |',
    "| nothing | `PROOFING_STATE_ID_VENDOR=null` |",
)


async def check(options: argparse.Namespace) -> int:
    """Check everything that a start needs; 0 when all is well."""
    configuration = await configure(role="check")
    check_logs(configuration)
    backends = make_backends(configuration, "check")
    reports = await check_backends(backends)
    reports["verification_store"] = await _with_signing_keys(
        configuration, backends, reports["verification_store"]
    )
    deep = None
    if options.deep:
        # Only then: it imports httpx, which takes a while.
        from proofing.cli.deep import check_uploads  # noqa: PLC0415 - as above

        deep = await check_uploads(backends, configuration.settings, reports)
    unusable = with_sources(configuration.router.validate_vendors(), configuration.layers)
    vendors = [str(problem) for problem in unusable]
    asked = await check_proofers(configuration) if options.deep and not vendors else {}
    gates = await notes_on_gates(configuration, backends.results)
    advice = {name: list(report.advice) for name, report in reports.items() if report.advice}
    if notes := _notes_on_settings(configuration):
        advice["settings"] = notes
    if not vendors and (notes := [*_notes_on_vendors(configuration), *gates]):
        advice["vendors"] = notes
    parked = dict(reports["queue"].parked)
    if parked:
        advice["queue"] = [*advice.get("queue", ()), *_notes_on_parked(configuration, parked)]
    if options.json:
        found: dict[str, Any] = {
            "settings": "ok",
            "vendors": vendors,
            "reachable": {name: report.problem for name, report in reports.items()},
            "troubles": {name: report.trouble for name, report in reports.items() if report.trouble},
            "advice": advice,
            "parked": parked,
        }
        if deep is not None:
            found["deep"] = {**asdict(deep), "vendors": asked}
        print(json.dumps(found))
    else:
        _print_section("settings", [], advice)
        print("\n".join(vendors) or "vendors: ok")
        _print_advice("vendors", advice)
        for name, report in reports.items():
            _print_section(name, [report.problem] if report.problem else [], advice)
        if deep is not None:
            _print_section("uploads", deep.problems, {"uploads": deep.advice})
        for name, problem in asked.items():
            _print_section(name, [problem] if problem else [], {})
    has_problem = vendors or any((*(report.problem for report in reports.values()), *asked.values()))
    return 1 if has_problem or (deep is not None and deep.problems) else 0


def _notes_on_settings(configuration: Configuration) -> list[str]:
    """Return what is worth a second look in settings that are valid."""
    layers = configuration.layers
    notes = [
        f"the section {name} is not used: plugins does not name it"
        for name in configuration.plugins.unused_sections
    ]
    settings = configuration.settings
    if not (settings.relying_parties or settings.starts_without_relying_party):
        notes.append(
            "nobody can begin: relying_parties names nobody who could send people, and they may not come by "
            "themselves; see docs/howto/policies.md, or set start_without_relying_party"
        )
    notes += [
        f"{key} of {source} is not used: {winner} sets it, too"
        for key, source, winner in layers.replaced_by_secrets()
    ]
    if previous := configuration.settings.session_encryption_previous_keys:
        hours = configuration.settings.previous_keys_hours
        notes.append(
            f"session_encryption_previous_keys has {len(previous)}: keep an old key for {hours} h after the"
            " last process of which it was the key has ended, and no longer"
        )
    if not layers.has_file:
        notes.append(f"there is no {layers.path.name} here: the built-in defaults are in effect")
    return (
        notes + _missing_contacts(configuration.settings) if configuration.settings.is_production else notes
    )


async def _with_signing_keys(
    configuration: Configuration, backends: Backends, report: BackendReport
) -> BackendReport:
    """Add which keys are missing that sign ID tokens, where there is a client of OpenID Connect."""
    parties = configuration.settings.relying_parties.values()
    if report.problem is not None or all(party.oidc is None for party in parties):
        return report
    try:
        await open_backend("verification_store", backends.verifications)
        missing = await make_signing_keys(configuration, backends).missing()
    except ProofingError as error:
        return replace(report, problem=str(error))
    finally:
        await backends.verifications.close()
    notes = [
        f"no key signs ID tokens with {algorithm} yet: "
        + (
            f"web may make none in production: run proofing oidc rotate-key --algorithm {algorithm}"
            if configuration.settings.is_production
            else "web makes the first one when a client needs it"
        )
        for algorithm in missing
    ]
    return replace(report, advice=(*report.advice, *notes))


def _notes_on_vendors(configuration: Configuration) -> list[str]:
    """Return what to know of the vendors of the settings.

    What they declare and the flow does not collect before it asks them, and what browsers load for them.
    """
    found = []
    configured = configuration.router.configured()
    not_asked = ASKED_IF_REQUIRED.difference(*(one.descriptor.requires for one in configured))
    for loaded in configured:
        descriptor = loaded.descriptor
        missing = descriptor.attributes - collected_for(descriptor.kind)
        for names, why in (
            (missing & descriptor.requires, "it requires that, and no earlier page asks for it"),
            (missing - descriptor.requires, "no earlier page asks for it"),
            (not_asked & descriptor.attributes - missing, "no vendor of the settings requires it"),
        ):
            if names:
                found.append(f"{descriptor.kind} {descriptor.name} gets no {', '.join(sorted(names))}: {why}")
        if (part := loaded.browser_part) is not None:
            sources = [f"{directive} {' '.join(sorted(those))}" for directive, those in part.sources.items()]
            sources += [f"its own script {part.own_script.name}"] if part.own_script else []
            where = "such scripts can read that page"
            if part.isolated:
                where = (
                    "in a frame that cannot read that page, where scripts may use eval and inline styles, and"
                    " cookies and storage are not there"
                )
            found.append(
                f"{descriptor.kind} {descriptor.name} has the page of the Social Security number load"
                f" {'; '.join(sources)}: {where}"
            )
    return found


def _notes_on_parked(configuration: Configuration, parked: Mapping[str, int]) -> list[str]:
    """Return how many jobs are parked for each vendor, and what becomes of them where that has changed."""
    resumable = {
        name
        for (_kind, name), loaded in configuration.plugins.proofers.items()
        if loaded.descriptor.continues
    }
    named = configuration.router.named_vendors()
    notes = []
    for vendor, count in sorted(parked.items()):
        note = f"{count} {'job is' if count == 1 else 'jobs are'} parked for {vendor}"
        if vendor not in resumable:
            note += (
                ", and no enabled plugin can continue there: what comes back ends as plugin_error, refunded;"
                " enable its plugin until none is left"
            )
        elif vendor not in named:
            note += (
                ", which the settings do not name anymore: they still continue there;"
                " keep its plugin and credentials until none is left"
            )
        notes.append(note)
    return notes


def _print_section(name: str, problems: Sequence[str], advice: Mapping[str, Sequence[str]]) -> None:
    """Print the problems of one part, or that it has none, and the advice on it."""
    print("\n".join(f"{name}: {problem}" for problem in problems) or f"{name}: ok")
    _print_advice(name, advice)


def _print_advice(name: str, advice: Mapping[str, Sequence[str]]) -> None:
    """Print the advice on one part."""
    for sentence in advice.get(name, ()):
        print(f"  {sentence}")


async def settings(options: argparse.Namespace) -> int:
    """Print each effective setting and where it came from; secrets are masked."""
    if options.reference:
        print(reference())
        return 0
    configuration = await configure(role="settings")
    layers = configuration.layers
    rows = _rows(configuration.settings, layers, ())
    for plugin, section in sorted(configuration.plugins.sections.items()):
        rows += _rows(section, layers, (plugin,))
    if options.json:
        print(json.dumps(rows))
    else:
        width = max(len(row["key"]) for row in rows)
        for row in rows:
            print(f"{row['key']:<{width}}  {row['value']}  # {row['source']}")
    return 0


def reference() -> str:
    """Return docs/reference/settings.md."""
    lines = [
        "# Settings",
        "",
        "Printed by `proofing settings --reference`. Keys marked *live* follow the file while processes run;",
        "the others need a restart. Plugin settings are a map under the plugin's name.",
        "",
        "| Key | Default | Live | Meaning |",
        "|---|---|---|---|",
    ]
    live = Settings.live_keys()
    for name, field in sorted(Settings.model_fields.items()):
        default = field.get_default(call_default_factory=True) if not field.is_required() else None
        shown = "required" if field.is_required() or default is PydanticUndefined else f"`{_yaml(default)}`"
        lines.append(f"| `{name}` | {shown} | {'yes' if name in live else ''} | {field.description} |")
    return "\n".join([*lines, *_SPELLING])


def _yaml(value: Any) -> str:
    """Return *value* as settings.yaml would show it."""
    return json.dumps(_masked(value))


def _missing_contacts(settings: Settings) -> list[str]:
    """Return what people who cannot be verified would look for and not find."""
    missing = [
        f"{name} is not set: {consequence}"
        for name, consequence in (
            ("alternative_url", "people who can't be verified here are shown no other way"),
            ("privacy_url", "the pages link to no privacy notice"),
            ("accessibility_url", "the pages link to no accessibility statement"),
        )
        if getattr(settings, name) is None
    ]
    if not (settings.support_url or settings.support_phone or settings.support_email):
        missing.insert(
            0,
            "support_url, support_phone and support_email are not set: people who need help find no contact",
        )
    return missing


def _rows(values: BaseModel, layers: Layers, above: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return key, masked value and source of each setting of one section."""
    given = layers.section(above[0]) if above else layers
    rows = []
    for name in type(values).model_fields:
        value = _masked_field(values, name)
        source = layers.origin([*above, name]) if given.get(name) is not None else "default"
        rows.append({"key": ".".join((*above, name)), "value": value, "source": source})
    return rows


def _masked_field(values: BaseModel, name: str) -> Any:
    """Return one field in plain types, starred when it is not for printing."""
    return _masked(getattr(values, name)) if type(values).model_fields[name].repr else _MASK


def _masked(value: Any) -> Any:
    """Return *value* in plain types, with every secret in it starred, however deep it lies."""
    if isinstance(value, SecretStr):
        return _MASK
    if isinstance(value, BaseModel):
        return {name: _masked_field(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): _masked(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(item) for item in value]
    return value if isinstance(value, (int, float, str, type(None))) else str(value)
