"""Loads the plugin under test as every process does, and says what is wrong in a sentence."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from proofing.base.errors import ConfigurationError
from proofing.contracts.hooks import GROUP
from proofing.contracts.messages import Channel
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.contracts.webhooks import Webhook
from proofing.registry.plugins import InstalledPlugin, InstalledPlugins, PluginManager, find_installed
from proofing.settings import Layers
from proofing.testing.vendor_fakes import make_process


class LoadError(AssertionError):
    """The plugin does not load; nothing else can be tried."""


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A loaded plugin, and the one proofer of it that is under test.

    Attributes:
        name: of its entry point.
        settings: its section, as its schema read it; None for a plugin without settings.
        channels: of a messenger.
        codes_only: of a messenger: see `MessengerDescriptor`.
        is_alone: whether the plugin offers nothing else, which might use settings of its own.
    """

    name: str
    descriptor: ProoferDescriptor
    settings: Any
    webhooks: Mapping[str, Webhook]
    channels: frozenset[Channel] = frozenset()
    codes_only: bool = False
    is_alone: bool = True


def load(plugin: str, section: Mapping[str, Any], kind: ProoferKind, proofer: str | None) -> LoadedPlugin:
    """Load the import package *plugin*, and find its one proofer of *kind*, or the one called *proofer*.

    Raises:
        LoadError: says what is wrong, and what to do.
    """
    installed = {
        name: found
        for name, found in _all_installed().items()
        if any(one.entry.value == plugin for one in found)
    }
    if not installed:
        name = plugin.removeprefix("proofing_")
        installed = {name: [InstalledPlugin(EntryPoint(name, plugin, GROUP), "", "")]}
    name = next(iter(installed))
    manager = PluginManager([name], installed=installed, is_trial=True)
    problems = [*(problem.rule for problem in manager.problems())]
    if problems:
        raise LoadError("\n".join([*problems, *_origin(plugin)]))
    layers = Layers("test", Path("settings.yaml"), has_file=False)
    layers.add({name: dict(section)} if section else {}, "section")
    manager.process_of = lambda _plugin: make_process()
    if found := manager.read_sections(layers):
        raise LoadError("\n".join(f"section, {problem.key}: {problem.rule}" for problem in found))
    offers = manager.proofers
    matching = [
        loaded
        for (offered, _name), loaded in offers.items()
        if offered is kind and proofer in {None, loaded.descriptor.name}
    ]
    if len(matching) != 1:
        names = ", ".join(f"{offered.value} {name}" for offered, name in offers) or "no proofer at all"
        raise LoadError(
            f"{plugin} offers {names}; this suite is for one {kind.value} proofer"
            + (f" called {proofer}" if proofer else "")
            + ("; set proofer_name" if len(matching) > 1 else "; is @hookimpl missing above a hook?")
        )
    try:
        webhooks = {one: made.webhook for one, made in manager.webhooks(is_production=False).items()}
    except ConfigurationError as error:
        raise LoadError(str(error)) from None
    one = matching[0]
    return LoadedPlugin(
        name,
        one.descriptor,
        one.settings,
        webhooks,
        one.channels,
        one.codes_only,
        is_alone=len(offers) == 1,
    )


@cache
def _all_installed() -> InstalledPlugins:
    """Return what is installed; reading that takes as long as many questions."""
    return find_installed()


def _origin(plugin: str) -> list[str]:
    """Return where *plugin* raises when it is imported or a hook is called."""
    try:
        module = import_module(plugin)
        for hook in ("proofing_settings", "proofing_proofers", "proofing_messengers", "proofing_webhooks"):
            getattr(module, hook, lambda: None)()
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is looked for
        return [f"{type(error).__name__}: {error}", *place_of(error)]
    return []


def place_of(error: BaseException) -> list[str]:
    """Return the last lines of code that *error* passed through, innermost last."""
    return [
        f"  {Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-3:]
    ]
