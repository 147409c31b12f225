"""The key service of one machine: master keys in a file that only its owner can read.

A data key is wrapped with AES-256-GCM under the last master key of the file; the associated data are the
key's id and the whole context. A line of the file is ``<id> <64 hex digits>``.
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from proofing.plugin import (
    ConfigurationError,
    DataKey,
    EncryptionError,
    Problem,
    StoreUnavailableError,
    get_logger,
    log,
)
from proofing.plugin.support import KEY_BYTES, aead_open, aead_seal, canonical_context, seam
from proofing_local.files import create_private_file, make_private_directory, read_private_file
from proofing_local.settings import LocalSettings
from proofing_local.threads import DiskThreads

_LINE = re.compile(rb"([a-z0-9-]{1,40}) ([0-9a-f]{64})")

_logger = get_logger(__name__)


@seam(StoreUnavailableError, "local keys")
class LocalKeyService:
    """Wraps data keys with the master keys of ``master-keys``."""

    def __init__(self, settings: LocalSettings) -> None:
        """Look into the directory of *settings*."""
        self._path = Path(settings.directory) / "master-keys"
        self._timeout_seconds = settings.timeout_seconds
        self._threads: DiskThreads | None = None
        self._keys: dict[str, bytes] = {}

    async def open(self) -> None:
        """Read the master keys, made now if this is the first start.

        Raises:
            ConfigurationError: others can read the file, or a line of it is malformed.
            StoreUnavailableError: the disk does not answer.
        """
        self._threads = DiskThreads("local keys", threads=1, timeout_seconds=self._timeout_seconds)
        self._keys = await self._threads.run(self._load)

    async def close(self) -> None:
        """Forget the keys. Harmless when not open."""
        self._keys = {}
        if self._threads is not None:
            self._threads.close()
            self._threads = None

    async def ping(self) -> None:
        """Nothing can fail while the keys are in memory."""
        if not self._keys:
            raise StoreUnavailableError("local keys: not open")

    async def generate(self, context: Mapping[str, str]) -> DataKey:
        """Make a data key bound to *context*, under the newest master key."""
        if not self._keys:
            raise StoreUnavailableError("local keys: not open")
        key_id, master = list(self._keys.items())[-1]
        plaintext = secrets.token_bytes(KEY_BYTES)
        return DataKey(plaintext, aead_seal(master, plaintext, _bound(key_id, context)), key_id)

    async def unwrap(self, wrapped: bytes, key_id: str, context: Mapping[str, str]) -> bytes:
        """Return the plain data key; an id we do not know makes us read the file once more.

        Raises:
            EncryptionError: wrong context, unknown key, or not ours.
        """
        if self._threads is None:
            raise StoreUnavailableError("local keys: not open")
        if key_id not in self._keys:
            # Another process may have been started with a newer file.
            self._keys = await self._threads.run(self._load)
        master = self._keys.get(key_id)
        if master is None:
            raise EncryptionError
        plaintext = aead_open(master, wrapped, _bound(key_id, context))
        if len(plaintext) != KEY_BYTES:
            raise EncryptionError
        return plaintext

    def _load(self) -> dict[str, bytes]:
        """Read the file; blocking."""
        if not self._path.exists():
            make_private_directory(self._path.parent)
            line = f"local-{secrets.token_hex(4)} {secrets.token_hex(KEY_BYTES)}\n"
            if create_private_file(self._path, line.encode()):
                log(_logger, "master_key_created", path=str(self._path))
        content, _ = read_private_file(self._path)
        keys: dict[str, bytes] = {}
        for line_bytes in content.splitlines():
            found = _LINE.fullmatch(line_bytes.strip())
            if found is None or found[1].decode() in keys:
                rule = "each line must be a new id, a space and 64 hex digits"
                raise ConfigurationError([Problem(str(self._path), "file", rule)])
            keys[found[1].decode()] = bytes.fromhex(found[2].decode())
        if not keys:
            raise ConfigurationError([Problem(str(self._path), "file", "must hold at least one key")])
        return keys


def _bound(key_id: str, context: Mapping[str, str]) -> bytes:
    """Return the associated data of a wrapping."""
    return b"proofing-local-key\x00" + key_id.encode() + b"\x00" + canonical_context(context)
