"""`proofing check`, `settings`, `plugins`, `explain` and `jobs`: look, and change nothing."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from proofing.plugins import PluginManager
from proofing.runtime import check_backends, check_logs, configure, located, make_backends, plugin_names
from proofing.settings import Layers, Settings, read_layers
from proofing.vendors import ProoferKind

_MASK = "********"


async def check(options: argparse.Namespace) -> int:
    """Check everything that a start needs; 0 when all is well."""
    configuration = await configure(role="check")
    check_logs(configuration)
    backends = make_backends(configuration, "check")
    reports = await check_backends(backends)
    reachable = {name: report.problem for name, report in reports.items()}
    advice = {name: list(report.advice) for name, report in reports.items() if report.advice}
    if unused := configuration.plugins.unused_sections:
        advice["settings"] = [f"the section {name} is not used: plugins does not name it" for name in unused]
    unusable = located(configuration.router.unusable(), configuration.layers)
    vendors = [str(problem) for problem in unusable]
    if options.json:
        print(json.dumps({"settings": "ok", "vendors": vendors, "reachable": reachable, "advice": advice}))
    else:
        print("settings: ok")
        for sentence in advice.get("settings", ()):
            print(f"  {sentence}")
        print("\n".join(vendors) or "vendors: ok")
        for name, problem in reachable.items():
            print(f"{name}: {problem or 'ok'}")
            for sentence in advice.get(name, ()):
                print(f"  {sentence}")
    return 1 if vendors or any(reachable.values()) else 0


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


async def plugins(options: argparse.Namespace) -> int:
    """List the plugins."""
    layers = read_layers()
    manager = PluginManager(plugin_names(layers))
    if options.json:
        print(json.dumps([asdict(report) for report in manager.reports]))
    else:
        for report in manager.reports:
            state = report.problem or ("enabled" if report.enabled else "installed, not enabled")
            origin = f"{report.distribution} {report.version}" if report.distribution else "-"
            print(f"{report.name:<12} {origin}  {state}")
            for offer in report.offers:
                print(f"{'':<12}   {offer}")
    return 1 if manager.problems() else 0


async def explain(options: argparse.Namespace) -> int:
    """Explain the choice of every kind of vendor for one discriminator."""
    configuration = await configure(role="explain")
    choices = {kind.value: configuration.router.explain(kind, options.discriminator) for kind in ProoferKind}
    if options.json:
        print(json.dumps({kind: asdict(choice) for kind, choice in choices.items()}))
        return 0
    for kind, choice in choices.items():
        print(f"{kind:<12} {choice.vendor or 'none'}: {'; '.join(choice.why)}")
    return 0


async def jobs(options: argparse.Namespace) -> int:
    """Print counts and ages."""
    configuration = await configure(role="jobs")
    queue = make_backends(configuration, "jobs").queue
    await queue.open()
    try:
        stats = await queue.stats()
    finally:
        await queue.close()
    if options.json:
        print(json.dumps({name: _plain(value) for name, value in asdict(stats).items()}))
        return 0
    workers = "unknown" if stats.workers is None else stats.workers
    for name in sorted({*stats.waiting, *stats.running}):
        # A backend that does not know its workers knows only what runs in this process: nothing.
        running = "unknown" if stats.workers is None else stats.running.get(name, 0)
        print(f"{name:<28} waiting {stats.waiting.get(name, 0):>6}  running {running:>7}")
    print(f"oldest ready job: {stats.oldest_seconds:.1f} s; workers: {workers}")
    for end, count in stats.ended.items():
        print(f"ended {end:<22} {count:>6}")
    for name, number in stats.details.items():
        print(f"{name:<28} {number:g}")
    return 0


def reference() -> str:
    """Return docs/reference/settings.md."""
    lines = [
        "# Settings",
        "",
        "Printed by `proofing settings --reference`. Keys marked *live* follow the file while processes run;",
        "the others need a restart. Plugin settings stand in a map under the plugin's name.",
        "",
        "| Key | Default | Live | Meaning |",
        "|---|---|---|---|",
    ]
    live = Settings.live_keys()
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True) if not field.is_required() else None
        shown = "required" if field.is_required() or default is PydanticUndefined else f"`{_yaml(default)}`"
        lines.append(f"| `{name}` | {shown} | {'yes' if name in live else ''} | {field.description} |")
    return "\n".join(lines)


def _yaml(value: Any) -> str:
    """Return *value* as settings.yaml would show it."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _rows(values: BaseModel, layers: Layers, above: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return key, masked value and source of each setting of one section."""
    given = layers.section(above[0]) if above else layers
    rows = []
    for name, field in type(values).model_fields.items():
        value = _masked(getattr(values, name)) if field.repr else _MASK
        source = layers.origin([*above, name]) if given.get(name) is not None else "default"
        rows.append({"key": ".".join((*above, name)), "value": value, "source": source})
    return rows


def _masked(value: Any) -> Any:
    """Return *value* in plain types, with every secret in it starred, however deep it lies."""
    if isinstance(value, SecretStr):
        return _MASK
    if isinstance(value, BaseModel):
        return {name: _masked(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): _masked(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(item) for item in value]
    return value if isinstance(value, (int, float, str, type(None))) else str(value)


def _plain(value: Any) -> Any:
    """Return maps as plain ones."""
    return dict(value) if hasattr(value, "items") else value
