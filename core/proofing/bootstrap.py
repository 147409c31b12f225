"""Puts a process together from its settings: the one place where plugins become objects.

Order: layers of settings, plugins, secret store, secrets merged over the settings, strict schema, stores,
queue, service or worker. Every problem found on the way is collected and reported at once.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from proofing.app.erasure import STOP_SECONDS, Eraser
from proofing.app.process_facts import backend_context, key_ring, proofer_process
from proofing.app.service import ProofingService
from proofing.app.settings_check import (
    judge_settings,
    reread_settings,
    unusable_vendors,
    with_sources,
)
from proofing.app.worker import Worker
from proofing.base import tracing
from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import ConfigurationError, Problem, ProofingError
from proofing.base.hardening import protect_process
from proofing.base.logs import get_logger, log
from proofing.contracts.queues import Capability
from proofing.contracts.stores import Secrets, SecretStore
from proofing.contracts.verification_store import VerificationStore
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.dependencies import Deadlines, Dependencies
from proofing.jobs.forgetting import Forgetter
from proofing.jobs.lifecycle import can_check
from proofing.jobs.recording import CallRecorder
from proofing.jobs.runner import JobRunner
from proofing.jobs.shadow import VendorShadows
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
    InstalledPlugins,
    LoadedWebhook,
    PluginManager,
    plugin_names,
)
from proofing.routing.gates import Gatekeeper
from proofing.routing.mocks import MockRouter
from proofing.routing.people import RoutedPeople
from proofing.routing.router import Router
from proofing.sessions.uploads import UploadSlots
from proofing.settings import Layers, LiveSettings, Settings, read_layers
from proofing.settings.watch import AUTHOR, SettingsWatch
from proofing.verifications.changes import Changes
from proofing.verifications.credentials import Credentials
from proofing.verifications.deliveries import Deliverer
from proofing.verifications.ends import VerificationEnds
from proofing.verifications.sending import EventSender
from proofing.verifications.signing_keys import SigningKeys
from proofing.verifications.targets import LOOPBACK_ENVIRONMENTS
from proofing.verifications.webhook_keys import WebhookKeys

_logger = get_logger(__name__)
#: Settings keys of the backends that `start` opens.
_BACKENDS = ("queue", "result_store", "image_store", "key_service", "verification_store", "call_store")
#: Settings that have no default; the secret store brings them.
_SECRET_KEYS = ("hmac_fingerprinter_key", "session_encryption_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that is known before anything is connected."""

    layers: Layers
    settings: Settings
    plugins: PluginManager
    live: LiveSettings
    watch: SettingsWatch
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
    deliverer: Deliverer
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
    file_author = layers.get(AUTHOR)
    plugins = PluginManager(plugin_names(layers), installed=installed)
    problems = [*plugins.problems(), *tracing.problems(os.environ if environ is None else environ)]
    loaded: tuple[SecretStore, Secrets] | None = None
    try:
        loaded = await _add_secrets(layers, plugins, role)
    except ConfigurationError as error:
        problems += error.problems
        _add_placeholder(layers)
    problems += plugins.read_sections(layers)
    settings, more = judge_settings(layers, plugins)
    problems += more
    if problems or loaded is None:
        raise ConfigurationError(with_sources(problems, layers))
    store, secrets = loaded
    plugins.process_of = partial(proofer_process, layers, settings)
    live = LiveSettings(settings)
    watch = SettingsWatch(
        live,
        layers,
        store,
        secrets,
        file_author=file_author,
        reread=partial(reread_settings, path, environ, plugins, had_file=layers.has_file),
        judge=partial(unusable_vendors, plugins),
    )
    return Configuration(
        layers=layers,
        settings=settings,
        plugins=plugins,
        live=live,
        watch=watch,
        router=Router(plugins, live, _routed_people(settings)),
    )


def make_backends(configuration: Configuration, role: str, **given: Backend) -> Backends:
    """Return queue and stores, made by their plugins unless they are given.

    Args:
        configuration: from `configure`.
        role: what the process is for; see `proofing.contracts.hooks.BackendContext`.
        given: backends that are made already, by settings key, such as ``result_store``.

    Raises:
        ConfigurationError: with every one that cannot be made.
    """
    settings = configuration.settings
    context = backend_context(configuration.layers, role, settings)
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
        verifications=made["verification_store"],
        calls=made["call_store"],
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
    keys = key_ring(settings.session_encryption_key, settings.session_encryption_previous_keys)
    forgetter = _forgetter(configuration, backends, make_sealer(configuration, backends), open_keys)
    people = _routed_people(settings)
    return Eraser(backends, keys, configuration.live, forgetter, people, stop_seconds=stop_seconds)


def make_credentials(configuration: Configuration, store: VerificationStore) -> Credentials:
    """Return what makes and recognizes the API keys of relying parties in *store*."""
    return Credentials(store, _fingerprint_keys(configuration.settings))


def make_signing_keys(configuration: Configuration, backends: Backends) -> SigningKeys:
    """Return what makes and finds the keys that sign ID tokens, in stores that are open."""
    return SigningKeys(backends.verifications, make_sealer(configuration, backends))


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
    keys = key_ring(settings.session_encryption_key, settings.session_encryption_previous_keys)
    sealer = make_sealer(configuration, backends)
    # Only workers may seal and open what they share.
    shared = SharedValues(backends.results, sealer, keys) if role == "worker" else None
    clients = make_clients(settings, shared=shared)
    ends = VerificationEnds(
        backends.verifications, Changes(backends.verifications, configuration.live), sealer
    )
    gates = Gatekeeper(backends.results, configuration.live)
    deadlines = deadlines or Deadlines()
    recorder = CallRecorder(
        backends.calls,
        retry_seconds=deadlines.publish_seconds,
        first_wait_seconds=deadlines.publish_wait_seconds,
    )
    shadows = VendorShadows(
        backends.results, configuration.live, configuration.router, make_clients, recorder
    )
    parts = Dependencies(
        queue=backends.queue,
        results=backends.results,
        images=backends.images,
        verifications=backends.verifications,
        calls=backends.calls,
        sealer=sealer,
        keys=keys,
        router=configuration.router,
        mocks=MockRouter(configuration.plugins, configuration.live, _routed_people(settings)),
        clients=clients,
        way_back=WayBack(keys, settings.public_url),
        live=configuration.live,
        ends=ends,
        gates=gates,
        recorder=recorder,
        deadlines=deadlines,
        shadow=shadows,
    )
    runner = JobRunner(parts)
    uploads = UploadSlots(backends.results, backends.images, keys, configuration.live, sealer)
    service = ProofingService(
        parts,
        runner=runner,
        uploads=uploads,
        fingerprint_keys=_fingerprint_keys(settings),
        environment=configuration.environment,
        webhooks=_webhooks(configuration, role),
    )
    sender = EventSender(
        configuration.live,
        WebhookKeys(backends.verifications, sealer),
        allows_loopback=configuration.environment in LOOPBACK_ENVIRONMENTS and not settings.is_production,
        proxy=settings.outbound_proxy_url,
    )
    deliverer = Deliverer(backends.verifications, sender)
    worker = Worker(
        parts,
        runner=runner,
        uploads=uploads,
        deliverer=deliverer,
        forgetter=_forgetter(configuration, backends, sealer),
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(clients.close)
        for key, backend in backends.in_order():
            count_errors(key, backend)
            stack.push_async_callback(backend.close)
            await open_backend(key, backend)
        stack.push_async_callback(gates.close)
        stack.push_async_callback(recorder.close)
        stack.push_async_callback(shadows.close)
        stack.push_async_callback(service.close)
        stack.push_async_callback(sender.close)
        stack.push_async_callback(configuration.watch.close)
        configuration.watch.begin()
        log(
            _logger,
            "started",
            role=role,
            environment=configuration.environment,
            names=[getattr(settings, key) for key in _BACKENDS],
        )
        yield Runtime(
            configuration=configuration,
            backends=backends,
            parts=parts,
            service=service,
            worker=worker,
            deliverer=deliverer,
            runner=runner,
        )


def make_sealer(configuration: Configuration, backends: Backends) -> Sealer:
    """Return what seals and opens by the key service of *backends*, once it is open."""
    settings = configuration.settings
    return Sealer(
        backends.key_service,
        key_ring(settings.session_encryption_key, settings.session_encryption_previous_keys),
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
    shared: SharedValues | None = None,
    observe: Observer | None = None,
) -> VendorClientPool:
    """Return what asks vendors; *observe* is given each call. The others are of `VendorClientPool`."""
    proxy, most = settings.outbound_proxy_url, settings.outbound_max_connections
    transport = OutboundTransport(proxy=proxy, max_connections=most, observe=observe)
    return VendorClientPool(transport, CPUPool(settings.cpu_children), shared)


def _forgetter(
    configuration: Configuration,
    backends: Backends,
    sealer: Sealer,
    open_keys: Callable[[], Awaitable[None]] | None = None,
) -> Forgetter:
    """Return what tells vendors to delete; see `make_eraser` for *open_keys*."""
    return Forgetter(
        backends.results,
        sealer,
        configuration.router,
        lambda: make_clients(configuration.settings),
        open_keys,
    )


async def _add_secrets(layers: Layers, plugins: PluginManager, role: str) -> tuple[SecretStore, Secrets]:
    """Load the secrets and merge them over the settings; return them and what holds them."""
    name = str(layers.get("secret_store", Settings.model_fields["secret_store"].default))
    section_problems = plugins.read_sections(layers, only=name)
    if section_problems:
        raise ConfigurationError(section_problems)
    store: SecretStore = make_backend(plugins, "secret_store", name, backend_context(layers, role, None))
    try:
        secrets = await store.load()
        layers.add(secrets.values, secrets.source)
    except ProofingError:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its text may hold secrets
        raise contract_violation_error("secret_store", error) from None
    log(_logger, "secrets_loaded", source=secrets.source, version=secrets.version)
    return store, secrets


def _add_placeholder(layers: Layers) -> None:
    """Put keys in the place of missing ones, so that the rest can be judged; the start has failed already."""
    missing = {key: "00" * 32 for key in _SECRET_KEYS if layers.get(key) is None}
    layers.add(missing, "secret store")


def _fingerprint_keys(settings: Settings) -> KeyRing:
    """Return the key under which equals are found, and API keys recognized; it has no previous ones."""
    return key_ring(settings.hmac_fingerprinter_key, ())


def _routed_people(settings: Settings) -> RoutedPeople:
    """Return what routing makes of people's references."""
    return RoutedPeople(_fingerprint_keys(settings))
