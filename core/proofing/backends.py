"""The objects that plugins make for a process, and what becomes of one that breaks its contract."""

import logging
from dataclasses import dataclass
from typing import Any

from proofing.errors import ConfigurationError, PluginError, Problem, ProofingError
from proofing.hookspecs import BackendContext
from proofing.logs import backtrace, get_logger, log
from proofing.plugins import PluginManager
from proofing.proofers import missing_library
from proofing.queues import Queue
from proofing.stores import ImageStore, KeyService, ResultStore

Backend = Queue | ResultStore | ImageStore | KeyService

_logger = get_logger("proofing.backends")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The plugins' objects of one process, not yet opened."""

    queue: Queue
    results: ResultStore
    images: ImageStore
    key_service: KeyService

    def in_order(self) -> tuple[tuple[str, Backend], ...]:
        """Return key and backend in the order in which they are opened."""
        return (
            ("key_service", self.key_service),
            ("result_store", self.results),
            ("image_store", self.images),
            ("queue", self.queue),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendReport:
    """What `proofing check` says of one backend.

    Attributes:
        problem: why it cannot be used; None when it can.
        advice: what its plugin wants an operator to know.
    """

    problem: str | None = None
    advice: tuple[str, ...] = ()


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
        raise broken(key, error) from None


def broken(key: str, error: Exception) -> PluginError:
    """Return the error for a backend that raised a foreign one, and log where that was."""
    log(
        _logger,
        "backend_failed",
        level=logging.ERROR,
        key=key,
        exception_class=type(error).__name__,
        exception_backtrace=backtrace(error),
    )
    return PluginError(f"{key}: the plugin raised {type(error).__name__}")
