"""How commands that write the log begin: where their lines go, and what becomes of a start that fails."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from proofing.app.settings_check import with_sources
from proofing.base.errors import ConfigurationError, Problem, ProofingError, os_error_reason
from proofing.base.log_output import configure_logs, is_configured, require_log_file
from proofing.base.logs import exception_fields, get_logger, log
from proofing.bootstrap import Configuration
from proofing.settings import Settings, read_layers
from proofing.settings.variables import ENVIRONMENT_VARIABLE, PREFIX

_logger = get_logger(__name__)
_DEFAULT_DIRECTORY = Settings.model_fields["log_directory"].default


def start_logs(configuration: Configuration, role: str) -> None:
    """Send the process's log lines where the settings say. Raises `ConfigurationError`: it cannot be used."""
    with _naming_log_directory(configuration):
        configure_logs(_directory(configuration), configuration.environment, role)


def check_logs(configuration: Configuration) -> None:
    """Raise the `ConfigurationError` of a log file that cannot be written; make nothing."""
    directory = _directory(configuration)
    if directory is not None:
        with _naming_log_directory(configuration):
            require_log_file(directory, configuration.environment)


@contextmanager
def failed_starts_logged(role: str) -> Iterator[None]:
    """Write a line for whatever ends the start of a process, and let it pass.

    Wrong settings are found before it is certain where the log is; then the place that they name is used, or
    the directory of the default, if it is there.
    """
    try:
        yield
    except Exception as error:
        if not is_configured():
            with suppress(OSError, ValueError):
                configure_logs(*_probable_place(), role)
        _log_failure(error)
        raise


def _log_failure(error: Exception) -> None:
    """Write the line. The texts of our errors hold no values; those of others are left out."""
    problems = [str(problem) for problem in error.problems] if isinstance(error, ConfigurationError) else []
    fields = exception_fields(error)
    if isinstance(error, ProofingError):
        # Where one of our own errors was raised says less than its text.
        del fields["exception_backtrace"]
        if not problems:
            fields["reason"] = str(error)
    log(_logger, "start_failed", level=logging.ERROR, problems=problems, **fields)


def _probable_place() -> tuple[Path | None, str]:
    """Return directory and environment of the log as far as invalid settings show.

    Raises:
        OSError: they do not show it.
    """
    try:
        layers = read_layers()
    except ConfigurationError:
        # Not even the file can be read: a process that ran here before has made the directory.
        directory = Path(os.environ.get(f"{PREFIX}_LOG_DIRECTORY", _DEFAULT_DIRECTORY))
        environment = os.environ.get(ENVIRONMENT_VARIABLE, "development")
        if not directory.is_dir() or not environment.replace("-", "_").isidentifier():
            raise OSError from None
        return directory, environment
    value = layers.get("log_directory", _DEFAULT_DIRECTORY)
    if not (value is None or isinstance(value, str)):
        raise OSError
    return Path(value) if value is not None else None, layers.environment


def _directory(configuration: Configuration) -> Path | None:
    """Return where the log files are; None: on standard output."""
    directory = configuration.settings.log_directory
    return Path(directory) if directory is not None else None


@contextmanager
def _naming_log_directory(configuration: Configuration) -> Iterator[None]:
    """Name the setting, and its source, that led to what the operating system refuses."""
    try:
        yield
    except OSError as error:
        rule = f"cannot be used: {os_error_reason(error)}"
        problems = with_sources([Problem("settings", "log_directory", rule)], configuration.layers)
        raise ConfigurationError(problems) from None
