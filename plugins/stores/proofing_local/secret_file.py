"""The secret store of one machine: a YAML file that only its owner can read, made at the first start."""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from proofing.plugin import ConfigurationError, Problem, Secrets, StoreUnavailableError, get_logger, log
from proofing.plugin.support import KEY_BYTES, parse_yaml, seam
from proofing_local.files import create_private_file, make_private_directory, read_private_file
from proofing_local.settings import LocalSettings
from proofing_local.threads import DiskThreads

_HEAD = """\
# Secrets of this machine, made at the first start. Keep this file private (mode 0600) and out of backups
# that others can read. Further secrets, such as vendor passwords, may be added.
"""

_logger = get_logger(__name__)


@seam(StoreUnavailableError, "local secrets")
class LocalSecretStore:
    """Reads ``secrets.yaml``, and makes it when there is none."""

    def __init__(self, settings: LocalSettings) -> None:
        """Look into the directory of *settings*."""
        self._path = Path(settings.directory) / "secrets.yaml"
        self._timeout_seconds = settings.timeout_seconds
        #: Of `version`, which is asked again and again.
        self._threads: DiskThreads | None = None

    async def load(self) -> Secrets:
        """Return the secrets, made now if this is the first start.

        Raises:
            ConfigurationError: others can read the file, or it is not YAML mapping.
            StoreUnavailableError: the disk does not answer.
        """
        threads = DiskThreads("local secrets", threads=1, timeout_seconds=self._timeout_seconds)
        try:
            content, facts = await threads.run(self._read)
        finally:
            threads.close()
        # Outside of the deadline, which is the disk's: what refuses a text may have to be imported first.
        values = parse_yaml(content, str(self._path))
        if not values:
            raise ConfigurationError([Problem(str(self._path), "file", "contains no secrets")])
        changed_at = _changed_at(facts)
        return Secrets(values=values, version=changed_at, source=str(self._path), changed_at=changed_at)

    async def version(self) -> str:
        """Return when the file was changed. See `proofing.plugin.VersionedSecretStore`."""
        if self._threads is None:
            self._threads = DiskThreads("local secrets", threads=1, timeout_seconds=self._timeout_seconds)
        return _changed_at(await self._threads.run(self._path.stat))

    async def close(self) -> None:
        """Let the thread of `version` end."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.close()

    def _read(self) -> tuple[bytes, os.stat_result]:
        """Return the file's content and facts; blocking."""
        if not self._path.exists():
            make_private_directory(self._path.parent)
            if create_private_file(self._path, _first_secrets()):
                log(_logger, "secrets_created", path=str(self._path))
        return read_private_file(self._path)


def _changed_at(facts: os.stat_result) -> str:
    """Return when a file was changed, which is its version."""
    return datetime.fromtimestamp(facts.st_mtime, UTC).isoformat()


def _first_secrets() -> bytes:
    """Return the text of a new file with random keys."""
    names = ("hmac_fingerprinter_key", "session_encryption_key")
    return (_HEAD + "".join(f"{name}: '{secrets.token_hex(KEY_BYTES)}'\n" for name in names)).encode()
