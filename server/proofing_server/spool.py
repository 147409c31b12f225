"""Where files of a form post wait until the form is complete: encrypted, in temporary files without names.

Each file has a random key that exists in this process's memory only, so that what reaches a disk, a snapshot
or a swapped-out page cache can be read by nobody. docs/adr/0019-connections.md
"""

import asyncio
import contextlib
import io
import secrets
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import IO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proofing.base.errors import StoreUnavailableError, Trouble
from proofing.base.metrics import WEB_SPOOLED_BYTES
from proofing.crypto.encryption import IV_BYTES, KEY_BYTES, TAG_BYTES

#: A file of at most this many bytes stays in memory; larger ones are encrypted in pieces of this size.
PIECE_BYTES = 64 * 1024
#: Files on disk at one moment, within the descriptors that connections leave.
MAX_FILES = 768
#: Bytes of complete forms that are held in clear at one moment, while a job of each runs.
OPEN_BYTES = 128 * 1024 * 1024
#: How long a complete form waits for those before it.
_WAIT_SECONDS = 10.0


@dataclass(slots=True)
class Forms:
    """What the forms with files of one process use together.

    Attributes:
        max_spooled_bytes: on disk.
    """

    max_spooled_bytes: int
    open_bytes: int = OPEN_BYTES
    _files: int = 0
    _spooled: int = 0
    _open: int = 0
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def begin_file(self) -> None:
        """Count a file on disk. Raises `StoreUnavailableError`: there are too many."""
        if self._files >= MAX_FILES:
            raise StoreUnavailableError("too many forms are in progress", trouble=Trouble.OVERLOAD)
        self._files += 1

    def add_bytes(self, count: int) -> None:
        """Count bytes on disk. Raises `StoreUnavailableError`: there are too many."""
        if self._spooled + count > self.max_spooled_bytes:
            raise StoreUnavailableError("too many bytes of forms are in progress", trouble=Trouble.OVERLOAD)
        self._spooled += count
        WEB_SPOOLED_BYTES.inc(count)

    def end_file(self, count: int) -> None:
        """Release a file and its bytes."""
        self._files -= 1
        self._spooled -= count
        WEB_SPOOLED_BYTES.dec(count)

    @contextlib.asynccontextmanager
    async def opened(self, count: int) -> AsyncIterator[None]:
        """Hold *count* bytes of memory, after those who came before; one form may be larger than all of it.

        Raises:
            StoreUnavailableError: the others took too long.
        """
        if self._waiting or self._is_over(count):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                async with asyncio.timeout(_WAIT_SECONDS):
                    while self._waiting[0] is not turn or self._is_over(count):
                        await turn
                        turn = self._renew(turn)
            except TimeoutError:
                raise StoreUnavailableError(
                    "too many forms are being worked on", trouble=Trouble.OVERLOAD
                ) from None
            finally:
                self._waiting.remove(turn)
                self._wake()
        self._open += count
        try:
            yield
        finally:
            self._open -= count
            self._wake()

    def _is_over(self, count: int) -> bool:
        """Return whether *count* more bytes are too many."""
        return self._open > 0 and self._open + count > self.open_bytes

    def _renew(self, turn: "asyncio.Future[None]") -> "asyncio.Future[None]":
        """Take the same place with a future that can be woken again."""
        fresh: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[self._waiting.index(turn)] = fresh
        return fresh

    def _wake(self) -> None:
        """Let the first who waits look again."""
        if self._waiting and not self._waiting[0].done():
            self._waiting[0].set_result(None)


class SpooledFile:
    """One file of a form, while it is received and until it is read."""

    def __init__(self, forms: Forms) -> None:
        """Use what *forms* allows."""
        self._forms = forms
        self._buffer = bytearray()
        self._file: IO[bytes] | None = None
        self._cipher = AESGCM(secrets.token_bytes(KEY_BYTES))
        self._pieces = 0
        self._on_disk = 0
        self.size = 0

    def __repr__(self) -> str:
        return "SpooledFile(<redacted>)"

    def write(self, data: bytes) -> None:
        """Append *data*; `flush` must be called before too much of it is in memory."""
        self._buffer += data
        self.size += len(data)

    async def flush(self) -> None:
        """Encrypt what is more than a piece.

        Raises:
            StoreUnavailableError: there is no room for it, here or on the disk.
        """
        while len(self._buffer) > PIECE_BYTES:
            file = self._file or await self._open()
            piece = bytes(self._buffer[:PIECE_BYTES])
            del self._buffer[:PIECE_BYTES]
            sealed = self._cipher.encrypt(self._iv(self._pieces), piece, None)
            self._forms.add_bytes(len(sealed))
            self._on_disk += len(sealed)
            try:
                await asyncio.to_thread(_write_all, file, sealed)
            except OSError:
                raise StoreUnavailableError("the temporary file cannot be written") from None
            self._pieces += 1

    async def _open(self) -> IO[bytes]:
        """Make the file."""
        self._forms.begin_file()
        try:
            self._file = await asyncio.to_thread(_temporary_file)
        except OSError:
            self._forms.end_file(0)
            raise StoreUnavailableError("no temporary file can be made") from None
        return self._file

    async def read(self) -> bytes:
        """Return the whole file in clear."""
        if self._file is None:
            return bytes(self._buffer)
        return await asyncio.to_thread(self._read)

    def close(self) -> None:
        """Delete it. Idempotent."""
        self._buffer.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
            self._forms.end_file(self._on_disk)

    def _read(self) -> bytes:
        """Decrypt the pieces in their order."""
        assert self._file is not None  # noqa: S101 - `read` has looked
        self._file.seek(0)
        content = io.BytesIO()
        for number in range(self._pieces):
            sealed = self._file.read(PIECE_BYTES + TAG_BYTES)
            content.write(self._cipher.decrypt(self._iv(number), sealed, None))
        content.write(self._buffer)
        return content.getvalue()

    @staticmethod
    def _iv(number: int) -> bytes:
        """Return the IV of a piece: the key is used for this file only, so its number never repeats."""
        return number.to_bytes(IV_BYTES, "big")


def _temporary_file() -> IO[bytes]:
    """Return a file that has no name, or loses it at once."""
    return tempfile.TemporaryFile(buffering=0)


def _write_all(file: IO[bytes], data: bytes) -> None:
    """Write *data*, in as many goes as the system needs."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
