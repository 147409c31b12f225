"""Puts a process together from its settings: the one place where plugins become objects.

Order: layers of settings, plugins, secret store, secrets merged over the settings, strict schema, stores,
queue, service or worker. Every problem found on the way is collected and reported at once.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from proofing.app.erasure import STOP_SECONDS, Eraser
from proofing.app.service import ProofingService
from proofing.app.worker import Worker
from proofing.base import tracing
from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import ConfigurationError, PluginError, Problem, ProofingError
from proofing.base.hardening import protect_process
from proofing.base.logs import get_logger, log
from proofing.contracts.hooks import BackendContext
from proofing.contracts.processes import ProcessContext
from proofing.contracts.queues import Capability
from proofing.contracts.results import Assurance
from proofing.contracts.stores import Secrets, SecretStore
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.crypto.fips import fips_problems
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.dependencies import Deadlines, Dependencies
from proofing.jobs.forgetting import Forgetter
from proofing.jobs.lifecycle import can_check
from proofing.jobs.runner import JobRunner
from proofing.jobs.vendor_cache import SharedValues
from proofing.jobs.way_back import WayBack
from proofing.outbound.transport import Observer, OutboundTransport
from proofing.registry.backends import (
    Backend,
    Backends,
    contract_violation_error,
    count_errors,
    make_backend,
    open_backend,
)
from proofing.registry.plugins import (
    BACKEND_HOOKS,
    InstalledPlugins,
    LoadedWebhook,
    PluginManager,
    plugin_names,
    secret_reader,
)
from proofing.routing.router import Router, validate_vendors, vendor_problems
from proofing.routing.shared_limits import VendorBudgets
from proofing.sessions.uploads import UploadSlots
from proofing.settings import Layers, LiveSettings, Settings, read_layers, validate_settings
from proofing.settings.layers import DEFAULT_BLOCK
from proofing.settings.values import decode_key

_logger = get_logger(__name__)
#: Settings keys of the backends that `start` opens.
_BACKENDS = ("queue", "result_store", "image_store", "key_service")
#: Settings that have no default; the secret store brings them.
_SECRET_KEYS = ("hmac_fingerprinter_key", "session_encryption_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that is known before anything is connected."""

    layers: Layers
    settings: Settings
    plugins: PluginManager
    live: LiveSettings
    router: Router

    @property
    def environment(self) -> str:
        """The value of ``PROOFING_ENV``: ``development``, ``test``, ``production``, or another name."""
        return self.layers.environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One process, put together and connected."""

    configuration: Configuration
    backends: Backends
    parts: Dependencies
    service: ProofingService
    worker: Worker
    runner: JobRunner


async def configure(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    role: str = "cli",
    installed: InstalledPlugins | None = None,
) -> Configuration:
    """Read and check the settings, the secrets included.

    Args:
        path: of the settings file; None takes ``PROOFING_SETTINGS``, else ``settings.yaml``.
        environ: the variables; None takes those of the process.
        role: what the process is for; see `proofing.contracts.hooks.BackendContext`.
        installed: where plugins are looked for; None looks at every distribution on the path.

    Raises:
        ConfigurationError: with every problem that can be found in one pass.
        StoreUnavailableError: the secret store does not answer.
    """
    layers = read_layers(path, environ)
    if not layers.has_file:
        log(_logger, "settings_file_missing", level=logging.WARNING, path=layers.path.name)
    plugins = PluginManager(plugin_names(layers), installed=installed)
    problems = [*plugins.problems(), *tracing.problems(os.environ if environ is None else environ)]
    secrets: Secrets | None = None
    try:
        secrets = await _add_secrets(layers, plugins, role)
    except ConfigurationError as error:
        problems += error.problems
        _add_placeholder(layers)
    problems += plugins.read_sections(layers)
    settings, more = _judge(layers, plugins)
    problems += more
    if problems or secrets is None:
        raise ConfigurationError(with_sources(problems, layers))
    kept = secrets
    plugins.process_of = partial(_proofer_process, layers, settings)
    live = LiveSettings(
        settings, layers, partial(_reread, path, environ, kept, plugins, had_file=layers.has_file)
    )
    router = Router(plugins, live)
    return Configuration(layers=layers, settings=settings, plugins=plugins, live=live, router=router)


def make_backends(configuration: Configuration, role: str, **given: Backend) -> Backends:
    """Return queue and stores, made by their plugins unless they are given.

    Args:
        configuration: from `configure`.
        role: what the process is for; see `proofing.contracts.hooks.BackendContext`.
        given: backends that are made already, by settings key: ``queue``, ``result_store``, ``image_store``,
            ``key_service``.

    Raises:
        ConfigurationError: with every one that cannot be made.
    """
    settings = configuration.settings
    context = _context(configuration.layers, role, settings)
    problems: list[Problem] = []
    made: dict[str, Any] = {**given}
    for key in _BACKENDS:
        if key in given:
            continue
        try:
            made[key] = make_backend(configuration.plugins, key, getattr(settings, key), context)
        except ConfigurationError as error:
            problems += error.problems
    rescues = Capability.CRASH_RECOVERY in getattr(
        made.get("queue"), "capabilities", (Capability.CRASH_RECOVERY,)
    )
    if settings.require_crash_recovery and not rescues:
        rule = f"{settings.queue} does not repeat jobs of a killed worker, and require_crash_recovery is on"
        problems.append(Problem("settings", "queue", rule))
    if problems:
        raise ConfigurationError(with_sources(problems, configuration.layers))
    return Backends(
        queue=made["queue"],
        results=made["result_store"],
        images=made["image_store"],
        key_service=made["key_service"],
    )


def make_eraser(
    configuration: Configuration,
    backends: Backends,
    *,
    stop_seconds: float = STOP_SECONDS,
    open_keys: Callable[[], Awaitable[None]] | None = None,
) -> Eraser:
    """Return what erases people from *backends*, open or not; jobs may take *stop_seconds* to stop.

    *open_keys* opens a key service that is closed, when a vendor has to be told something.
    """
    settings = configuration.settings
    keys = _ring(settings.session_encryption_key, settings.session_encryption_previous_keys)
    forgetter = Forgetter(
        backends.results,
        _sealer(configuration, backends, keys),
        configuration.router,
        lambda: make_clients(settings),
        open_keys,
    )
    return Eraser(backends, keys, configuration.live, forgetter, stop_seconds=stop_seconds)


@asynccontextmanager
async def start(
    configuration: Configuration,
    role: str,
    backends: Backends | None = None,
    *,
    deadlines: Deadlines | None = None,
) -> AsyncIterator[Runtime]:
    """Connect everything, hand it over, and give everything back at the end.

    Args:
        configuration: from `configure`.
        role: what the process is for; see `proofing.contracts.hooks.BackendContext`.
        backends: not open yet; None has `make_backends` make them. They are closed at the end.
        deadlines: how long things may take; None for the usual ones.

    Raises:
        ConfigurationError, StoreUnavailableError, QueueUnavailableError: nothing stays open.
    """
    protect_process()
    settings = configuration.settings
    if unusable := configuration.router.validate_vendors():
        raise ConfigurationError(with_sources(unusable, configuration.layers))
    backends = backends or make_backends(configuration, role)
    keys = _ring(settings.session_encryption_key, settings.session_encryption_previous_keys)
    sealer = _sealer(configuration, backends, keys)
    # Only workers may seal and open what they share.
    shared = SharedValues(backends.results, sealer, keys) if role == "worker" else None
    budgets = VendorBudgets(backends.results, configuration.live)
    clients = make_clients(settings, budgets=budgets, shared=shared)
    parts = Dependencies(
        queue=backends.queue,
        results=backends.results,
        images=backends.images,
        sealer=sealer,
        keys=keys,
        router=configuration.router,
        clients=clients,
        way_back=WayBack(keys, settings.public_url),
        live=configuration.live,
        deadlines=deadlines or Deadlines(),
    )
    runner = JobRunner(parts)
    uploads = UploadSlots(backends.results, backends.images, keys, configuration.live, sealer)
    service = ProofingService(
        parts,
        runner=runner,
        uploads=uploads,
        fingerprint_keys=_ring(settings.hmac_fingerprinter_key, ()),
        environment=configuration.environment,
        webhooks=_webhooks(configuration, role),
    )
    worker = Worker(parts, runner=runner, uploads=uploads)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(clients.close)
        for key, backend in backends.in_order():
            count_errors(key, backend)
            stack.push_async_callback(backend.close)
            await open_backend(key, backend)
        stack.push_async_callback(service.close)
        stack.push_async_callback(_canceled, asyncio.create_task(configuration.live.watch()))
        log(
            _logger,
            "started",
            role=role,
            environment=configuration.environment,
            names=[settings.queue, settings.result_store, settings.image_store, settings.key_service],
        )
        yield Runtime(
            configuration=configuration,
            backends=backends,
            parts=parts,
            service=service,
            worker=worker,
            runner=runner,
        )


def _sealer(configuration: Configuration, backends: Backends, keys: KeyRing) -> Sealer:
    """Return what seals and opens by the key service of *backends*."""
    settings = configuration.settings
    return Sealer(
        backends.key_service,
        keys,
        environment=configuration.environment,
        data_key_max_messages=settings.data_key_max_messages,
        data_key_max_seconds=settings.data_key_max_seconds,
    )


def _webhooks(configuration: Configuration, role: str) -> Mapping[str, LoadedWebhook]:
    """Return the webhooks that a process serves: a web process alone needs their secrets."""
    if role != "web":
        return {}
    return configuration.plugins.webhooks(is_production=configuration.settings.is_production)


async def check_proofers(configuration: Configuration) -> dict[str, str | None]:
    """Have each vendor of the settings that can check itself do so, side by side.

    Returns by its name what is wrong with each one, or None. The settings must be without problems.
    """
    loaded = [one for one in configuration.router.configured() if can_check(one)]
    names = [f"{one.descriptor.kind} {one.descriptor.name}" for one in loaded]
    clients = make_clients(configuration.settings)
    try:
        checks = [clients.proofers.check(one, clients.context(one, one.policy())) for one in loaded]
        return dict(zip(names, await asyncio.gather(*checks), strict=True))
    finally:
        await clients.close()


def make_clients(
    settings: Settings,
    *,
    budgets: VendorBudgets | None = None,
    shared: SharedValues | None = None,
    observe: Observer | None = None,
) -> VendorClientPool:
    """Return what asks vendors; *observe* is given each call. The others are of `VendorClientPool`."""
    proxy, most = settings.outbound_proxy_url, settings.outbound_max_connections
    transport = OutboundTransport(proxy=proxy, max_connections=most, observe=observe)
    return VendorClientPool(transport, budgets, CPUPool(settings.cpu_children), shared)


async def _canceled(task: asyncio.Task[None]) -> None:
    """Cancel *task* and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _add_secrets(layers: Layers, plugins: PluginManager, role: str) -> Secrets:
    """Load the secrets and merge them over the settings."""
    name = str(layers.get("secret_store", Settings.model_fields["secret_store"].default))
    section_problems = plugins.read_sections(layers, only=name)
    if section_problems:
        raise ConfigurationError(section_problems)
    store: SecretStore = make_backend(plugins, "secret_store", name, _context(layers, role, None))
    try:
        secrets = await store.load()
        layers.add(secrets.values, secrets.source)
    except ProofingError:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its text may hold secrets
        raise contract_violation_error("secret_store", error) from None
    log(_logger, "secrets_loaded", source=secrets.source, version=secrets.version)
    return secrets


def _context(layers: Layers, role: str, settings: Settings | None) -> BackendContext:
    """Return what backends may know; without *settings* they have no secret yet."""
    return BackendContext(role=role, **_process_facts(layers, settings, "backend"))


def _proofer_process(layers: Layers, settings: Settings, plugin: str) -> ProcessContext:
    """Return what the proofers of *plugin* may know of this process."""
    return ProcessContext(**_process_facts(layers, settings, f"proofer/{plugin}"))


def _process_facts(layers: Layers, settings: Settings | None, user: str) -> dict[str, Any]:
    """Return the fields of a `ProcessContext` for *user*; without *settings* there is no secret."""

    def key() -> bytes:
        if settings is None:
            raise PluginError("a secret store has no application secret")
        return _key(settings.session_encryption_key)

    def old_secrets(label: str) -> list[bytes]:
        old = settings.session_encryption_previous_keys if settings else ()
        return [secret_reader(partial(_key, one), user)(label) for one in old]

    return {
        "environment": layers.environment,
        "is_production": layers.is_production,
        "public_url": str(layers.get("public_url", Settings.model_fields["public_url"].default)),
        "secret": secret_reader(key, user),
        "old_secrets": old_secrets,
    }


def _settings_problems(layers: Layers, settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Return the problems that only show with settings and plugins together. Raises `ConfigurationError`."""
    is_production = settings.is_production
    problems = [
        Problem(layers.path.name, name, f"is a plugin and not an environment; put it below {DEFAULT_BLOCK}")
        for name in layers.blocks
        if name in plugins.installed
    ]
    problems += [
        problem
        for key in BACKEND_HOOKS
        for problem in plugins.check_backend(key, getattr(settings, key), is_production=is_production)
    ]
    if is_production and not settings.public_url.startswith("https://"):
        problems.append(Problem(layers.origin(["public_url"]), "public_url", "must be https in production"))
    if is_production and settings.document_requires is not Assurance.AUTHENTICATED:
        rule = "must be authenticated in production"
        problems.append(Problem(layers.origin(["document_requires"]), "document_requires", rule))
    if is_production and settings.trusted_proxies == ():
        # Behind a proxy that is not named, everybody would have one address, and share its limits.
        rule = "must name the proxies in front of the web process in production, or be 0 for none"
        problems.append(Problem(layers.origin(["trusted_proxies"]), "trusted_proxies", rule))
    if (proxy := settings.outbound_proxy_url) is not None and not _is_proxy_url(proxy):
        rule = "must be the http or https URL of a proxy, such as http://proxy.example.gov:3128"
        problems.append(Problem(layers.origin(["outbound_proxy"]), "outbound_proxy", rule))
    problems += fips_problems() if settings.fips_required else []
    return problems + vendor_problems(settings, plugins)


def _judge(layers: Layers, plugins: PluginManager) -> tuple[Settings, list[Problem]]:
    """Return the settings of core and everything wrong with them; the same for a start and for an edit."""
    examined = validate_settings(layers)
    problems = list(examined.problems)
    try:
        problems += examined.excluding_defaults(_settings_problems(layers, examined.settings, plugins))
    except ConfigurationError as error:
        problems += error.problems
    return examined.settings, problems


def _is_proxy_url(text: str) -> bool:
    """Return whether *text* is the URL of a forward proxy."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _add_placeholder(layers: Layers) -> None:
    """Put keys in the place of missing ones, so that the rest can be judged; the start has failed already."""
    missing = {key: "00" * 32 for key in _SECRET_KEYS if layers.get(key) is None}
    layers.add(missing, "secret store")


def with_sources(problems: Sequence[Problem], layers: Layers) -> list[Problem]:
    """Return *problems* with the file or variable that set each key, and none of them twice."""
    found = dict.fromkeys(
        replace(problem, source=layers.origin(problem.key.split(".")))
        if problem.source == "settings"
        else problem
        for problem in problems
    )
    # A section that is not a map is for core a key that it does not know.
    others = {problem.key for problem in found if not problem.rule.startswith("unknown key")}
    return [
        problem for problem in found if not (problem.rule.startswith("unknown key") and problem.key in others)
    ]


def _reread(
    path: Path | None,
    environ: Mapping[str, str] | None,
    secrets: Secrets,
    plugins: PluginManager,
    *,
    had_file: bool = True,
) -> Settings:
    """Return the settings as the file says now, with the secrets as loaded at launch.

    Raises:
        ConfigurationError: they would not do for a start, such as a mock in production.
    """
    layers = read_layers(path, environ, is_required=had_file)
    layers.add(secrets.values, secrets.source)
    names = plugin_names(layers)
    # The next start would load other plugins; the vendors switched to now must be of those that are loaded.
    judges = plugins if set(names) == set(plugins.enabled) else PluginManager(names, is_trial=True)
    settings, problems = _judge(layers, judges)
    problems += judges.section_problems(layers)
    if judges is not plugins:
        problems += judges.problems()
        problems = problems or [
            replace(problem, rule="names a vendor whose plugin is not loaded yet: restart")
            for problem in vendor_problems(settings, plugins)
        ]
    # What cannot be made at a start must not be switched to; it is made only if all else is well.
    problems = problems or validate_vendors(settings, plugins)
    if problems:
        raise ConfigurationError(with_sources(problems, layers))
    return settings


def _ring(current: SecretStr, old: tuple[SecretStr, ...]) -> KeyRing:
    """Return a key ring of secret settings."""
    return KeyRing(_key(current), [_key(key) for key in old])


def _key(secret: SecretStr) -> bytes:
    """Return the 32 bytes of a secret setting, which the schema has checked."""
    key = decode_key(secret.get_secret_value())
    if key is None:
        raise PluginError("a key is malformed")
    return key
