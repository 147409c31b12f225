"""Puts a process together from its settings: the one place where plugins become objects.

Order: layers of settings, plugins, secret store, secrets merged over the settings, strict schema, stores,
queue, service or worker. Every problem found on the way is collected and reported at once.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from proofing.backends import BackendReport, Backends, broken, make_backend, open_backend
from proofing.encryption import KeyRing, Sealer
from proofing.errors import ConfigurationError, PluginError, Problem, ProofingError, why
from proofing.hookspecs import BackendContext
from proofing.jobs.run import VendorDesk
from proofing.jobs.runner import JobRunner
from proofing.logs import configure_logs, get_logger, log, require_log_file
from proofing.outbound import OutboundTransport
from proofing.plugins import BACKEND_HOOKS, PluginManager, secret_reader
from proofing.queues import Capability
from proofing.retention import Eraser
from proofing.routing import Router, vendor_problems
from proofing.service import ProofingService
from proofing.settings import Layers, LiveSettings, Settings, examine_settings, read_layers
from proofing.settings.schema import decode_key
from proofing.stores import Adviser, Secrets, SecretStore
from proofing.uploads import UploadDesk
from proofing.worker import Worker

_logger = get_logger("proofing.runtime")
#: How long `check_backends` waits for one of them.
_CHECK_SECONDS = 30.0
_NAMES_RULE = 'must be a list of names, such as ["huey", "mock"]'
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
        """``development``, ``test`` or ``production``."""
        return self.layers.environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One process, put together and connected."""

    configuration: Configuration
    backends: Backends
    service: ProofingService
    worker: Worker
    runner: JobRunner


async def configure(
    path: Path | None = None, environ: Mapping[str, str] | None = None, *, role: str = "cli"
) -> Configuration:
    """Read and check the settings, the secrets included.

    Raises:
        ConfigurationError: with every problem that can be told at once.
        StoreUnavailableError: the secret store does not answer.
    """
    layers = read_layers(path, environ)
    plugins = PluginManager(plugin_names(layers))
    problems = plugins.problems()
    secrets: Secrets | None = None
    try:
        secrets = await _add_secrets(layers, plugins, role)
    except ConfigurationError as error:
        problems += error.problems
        _stand_in(layers)
    problems += plugins.read_sections(layers)
    examined = examine_settings(layers)
    settings = examined.settings
    problems += examined.problems
    try:
        problems += examined.about_values(_settings_problems(layers, settings, plugins))
    except ConfigurationError as error:
        problems += error.problems
    if problems or secrets is None:
        raise ConfigurationError(located(problems, layers))
    kept = secrets
    live = LiveSettings(settings, layers, lambda: _reread(path, environ, kept, plugins))
    router = Router(plugins, live)
    return Configuration(layers=layers, settings=settings, plugins=plugins, live=live, router=router)


def make_backends(configuration: Configuration, role: str) -> Backends:
    """Make queue and stores. Raises `ConfigurationError` with every one that cannot be made."""
    settings = configuration.settings
    context = _context(configuration.layers, role, settings)
    problems: list[Problem] = []
    made: dict[str, Any] = {}
    for key in ("queue", "result_store", "image_store", "key_service"):
        try:
            made[key] = make_backend(configuration.plugins, key, getattr(settings, key), context)
        except ConfigurationError as error:
            problems += error.problems
    rescues = Capability.RESCUE in getattr(made.get("queue"), "capabilities", (Capability.RESCUE,))
    if settings.queue_must_rescue and not rescues:
        rule = f"{settings.queue} loses the jobs of a killed worker, and queue_must_rescue is on"
        problems.append(Problem("settings", "queue", rule))
    if problems:
        raise ConfigurationError(located(problems, configuration.layers))
    return Backends(
        queue=made["queue"],
        results=made["result_store"],
        images=made["image_store"],
        key_service=made["key_service"],
    )


def make_eraser(configuration: Configuration, backends: Backends) -> Eraser:
    """Return what erases persons from *backends*, open or not."""
    settings = configuration.settings
    return Eraser(
        queue=backends.queue,
        results=backends.results,
        images=backends.images,
        keys=_ring(settings.session_encryption_key, settings.session_encryption_key_queue),
        live=configuration.live,
    )


@asynccontextmanager
async def start(configuration: Configuration, role: str) -> AsyncIterator[Runtime]:
    """Connect everything, hand it over, and give everything back at the end.

    Args:
        configuration: from `configure`.
        role: what the process is for; see `proofing.hookspecs.BackendContext`.

    Raises:
        ConfigurationError, StoreUnavailableError, QueueUnavailableError: nothing stays open.
    """
    protect_process()
    settings = configuration.settings
    if unusable := configuration.router.unusable():
        raise ConfigurationError(located(unusable, configuration.layers))
    backends = make_backends(configuration, role)
    keys = _ring(settings.session_encryption_key, settings.session_encryption_key_queue)
    sealer = Sealer(
        backends.key_service,
        keys,
        environment=configuration.environment,
        data_key_max_messages=settings.data_key_max_messages,
        data_key_max_seconds=settings.data_key_max_seconds,
    )
    desk = VendorDesk(
        OutboundTransport(
            proxy=settings.outbound_proxy_url, max_connections=settings.outbound_max_connections
        )
    )
    runner = JobRunner(
        sealer=sealer,
        keys=keys,
        results=backends.results,
        images=backends.images,
        router=configuration.router,
        desk=desk,
        live=configuration.live,
    )
    uploads = UploadDesk(backends.results, backends.images, keys, configuration.live)
    service = ProofingService(
        runner=runner,
        queue=backends.queue,
        results=backends.results,
        images=backends.images,
        uploads=uploads,
        sealer=sealer,
        keys=keys,
        fingerprint_keys=_ring(settings.hmac_fingerprinter_key, ()),
        router=configuration.router,
        live=configuration.live,
        environment=configuration.environment,
    )
    worker = Worker(runner, backends.queue, backends.images, uploads, configuration.live)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(desk.close)
        for key, backend in backends.in_order():
            stack.push_async_callback(backend.close)
            await open_backend(key, backend)
        log(
            _logger,
            "started",
            role=role,
            environment=configuration.environment,
            names=[settings.queue, settings.result_store, settings.image_store, settings.key_service],
        )
        yield Runtime(
            configuration=configuration, backends=backends, service=service, worker=worker, runner=runner
        )


def start_logs(configuration: Configuration, role: str, *, echo: bool = False) -> None:
    """Send the process's log lines to its file. Raises `ConfigurationError`: it cannot be written."""
    with _naming_log_directory():
        configure_logs(_log_directory(configuration), configuration.environment, role, echo=echo)


def check_logs(configuration: Configuration) -> None:
    """Raise the `ConfigurationError` of a log file that cannot be written; make nothing."""
    with _naming_log_directory():
        require_log_file(_log_directory(configuration), configuration.environment)


def _log_directory(configuration: Configuration) -> Path:
    """Return where the log files stand."""
    return Path(configuration.settings.log_directory)


@contextmanager
def _naming_log_directory() -> Iterator[None]:
    """Name the setting that led to what the operating system refuses."""
    try:
        yield
    except OSError as error:
        rule = f"cannot be used: {why(error)}"
        raise ConfigurationError([Problem("settings", "log_directory", rule)]) from None


def protect_process() -> None:
    """Keep what this process holds from files: private file modes, no core dumps, no tracing by others."""
    os.umask(0o077)
    try:
        import ctypes  # noqa: PLC0415 - needed once, at start
        import resource  # noqa: PLC0415 - does not exist on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        pr_set_dumpable = 4  # linux/prctl.h
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)
    except (ImportError, OSError, ValueError, AttributeError):
        log(_logger, "process_not_protected")


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
        raise broken("secret_store", error) from None
    log(_logger, "secrets_loaded", source=secrets.source, version=secrets.version)
    return secrets


def _context(layers: Layers, role: str, settings: Settings | None) -> BackendContext:
    """Return what backends may know; without *settings* they have no secret yet."""

    def key() -> bytes:
        if settings is None:
            raise PluginError("a secret store has no application secret")
        return _key(settings.session_encryption_key)

    def old_secrets(label: str) -> list[bytes]:
        old = settings.session_encryption_key_queue if settings else ()
        return [secret_reader(partial(_key, one))(label) for one in old]

    return BackendContext(
        environment=layers.environment,
        role=role,
        public_url=str(layers.get("public_url", Settings.model_fields["public_url"].default)),
        secret=secret_reader(key),
        old_secrets=old_secrets,
    )


def _settings_problems(layers: Layers, settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Return what only the settings together with the plugins tell. Raises `ConfigurationError`."""
    environment = layers.environment
    problems = [
        problem
        for key in BACKEND_HOOKS
        for problem in plugins.check_backend(key, getattr(settings, key), environment=environment)
    ]
    if environment == "production" and not settings.public_url.startswith("https://"):
        problems.append(Problem(layers.origin(["public_url"]), "public_url", "must be https in production"))
    if (proxy := settings.outbound_proxy_url) is not None and not _is_proxy_url(proxy):
        rule = "must be the http or https URL of a proxy"
        problems.append(Problem(layers.origin(["outbound_proxy"]), "outbound_proxy", rule))
    return problems + vendor_problems(settings, plugins, environment)


def _is_proxy_url(text: str) -> bool:
    """Tell whether *text* is the URL of a forward proxy."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _stand_in(layers: Layers) -> None:
    """Put keys in the place of missing ones, so that the rest can be judged; the start has failed already."""
    missing = {key: "00" * 32 for key in _SECRET_KEYS if layers.get(key) is None}
    layers.add(missing, "secret store")


def located(problems: Sequence[Problem], layers: Layers) -> list[Problem]:
    """Return *problems* with the file or variable that set each key, and none of them twice."""
    found = dict.fromkeys(
        replace(problem, source=layers.origin(problem.key.split(".")))
        if problem.source == "settings"
        else problem
        for problem in problems
    )
    # A section that is no map is for core a key that it does not know.
    others = {problem.key for problem in found if not problem.rule.startswith("unknown key")}
    return [
        problem for problem in found if not (problem.rule.startswith("unknown key") and problem.key in others)
    ]


def plugin_names(layers: Layers) -> list[str]:
    """Return the plugins to load, before the schema has looked at them."""
    names = layers.get("plugins", Settings.model_fields["plugins"].default)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError([Problem(layers.origin(["plugins"]), "plugins", _NAMES_RULE)])
    return list(names)


def _reread(
    path: Path | None, environ: Mapping[str, str] | None, secrets: Secrets, plugins: PluginManager
) -> Settings:
    """Return the settings as the file says now, with the secrets as loaded at launch.

    Raises:
        ConfigurationError: they would not do for a start, such as a mock in production.
    """
    layers = read_layers(path, environ)
    layers.add(secrets.values, secrets.source)
    examined = examine_settings(layers)
    of_vendors = vendor_problems(examined.settings, plugins, layers.environment)
    if problems := [*examined.problems, *examined.about_values(of_vendors)]:
        raise ConfigurationError(located(problems, layers))
    return examined.settings


def _ring(current: SecretStr, old: tuple[SecretStr, ...]) -> KeyRing:
    """Return a key ring of secret settings."""
    return KeyRing(_key(current), [_key(key) for key in old])


def _key(secret: SecretStr) -> bytes:
    """Return the 32 bytes of a secret setting, which the schema has checked."""
    key = decode_key(secret.get_secret_value())
    if key is None:
        raise PluginError("a key is malformed")
    return key


async def check_backends(backends: Backends) -> dict[str, BackendReport]:
    """Open, ask and close each backend; none can keep the others from being asked."""
    found: dict[str, BackendReport] = {}
    for key, backend in backends.in_order():
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                try:
                    await open_backend(key, backend)
                    advice = await backend.check() if isinstance(backend, Adviser) else ()
                finally:
                    await backend.close()
            found[key] = BackendReport(advice=tuple(advice))
        except ProofingError as error:
            found[key] = BackendReport(problem=str(error))
        except TimeoutError:
            found[key] = BackendReport(problem=f"does not answer within {_CHECK_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its text may hold secrets
            found[key] = BackendReport(problem=str(broken(key, error)))
    return found
