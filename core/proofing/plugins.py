"""Finds, loads and isolates plugins, and makes what they offer.

Plugins are found by the entry point group ``proofing`` and loaded when settings.yaml names them. A plugin
that fails to import is reported and left out; the others work. Built-in plugins have no privileges.
"""

import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from proofing import hookspecs
from proofing.errors import ConfigurationError, PluginError, Problem
from proofing.hookspecs import GROUP, BackendContext, BackendDescriptor, PluginSettings
from proofing.logs import get_logger, log
from proofing.queues import Queue
from proofing.settings import Layers, Settings, parse_settings
from proofing.stores import ImageStore, KeyService, ResultStore, SecretStore
from proofing.vendors import AnyProofer, Maturity, ProoferDescriptor, ProoferKind

BackendT = TypeVar("BackendT")

_logger = get_logger("proofing.plugins")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReport:
    """What became of one plugin.

    Attributes:
        name: of its entry point, as in settings.yaml.
        distribution: the installed package it came from.
        enabled: whether settings.yaml names it.
        problem: why it was left out; None when it works.
        offers: what it registered, such as ``queue huey`` or ``resolution mock``.
    """

    name: str
    distribution: str
    version: str
    enabled: bool
    problem: str | None = None
    offers: tuple[str, ...] = ()


@dataclass(slots=True)
class _Loaded:
    """One loaded plugin with its parsed section."""

    name: str
    module: ModuleType
    schema: type[PluginSettings] | None
    settings: PluginSettings | None = None


class PluginManager:
    """The enabled plugins of one process."""

    def __init__(self, enabled: Sequence[str]) -> None:
        """Load the plugins named *enabled*; what fails is in `reports`, not raised."""
        self._pluggy = pluggy.PluginManager(GROUP)
        self._pluggy.add_hookspecs(hookspecs)
        self._loaded: dict[str, _Loaded] = {}
        self.reports: list[PluginReport] = []
        found: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=GROUP):
            found.setdefault(entry.name, []).append(entry)
        self.installed = frozenset(found)
        for name in sorted(found.keys() | set(enabled)):
            self._consider(name, found.get(name, []), enabled=name in enabled)

    def _consider(self, name: str, entries: Sequence[EntryPoint], *, enabled: bool) -> None:
        """Load one plugin if it is enabled, and write its report."""
        distribution, version = _origin(entries[0]) if entries else ("", "")
        problem: str | None = None
        if enabled and not entries:
            problem = f"is not installed; no distribution offers the entry point {name!r}"
        elif enabled and len(entries) > 1:
            names = ", ".join(sorted(_origin(entry)[0] for entry in entries))
            problem = f"is offered by several distributions ({names}); uninstall all but one"
        elif enabled:
            problem = self._load(name, entries[0])
        offers = self._offers(name) if name in self._loaded else ()
        report = PluginReport(
            name=name,
            distribution=distribution,
            version=version,
            enabled=enabled,
            problem=problem,
            offers=offers,
        )
        self.reports.append(report)
        if problem:
            log(_logger, "plugin_left_out", level=logging.ERROR, plugin=name, problem=problem)
        elif enabled:
            log(_logger, "plugin_loaded", plugin=name, distribution=distribution, version=version)

    def _load(self, name: str, entry: EntryPoint) -> str | None:
        """Import and register one plugin; return what went wrong."""
        try:
            module: ModuleType = entry.load()
            self._pluggy.register(module, name)
            self._pluggy.check_pending()
        except ModuleNotFoundError as error:
            return f"needs {error.name}; install proofing[{name}]"
        except pluggy.PluginValidationError:
            self._pluggy.unregister(name=name)
            return "implements a hook that does not exist, or with other arguments"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return f"cannot be imported: {type(error).__name__}"
        schema = self._pluggy.subset_hook_caller(
            "proofing_settings", [plugin for plugin in self._pluggy.get_plugins() if plugin is not module]
        )()
        self._loaded[name] = _Loaded(name, module, schema)
        return None

    def _of(self, name: str, hook: str) -> list[Any]:
        """Return what the plugin *name* returns from *hook*; an empty list when it has none."""
        others = [plugin for plugin in self._pluggy.get_plugins() if plugin is not self._loaded[name].module]
        results = self._pluggy.subset_hook_caller(hook, others)()
        return [item for result in results for item in result]

    def _offers(self, name: str) -> tuple[str, ...]:
        """Return what the plugin registered, for people."""
        backends = {
            "queue": "proofing_queues",
            "secret store": "proofing_secret_stores",
            "key service": "proofing_key_services",
            "image store": "proofing_image_stores",
            "result store": "proofing_result_stores",
        }
        words = [f"{what} {item.name}" for what, hook in backends.items() for item in self._of(name, hook)]
        words += [f"{item.kind.value} {item.name}" for item in self._of(name, "proofing_proofers")]
        return tuple(words)

    def problems(self) -> list[Problem]:
        """Return what is wrong with enabled plugins, as problems of the key ``plugins``."""
        return [
            Problem("settings", "plugins", f"{report.name} {report.problem}")
            for report in self.reports
            if report.enabled and report.problem
        ]

    def read_sections(self, layers: Layers, *, only: str | None = None) -> list[Problem]:
        """Let each plugin's schema decide on its section, and return every problem.

        Args:
            layers: the merged values.
            only: read only the section of the plugin that offers the secret store of this name.
        """
        problems: list[Problem] = []
        for plugin in self._loaded.values():
            if only is not None and not any(
                item.name == only for item in self._of(plugin.name, "proofing_secret_stores")
            ):
                continue
            try:
                if plugin.schema is not None:
                    plugin.settings = parse_settings(layers, plugin.schema, plugin.name)
                elif layers.section(plugin.name):
                    problems.append(Problem(layers.origin([plugin.name]), plugin.name, "has no settings"))
            except ConfigurationError as error:
                problems.extend(error.problems)
        if only is None:
            problems.extend(self._stray_sections(layers))
        return problems

    def _stray_sections(self, layers: Layers) -> list[Problem]:
        """Report sections that belong to no plugin; warn of those whose plugin is not enabled."""
        problems = []
        for name in layers.sections(Settings.model_fields):
            if name in self._loaded or any(report.name == name and report.problem for report in self.reports):
                continue
            if name in self.installed:
                log(_logger, "section_of_disabled_plugin", level=logging.WARNING, plugin=name)
            else:
                problems.append(
                    Problem(layers.origin([name]), name, "unknown key, and no plugin of that name")
                )
        return problems

    def queue(self, name: str, context: BackendContext) -> Queue:
        """Make the queue backend *name*. Raises `ConfigurationError`."""
        queue: Queue = self._backend("queue", "proofing_queues", name, context)
        return queue

    def secret_store(self, name: str, context: BackendContext) -> SecretStore:
        """Make the secret store *name*. Raises `ConfigurationError`."""
        secret_store: SecretStore = self._backend("secret_store", "proofing_secret_stores", name, context)
        return secret_store

    def key_service(self, name: str, context: BackendContext) -> KeyService:
        """Make the key service *name*. Raises `ConfigurationError`."""
        key_service: KeyService = self._backend("key_service", "proofing_key_services", name, context)
        return key_service

    def image_store(self, name: str, context: BackendContext) -> ImageStore:
        """Make the image store *name*. Raises `ConfigurationError`."""
        image_store: ImageStore = self._backend("image_store", "proofing_image_stores", name, context)
        return image_store

    def result_store(self, name: str, context: BackendContext) -> ResultStore:
        """Make the result store *name*. Raises `ConfigurationError`."""
        result_store: ResultStore = self._backend("result_store", "proofing_result_stores", name, context)
        return result_store

    def _backend(self, key: str, hook: str, name: str, context: BackendContext) -> Any:
        """Make one backend, holding production to its rule."""
        offers: list[tuple[_Loaded, BackendDescriptor[Any]]] = [
            (plugin, item) for plugin in self._loaded.values() for item in self._of(plugin.name, hook)
        ]
        matching = [(plugin, item) for plugin, item in offers if item.name == name]
        if not matching:
            known = ", ".join(sorted(item.name for _plugin, item in offers)) or "none"
            rule = f"no enabled plugin offers it; enabled plugins offer: {known}"
            raise ConfigurationError([Problem("settings", key, rule)])
        if len(matching) > 1:
            rule = "is offered by several enabled plugins"
            raise ConfigurationError([Problem("settings", key, rule)])
        plugin, descriptor = matching[0]
        if context.environment == "production" and not descriptor.production:
            rule = f"{name} is for one machine and refused in production"
            raise ConfigurationError([Problem("settings", key, rule)])
        return descriptor.make(plugin.settings, context)

    @cached_property
    def proofers(self) -> dict[tuple[ProoferKind, str], "LoadedProofer"]:
        """Every proofer of the enabled plugins, by kind and name.

        Raises:
            ConfigurationError: two plugins offer one name for one kind.
        """
        found: dict[tuple[ProoferKind, str], LoadedProofer] = {}
        for plugin in self._loaded.values():
            for descriptor in self._of(plugin.name, "proofing_proofers"):
                key = (descriptor.kind, descriptor.name)
                if key in found:
                    rule = f"two plugins offer the {descriptor.kind.value} proofer {descriptor.name}"
                    raise ConfigurationError([Problem("settings", "plugins", rule)])
                found[key] = LoadedProofer(plugin.name, descriptor, plugin.settings)
        return found


class LoadedProofer:
    """A proofer's descriptor with its plugin's settings; the proofer itself is made at its first use."""

    def __init__(self, plugin: str, descriptor: ProoferDescriptor, settings: Any) -> None:
        """Hold what is needed to make the proofer."""
        self.plugin = plugin
        self.descriptor = descriptor
        self.settings = settings

    @cached_property
    def proofer(self) -> AnyProofer:
        """The proofer. Raises `PluginError` when the plugin fails to make it."""
        try:
            return self.descriptor.make(self.settings)
        except ModuleNotFoundError as error:
            raise PluginError(f"{self.plugin} needs {error.name}; install proofing[{self.plugin}]") from None
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            raise PluginError(
                f"{self.plugin} cannot make {self.descriptor.name}: {type(error).__name__}"
            ) from None

    @property
    def is_mock(self) -> bool:
        """Whether it may not answer for real people."""
        return self.descriptor.maturity is Maturity.MOCK


def secret_reader(key: Callable[[], bytes]) -> Callable[[str], bytes]:
    """Return `BackendContext.secret`: 32 bytes for a label, derived from the application's key."""

    def secret(label: str) -> bytes:
        return hmac.new(key(), f"proofing/backend/{label}".encode(), hashlib.sha256).digest()

    return secret


def _origin(entry: EntryPoint) -> tuple[str, str]:
    """Return distribution and version of an entry point."""
    distribution = entry.dist
    return (distribution.name, distribution.version) if distribution else ("", "")
