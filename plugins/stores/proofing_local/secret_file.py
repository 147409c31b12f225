"""The secret store of one machine: a YAML file that only its owner can read, made at the first start."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from proofing.encryption import KEY_BYTES
from proofing.errors import ConfigurationError, Problem
from proofing.logs import get_logger, log
from proofing.stores import Secrets
from proofing_local.files import create_private_file, make_private_directory, read_private_file
from proofing_local.settings import LocalSettings
from proofing_local.threads import BoundedThreads

_HEAD = """\
# Secrets of this machine, made at the first start. Keep this file private (mode 0600) and out of backups
# that others can read. Further secrets, such as vendor passwords, may be added.
"""

_logger = get_logger(__name__)


class LocalSecretStore:
    """Reads ``secrets.yaml``, and makes it when there is none."""

    def __init__(self, settings: LocalSettings) -> None:
        """Look into the directory of *settings*."""
        self._path = Path(settings.directory) / "secrets.yaml"
        self._timeout_seconds = settings.timeout_seconds

    async def load(self) -> Secrets:
        """Return the secrets, made now if this is the first start.

        Raises:
            ConfigurationError: others can read the file, or it is no YAML mapping.
            StoreUnavailableError: the disk does not answer.
        """
        threads = BoundedThreads("local secrets", threads=1, timeout_seconds=self._timeout_seconds)
        try:
            return await threads.run(self._load)
        finally:
            threads.close()

    def _load(self) -> Secrets:
        """Read the file; blocking."""
        if not self._path.exists():
            make_private_directory(self._path.parent)
            if create_private_file(self._path, _first_secrets()):
                log(_logger, "secrets_created", path=str(self._path))
        content, facts = read_private_file(self._path)
        changed = datetime.fromtimestamp(facts.st_mtime, UTC)
        return Secrets(
            values=_parse(content, str(self._path)), version=changed.isoformat(), source=str(self._path)
        )


def _first_secrets() -> bytes:
    """Return the text of a new file with random keys."""
    names = ("hmac_fingerprinter_key", "session_encryption_key")
    return (_HEAD + "".join(f"{name}: '{secrets.token_hex(KEY_BYTES)}'\n" for name in names)).encode()


def _parse(content: bytes, source: str) -> dict[str, Any]:
    """Return the mapping that *content* spells; the error shows nothing of it."""
    try:
        values = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigurationError([Problem(source, "file", "must be valid YAML")]) from None
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ConfigurationError([Problem(source, "file", "must be a YAML mapping of names to values")])
    return values
