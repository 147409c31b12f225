"""The objects that plugins make for a process, and what becomes of one that breaks its contract."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, cast

from proofing.base.errors import (
    ConfigurationError,
    PluginError,
    Problem,
    ProofingError,
    QueueUnavailableError,
    StoreUnavailableError,
    Trouble,
)
from proofing.base.logs import exception_fields, get_logger, log
from proofing.base.metrics import BACKEND_ERRORS
from proofing.base.troubles import trouble_of
from proofing.contracts.call_records import CallStore
from proofing.contracts.hooks import BackendContext
from proofing.contracts.queues import Queue
from proofing.contracts.stores import Diagnosable, ImageStore, KeyService, Pingable, ResultStore
from proofing.contracts.verification_store import VerificationStore
from proofing.registry.clocks import clock_advice
from proofing.registry.plugins import PluginManager
from proofing.registry.proofers import missing_library

Backend = Queue | ResultStore | ImageStore | KeyService | VerificationStore | CallStore

#: The contract of each settings key.
_CONTRACTS: dict[str, type] = {
    "queue": Queue,
    "result_store": ResultStore,
    "image_store": ImageStore,
    "key_service": KeyService,
    "verification_store": VerificationStore,
    "call_store": CallStore,
}

#: How long `check_backends` waits for one of them.
CHECK_SECONDS = 30.0

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The plugins' objects of one process, not yet opened."""

    queue: Queue
    results: ResultStore
    images: ImageStore
    key_service: KeyService
    verifications: VerificationStore
    calls: CallStore

    def in_order(self) -> tuple[tuple[str, Backend], ...]:
        """Return key and backend in the order in which they are opened."""
        return (
            ("key_service", self.key_service),
            ("result_store", self.results),
            ("image_store", self.images),
            ("verification_store", self.verifications),
            ("call_store", self.calls),
            ("queue", self.queue),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendReport:
    """What `proofing check` says of one backend.

    Attributes:
        problem: why it cannot be used; None when it can.
        trouble: the kind of the problem.
        advice: what its plugin wants an operator to know.
        parked: of the queue, how many jobs are parked for each vendor.
    """

    problem: str | None = None
    trouble: Trouble | None = None
    advice: tuple[str, ...] = ()
    parked: Mapping[str, int] = field(default_factory=dict)


def make_backend(plugins: PluginManager, key: str, name: str, context: BackendContext) -> Any:
    """Make the backend *name* of the settings *key*.

    Raises:
        ConfigurationError: it cannot be made, whatever its plugin raised.
    """
    try:
        return getattr(plugins, key)(name, context)
    except ConfigurationError:
        raise
    except ModuleNotFoundError as error:
        rule = f"{name} {missing_library(error, plugins.owner(key, name))}"
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its text may hold secrets
        rule = f"{name} cannot be made: {type(error).__name__}"
    raise ConfigurationError([Problem("settings", key, rule)])


def count_errors(key: str, backend: Any) -> None:
    """Count every call of *backend* that fails because it does not serve us.

    The methods of the object itself are replaced: a proxy would hide which optional contracts it keeps, such
    as `UploadReceiver`.
    """
    for name in {*dir(_CONTRACTS[key]), *vars(Pingable)}:
        method = getattr(backend, name, None)
        if not name.startswith("_") and iscoroutinefunction(method):
            setattr(backend, name, _counted(key, method))


def _counted(key: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return *method*, with its failures counted."""

    @wraps(method)
    async def call(*arguments: Any, **named: Any) -> Any:
        try:
            return await method(*arguments, **named)
        except (StoreUnavailableError, QueueUnavailableError) as error:
            error.backend = key
            BACKEND_ERRORS.labels(key, trouble_of(error).value).inc()
            raise

    return call


async def open_backend(key: str, backend: Backend) -> None:
    """Open the backend of the settings *key*.

    Raises:
        ProofingError: it cannot be opened.
        PluginError: it raised what its contract does not allow.
    """
    try:
        await backend.open()
    except ProofingError:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its text may hold secrets
        raise contract_violation_error(key, error) from None


async def check_backends(
    backends: Backends, *, timeout_seconds: float = CHECK_SECONDS
) -> dict[str, BackendReport]:
    """Open, ask and close each backend, side by side; none can keep the others from being asked."""
    asked = backends.in_order()
    reports = await asyncio.gather(*(_check(key, backend, timeout_seconds) for key, backend in asked))
    return {key: report for (key, _backend), report in zip(asked, reports, strict=True)}


async def _check(key: str, backend: Backend, timeout_seconds: float) -> BackendReport:
    """Open, ask and close one backend."""
    try:
        async with asyncio.timeout(timeout_seconds):
            try:
                await open_backend(key, backend)
                advice = await backend.check() if isinstance(backend, Diagnosable) else ()
                advice = (*advice, *await clock_advice(backend))
                parked = await cast("Queue", backend).parked_by_vendor() if key == "queue" else {}
            finally:
                await backend.close()
        return BackendReport(advice=tuple(advice), parked=parked)
    except ProofingError as error:
        return BackendReport(problem=str(error), trouble=trouble_of(error))
    except TimeoutError:
        return BackendReport(problem=f"does not answer within {timeout_seconds:g} s", trouble=Trouble.TIMEOUT)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its text may hold secrets
        return BackendReport(problem=str(contract_violation_error(key, error)), trouble=Trouble.PLUGIN)


def contract_violation_error(key: str, error: Exception) -> PluginError:
    """Return the error for a backend that raised a foreign one, and log where that was."""
    log(
        _logger,
        "backend_failed",
        level=logging.ERROR,
        key=key,
        **exception_fields(error),
    )
    return PluginError(f"{key}: the plugin raised {type(error).__name__}")
