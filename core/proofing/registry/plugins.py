"""Finds, loads and isolates plugins, and makes what they offer.

Plugins are found by the entry point group ``proofing`` and loaded when settings.yaml names them. A plugin
that fails to import is reported and left out; the others work. Built-in plugins have no privileges.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, TypeVar, cast

import pluggy

from proofing.base.errors import ConfigurationError, PluginError, Problem
from proofing.base.logs import get_logger, log
from proofing.base.near_names import near_name
from proofing.contracts import hooks
from proofing.contracts.applicant import ATTRIBUTES
from proofing.contracts.call_records import CallStore
from proofing.contracts.circumstances import CIRCUMSTANCES
from proofing.contracts.hooks import GROUP, BackendContext, BackendDescriptor
from proofing.contracts.messengers import MessengerDescriptor
from proofing.contracts.plugin_settings import PluginSettings
from proofing.contracts.processes import ProcessContext
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.queues import Queue
from proofing.contracts.results import ProoferKind
from proofing.contracts.stores import ImageStore, KeyService, ResultStore, SecretStore
from proofing.contracts.verification_store import VerificationStore
from proofing.contracts.webhooks import Webhook, WebhookDescriptor
from proofing.registry.proofers import LoadedProofer, accepts, as_proofer, missing_library
from proofing.settings import Layers, Settings, parse_settings

BackendT = TypeVar("BackendT")

_logger = get_logger(__name__)
_WEBHOOK_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_NAMES_RULE = 'must be a list of names, such as ["huey", "mock"]'


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


#: The settings key of each backend, and the hook that offers it.
BACKEND_HOOKS: Mapping[str, str] = {
    "queue": "proofing_queues",
    "secret_store": "proofing_secret_stores",
    "key_service": "proofing_key_services",
    "image_store": "proofing_image_stores",
    "result_store": "proofing_result_stores",
    "verification_store": "proofing_verification_stores",
    "call_store": "proofing_call_stores",
}
#: What each hook but `proofing_settings` offers, for people, and of which type.
_OFFERS: Mapping[str, tuple[str, type]] = {
    "proofing_queues": ("queue", BackendDescriptor),
    "proofing_secret_stores": ("secret store", BackendDescriptor),
    "proofing_key_services": ("key service", BackendDescriptor),
    "proofing_image_stores": ("image store", BackendDescriptor),
    "proofing_result_stores": ("result store", BackendDescriptor),
    "proofing_verification_stores": ("verification store", BackendDescriptor),
    "proofing_call_stores": ("call store", BackendDescriptor),
    "proofing_proofers": ("", ProoferDescriptor),
    "proofing_messengers": ("messenger", MessengerDescriptor),
    "proofing_webhooks": ("webhook", WebhookDescriptor),
}


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """What a distribution offers: its entry point, its name, and its version."""

    entry: EntryPoint
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class LoadedWebhook:
    """A webhook that is served, and the largest body that it takes."""

    webhook: Webhook
    max_body_bytes: int


#: The installed plugins, by the name of the entry point; several of one name are a problem if it is enabled.
InstalledPlugins = Mapping[str, Sequence[InstalledPlugin]]


def find_installed() -> InstalledPlugins:
    """Return the plugins that distributions on the path offer; none is imported.

    Reads files of every distribution, which takes as long as all else that a process does with its settings.
    """
    found: dict[str, list[InstalledPlugin]] = {}
    origins: dict[Distribution, tuple[str, str]] = {}
    for entry in entry_points(group=GROUP):
        origin = ("", "")
        if entry.dist is not None:
            if entry.dist not in origins:
                origins[entry.dist] = (entry.dist.name, entry.dist.version)
            origin = origins[entry.dist]
        found.setdefault(entry.name, []).append(InstalledPlugin(entry, *origin))
    return found


def plugin_names(layers: Layers) -> list[str]:
    """Return the plugins to load, before the schema has checked them.

    Raises:
        ConfigurationError: the settings name something else than a list of names.
    """
    names = layers.get("plugins", Settings.model_fields["plugins"].default)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError([Problem(layers.origin(["plugins"]), "plugins", _NAMES_RULE)])
    return list(names)


@dataclass(slots=True)
class _Loaded:
    """One loaded plugin with its parsed section, and what each hook returned."""

    name: str
    schema: type[PluginSettings] | None
    offers: Mapping[str, Sequence[Any]]
    settings: PluginSettings | None = None


class PluginManager:
    """The enabled plugins of one process."""

    def __init__(
        self, enabled: Sequence[str], *, installed: InstalledPlugins | None = None, is_trial: bool = False
    ) -> None:
        """Load the plugins named *enabled*; what fails is in `reports`, not raised.

        Args:
            enabled: names of entry points.
            installed: where they are looked for; None looks at every distribution on the path.
            is_trial: whether this only judges an edit; then no line is logged.
        """
        self._is_trial = is_trial
        self._pluggy = pluggy.PluginManager(GROUP)
        self._pluggy.add_hookspecs(hooks)
        self._loaded: dict[str, _Loaded] = {}
        self.reports: list[PluginReport] = []
        #: Sections of plugins that are installed and not enabled; `read_sections` finds them.
        self.unused_sections: list[str] = []
        #: What the proofers of a plugin, by its name, may know of this process; none can be made before it is
        #: set.
        self.process_of: Callable[[str], ProcessContext] = _no_process
        found = find_installed() if installed is None else installed
        self.enabled = tuple(enabled)
        self.installed = frozenset(found)
        for name in sorted(found.keys() | set(enabled)):
            self._consider(name, found.get(name, []), enabled=name in enabled)

    def _consider(self, name: str, found: Sequence[InstalledPlugin], *, enabled: bool) -> None:
        """Load one plugin if it is enabled, and write its report."""
        distribution, version = (found[0].distribution, found[0].version) if found else ("", "")
        problem: str | None = None
        if enabled and not found:
            problem = f"is not installed; no distribution offers the entry point {name!r}"
            problem += f"; did you mean {near}?" if (near := near_name(name, self.installed)) else ""
        elif enabled and len(found) > 1:
            names = ", ".join(sorted(one.distribution for one in found))
            problem = f"is offered by several distributions ({names}); uninstall all but one"
        elif enabled:
            problem = self._load(name, found[0].entry)
        offers = _words(self._loaded[name].offers) if name in self._loaded else ()
        report = PluginReport(
            name=name,
            distribution=distribution,
            version=version,
            enabled=enabled,
            problem=problem,
            offers=offers,
        )
        self.reports.append(report)
        if self._is_trial:
            return
        if problem:
            log(_logger, "plugin_load_failed", level=logging.ERROR, plugin=name, problem=problem)
        elif enabled:
            log(_logger, "plugin_loaded", plugin=name, distribution=distribution, version=version)

    def _load(self, name: str, entry: EntryPoint) -> str | None:
        """Import and register one plugin, and call its hooks; return what went wrong."""
        try:
            module = entry.load()
            self._pluggy.register(module, name)
            self._pluggy.check_pending()
            schema, offers = self._ask(module)
        except ModuleNotFoundError as error:
            problem = missing_library(error, name)
        except pluggy.PluginValidationError:
            problem = "implements a hook that does not exist, or with other arguments"
        except PluginError as error:
            problem = str(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a module may raise anything, even what ends a process
            problem = f"cannot be loaded: {type(error).__name__}"
        else:
            self._loaded[name] = _Loaded(name, schema, offers)
            return None
        if self._pluggy.has_plugin(name):
            self._pluggy.unregister(name=name)
        return problem

    def _ask(self, module: object) -> tuple[type[PluginSettings] | None, dict[str, Sequence[Any]]]:
        """Call every hook of one plugin, once.

        Raises:
            PluginError: a hook answers with something else than it must.
        """
        others = [plugin for plugin in self._pluggy.get_plugins() if plugin is not module]
        schema = self._pluggy.subset_hook_caller("proofing_settings", others)()
        if schema is not None and not (isinstance(schema, type) and issubclass(schema, PluginSettings)):
            raise PluginError("answers proofing_settings with something that is not a PluginSettings")
        offers: dict[str, Sequence[Any]] = {}
        for hook, (_word, wanted) in _OFFERS.items():
            results = self._pluggy.subset_hook_caller(hook, others)()
            offers[hook] = [item for result in results for item in result]
            if not all(isinstance(item, wanted) for item in offers[hook]):
                raise PluginError(f"answers {hook} with something that is not a {wanted.__name__}")
            for item in offers[hook]:
                if not (isinstance(item.name, str) and item.name and callable(item.make)):
                    raise PluginError(f"answers {hook} with a descriptor that has no name, or cannot make it")
                if not accepts(item.make, 2):
                    raise PluginError(
                        f"{item.name}: make must take two arguments, the plugin's settings and the process"
                    )
        _check_vendor_offers(offers)
        return schema, offers

    def problems(self) -> list[Problem]:
        """Return what is wrong with enabled plugins, as problems of the key ``plugins``."""
        return [
            Problem("settings", "plugins", f"{report.name} {report.problem}")
            for report in self.reports
            if report.enabled and report.problem
        ]

    @property
    def sections(self) -> Mapping[str, PluginSettings]:
        """The parsed section of every enabled plugin that has settings, by the plugin's name."""
        return {
            plugin.name: plugin.settings for plugin in self._loaded.values() if plugin.settings is not None
        }

    @property
    def schemas(self) -> Mapping[str, type[PluginSettings]]:
        """The schema of every enabled plugin that has settings, by the plugin's name."""
        return {plugin.name: plugin.schema for plugin in self._loaded.values() if plugin.schema is not None}

    def read_sections(self, layers: Layers, *, only: str | None = None) -> list[Problem]:
        """Let each plugin's schema decide on its section, and return every problem.

        Args:
            layers: the merged values.
            only: read only the section of the plugin that offers the secret store of this name.
        """
        problems: list[Problem] = []
        for plugin in self._loaded.values():
            stores = {item.name for item in plugin.offers["proofing_secret_stores"]}
            if only is not None and only not in stores:
                continue
            plugin.settings, found = _section(plugin, layers)
            problems += found
        if only is None:
            stray, self.unused_sections = self._stray_sections(layers)
            problems += stray
            for name in self.unused_sections:
                log(_logger, "unused_settings_section", level=logging.WARNING, plugin=name)
        return problems

    def section_problems(self, layers: Layers) -> list[Problem]:
        """Return every problem with the sections of an edit; the sections in effect stay."""
        problems = [problem for plugin in self._loaded.values() for problem in _section(plugin, layers)[1]]
        return problems + self._stray_sections(layers)[0]

    def _stray_sections(self, layers: Layers) -> tuple[list[Problem], list[str]]:
        """Return problems of sections that belong to no plugin, and the names of those that nothing reads."""
        problems, unused = [], []
        for name in layers.sections(Settings.model_fields):
            if name in self._loaded or any(report.name == name and report.problem for report in self.reports):
                continue
            if name in self.installed:
                unused.append(name)
            else:
                problems.append(
                    Problem(layers.origin([name]), name, "unknown key, and no plugin of that name")
                )
        return problems, unused

    def queue(self, name: str, context: BackendContext) -> Queue:
        """Make the queue backend *name*. Raises `ConfigurationError`."""
        queue: Queue = self._backend("queue", name, context)
        return queue

    def secret_store(self, name: str, context: BackendContext) -> SecretStore:
        """Make the secret store *name*. Raises `ConfigurationError`."""
        secret_store: SecretStore = self._backend("secret_store", name, context)
        return secret_store

    def key_service(self, name: str, context: BackendContext) -> KeyService:
        """Make the key service *name*. Raises `ConfigurationError`."""
        key_service: KeyService = self._backend("key_service", name, context)
        return key_service

    def image_store(self, name: str, context: BackendContext) -> ImageStore:
        """Make the image store *name*. Raises `ConfigurationError`."""
        image_store: ImageStore = self._backend("image_store", name, context)
        return image_store

    def result_store(self, name: str, context: BackendContext) -> ResultStore:
        """Make the result store *name*. Raises `ConfigurationError`."""
        result_store: ResultStore = self._backend("result_store", name, context)
        return result_store

    def verification_store(self, name: str, context: BackendContext) -> VerificationStore:
        """Make the verification store *name*. Raises `ConfigurationError`."""
        verification_store: VerificationStore = self._backend("verification_store", name, context)
        return verification_store

    def call_store(self, name: str, context: BackendContext) -> CallStore:
        """Make the call store *name*. Raises `ConfigurationError`."""
        call_store: CallStore = self._backend("call_store", name, context)
        return call_store

    def check_backend(self, key: str, name: str, *, is_production: bool) -> list[Problem]:
        """Return what speaks against the backend *name* of the settings *key*; nothing is made."""
        try:
            self._find(key, name, is_production=is_production)
        except ConfigurationError as error:
            return list(error.problems)
        return []

    def owner(self, key: str, name: str) -> str:
        """Return the plugin that offers the backend *name* of the settings *key*; *name* when none does."""
        hook = BACKEND_HOOKS[key]
        owners = [
            plugin.name
            for plugin in self._loaded.values()
            if any(item.name == name for item in plugin.offers[hook])
        ]
        return owners[0] if owners else name

    def _backend(self, key: str, name: str, context: BackendContext) -> Any:
        """Make one backend."""
        plugin, descriptor = self._find(key, name, is_production=context.is_production)
        return descriptor.make(plugin.settings, context)

    def _find(self, key: str, name: str, *, is_production: bool) -> tuple[_Loaded, BackendDescriptor[Any]]:
        """Return the one backend *name*, holding production to its rule. Raises `ConfigurationError`."""
        offers = [
            (plugin, item) for plugin in self._loaded.values() for item in plugin.offers[BACKEND_HOOKS[key]]
        ]
        matching = [(plugin, item) for plugin, item in offers if item.name == name]
        if not matching:
            known = ", ".join(sorted(item.name for _plugin, item in offers)) or "none"
            rule = f"no enabled plugin offers {name}; enabled plugins offer: {known}"
            raise ConfigurationError([Problem("settings", key, rule)])
        if len(matching) > 1:
            rule = "is offered by several enabled plugins"
            raise ConfigurationError([Problem("settings", key, rule)])
        if is_production and not matching[0][1].production:
            rule = f"{name} is for one machine and refused in production"
            raise ConfigurationError([Problem("settings", key, rule)])
        return matching[0]

    @cached_property
    def proofers(self) -> dict[tuple[ProoferKind, str], LoadedProofer]:
        """Every proofer and messenger of the enabled plugins, by kind and name.

        Raises:
            ConfigurationError: two plugins offer one name for one kind.
        """
        found: dict[tuple[ProoferKind, str], LoadedProofer] = {}
        for plugin in self._loaded.values():
            messengers = plugin.offers["proofing_messengers"]
            offered = [(as_proofer(one), one.channels, one.codes_only) for one in messengers]
            offered += [(one, None, False) for one in plugin.offers["proofing_proofers"]]
            for descriptor, ways, codes_only in offered:
                key = (descriptor.kind, descriptor.name)
                if key in found:
                    rule = f"two plugins offer the {descriptor.kind.value} proofer {descriptor.name}"
                    raise ConfigurationError([Problem("settings", "plugins", rule)])
                process = partial(self._process, plugin.name)
                found[key] = LoadedProofer(
                    plugin.name, descriptor, plugin.settings, process, channels=ways, codes_only=codes_only
                )
        return found

    def webhooks(self, *, is_production: bool) -> dict[str, LoadedWebhook]:
        """Make the webhooks of the enabled plugins, by name; in production those that are meant for it.

        Raises:
            ConfigurationError: two plugins offer one name, or one cannot be made.
        """
        found: dict[str, LoadedWebhook] = {}
        for plugin in self._loaded.values():
            for descriptor in plugin.offers["proofing_webhooks"]:
                if is_production and not descriptor.production:
                    continue
                if descriptor.name in found:
                    rule = f"two plugins offer the webhook {descriptor.name}"
                    raise ConfigurationError([Problem("settings", "plugins", rule)])
                try:
                    webhook = descriptor.make(plugin.settings, self._process(plugin.name))
                except Exception as error:  # noqa: BLE001 - a factory may raise anything
                    rule = f"{plugin.name} cannot make the webhook {descriptor.name}: {type(error).__name__}"
                    raise ConfigurationError([Problem("settings", "plugins", rule)]) from None
                found[descriptor.name] = LoadedWebhook(webhook, descriptor.max_body_bytes)
        return found

    def _process(self, plugin: str) -> ProcessContext:
        """Return what the proofers of *plugin* may know of this process, as of now."""
        return self.process_of(plugin)


def _no_process(_plugin: str) -> ProcessContext:
    """Refuse: the settings are not known yet."""
    raise PluginError("no proofer can be made before the settings are read")


def _check_proofer(descriptor: ProoferDescriptor) -> None:
    """Raise `PluginError` for a descriptor whose words nobody knows."""
    name = descriptor.name
    # Python does not hold a dataclass to its types, and a maturity that is a text passes for no mock.
    kind, maturity = cast("object", descriptor.kind), cast("object", descriptor.maturity)
    if not (isinstance(kind, ProoferKind) and isinstance(maturity, Maturity)):
        raise PluginError(f"{name}: kind must be a ProoferKind, and maturity a Maturity")
    if unknown := sorted(set(descriptor.attributes) - set(ATTRIBUTES)):
        raise PluginError(f"{name} declares unknown attributes: {', '.join(unknown)}")
    if unknown := sorted(set(descriptor.needs) - set(CIRCUMSTANCES)):
        raise PluginError(f"{name} needs unknown circumstances: {', '.join(unknown)}")


def _section(plugin: _Loaded, layers: Layers) -> tuple[PluginSettings | None, list[Problem]]:
    """Let a plugin's schema decide on its section; return its settings, if any, and every problem."""
    try:
        if plugin.schema is not None:
            return parse_settings(layers, plugin.schema, plugin.name), []
        if layers.section(plugin.name):
            return None, [
                Problem(layers.origin([plugin.name]), plugin.name, "this plugin accepts no settings")
            ]
    except ConfigurationError as error:
        return None, list(error.problems)
    except Exception as error:  # noqa: BLE001 - a plugin's own validator may raise anything
        rule = f"could not be validated: the plugin's schema raised {type(error).__name__}"
        return None, [Problem(layers.origin([plugin.name]), plugin.name, rule)]
    return None, []


def _check_vendor_offers(offers: Mapping[str, Sequence[Any]]) -> None:
    """Raise `PluginError` when descriptors of proofers and webhooks do not say what they must."""
    webhooks = {item.name for item in offers["proofing_webhooks"]}
    for name in webhooks:
        if not _WEBHOOK_NAME.fullmatch(name):
            raise PluginError(f"offers the webhook {name!r}: use lower-case letters, digits and hyphens")
    for item in offers["proofing_messengers"]:
        _check_proofer(as_proofer(item))
    for item in offers["proofing_proofers"]:
        _check_proofer(item)
        if item.kind is ProoferKind.MESSENGER:
            raise PluginError(f"{item.name}: messengers are offered by the hook proofing_messengers")
        if not (item.webhook is None or item.webhook in webhooks):
            raise PluginError(f"{item.name} names a webhook that its plugin does not offer: {item.webhook}")


def _words(offers: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Return what a plugin offers, for people."""
    return tuple(
        f"{_OFFERS[hook][0] or item.kind.value} {item.name}"
        for hook, items in offers.items()
        for item in items
    )
