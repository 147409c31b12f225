"""The image store of one machine: ciphertext in files, uploads received by the web server.

A file's name is its object key in Base32, so that no key can leave the directory, none can differ from
another by case only, and the key can be derived from the name. An upload is written under a name of its own
and then linked to its place, which fails when something is there: the first complete upload wins. A deleted
object leaves an empty marker, so that its URL is not good for a second upload.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from proofing.plugin import (
    ImageNotFoundError,
    IsFinished,
    PresignedUpload,
    StoreError,
    StoreUnavailableError,
    Trouble,
    UploadConstraints,
    UploadRefusedError,
)
from proofing.plugin.support import calls_back, seam
from proofing_local.files import FILE_MODE, make_private_directory
from proofing_local.settings import LocalSettings
from proofing_local.slots import SlotSigner
from proofing_local.threads import DiskThreads

#: Bytes that are collected before a thread hashes and writes them.
_WRITE_BYTES = 256 * 1024
_THREADS = 4
#: How long a marker is kept; longer than any URL lives.
_MARKER_SECONDS = 24 * 3600.0
_MARKER = ".gone"
_LABEL = "local-uploads"
_PART = ".part-"
#: Segments begin with a letter or digit, so that none can be ``.`` or ``..``; in Base32 it is a file's name.
_KEY = re.compile(r"(?=.{1,128}$)[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)


@seam(StoreUnavailableError, "local images")
class LocalImageStore:
    """Keeps objects in ``images/``; an `UploadReceiver`."""

    def __init__(
        self,
        settings: LocalSettings,
        secret: Callable[[str], bytes],
        old_secrets: Callable[[str], Sequence[bytes]] = lambda _label: (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Use the directory of *settings* and sign URLs with the secret ``local-uploads``."""
        self._directory = Path(settings.directory) / "images"
        self._settings = settings
        self._clock = clock
        self._signer = SlotSigner(lambda: secret(_LABEL), lambda: old_secrets(_LABEL))
        self._threads: DiskThreads | None = None

    async def open(self) -> None:
        """Make the directory when missing. Raises `StoreUnavailableError`."""
        self._threads = DiskThreads(
            "local images", threads=_THREADS, timeout_seconds=self._settings.timeout_seconds
        )
        await self._threads.run(make_private_directory, self._directory)

    async def close(self) -> None:
        """Let the threads end. Harmless when not open."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.close()

    async def ping(self) -> None:
        """Look at the directory."""
        if not await self._open_threads().run(self._directory.is_dir):
            raise StoreUnavailableError("local images: the directory is gone", trouble=Trouble.NOT_FOUND)

    async def presign(self, terms: UploadConstraints) -> PresignedUpload:
        """Make an upload to our own server.

        Raises:
            StoreError: these terms cannot be enforced on an upload.
        """
        if not _KEY.fullmatch(terms.object_key) or terms.length < 1:
            raise StoreError("local images: no such upload is possible")
        if not 0 < terms.ttl_seconds <= _MARKER_SECONDS:
            raise StoreError(f"local images: a URL lives at most {_MARKER_SECONDS:.0f} s")
        return self._signer.sign(terms, now=self._clock())

    @calls_back
    async def receive(
        self,
        object_key: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: AsyncIterator[bytes],
    ) -> None:
        """Hold an upload to its terms and keep it.

        Raises:
            UploadRefusedError: a term is broken; nothing is kept.
            StoreUnavailableError: the disk does not answer.
        """
        if not _KEY.fullmatch(object_key):
            raise UploadRefusedError(403, "key")
        slot = self._signer.check(object_key, query=query, headers=headers, now=self._clock())
        threads = self._open_threads()
        place = self._place(object_key)
        if await threads.run(_is_used, place):
            raise UploadRefusedError(412, "used")
        part = _Part(self._directory / f"{_PART}{secrets.token_hex(16)}")
        try:
            async with asyncio.timeout(self._settings.upload_timeout_seconds):
                await self._fill(part, body, slot.length)
                refused = await threads.run(part.keep, place, slot.sha256)
                if refused is not None:
                    raise refused
        except TimeoutError:
            raise UploadRefusedError(408, "slow") from None
        finally:
            # Also when the browser has gone, which cancels us: a thread tidies up without being waited for.
            threads.later(part.discard)

    async def read(self, object_key: str, *, max_bytes: int) -> bytes:
        """Return the object.

        Raises:
            ImageNotFoundError: there is none.
            StoreError: it is longer than *max_bytes*.
        """
        if not _KEY.fullmatch(object_key):
            raise ImageNotFoundError("local images: no such object")
        content = await self._open_threads().run(_read, self._place(object_key), max_bytes)
        if content is None:
            raise ImageNotFoundError("local images: no such object")
        if len(content) > max_bytes:
            raise StoreError("local images: the object is longer than allowed")
        return content

    async def delete(self, object_key: str) -> None:
        """Delete the object and mark its slot as used."""
        if _KEY.fullmatch(object_key):
            await self._open_threads().run(_delete, self._place(object_key))

    async def sweep(self, *, older_than_seconds: float, is_over: IsFinished | None = None) -> int:
        """Delete objects that are old or used, and parts and markers that are of no use anymore."""
        threads = self._open_threads()
        swept, young = await threads.run(self._sweep, self._clock() - older_than_seconds, self._clock())
        for name in young:
            if is_over is not None and await is_over(_key_of(name)):
                await threads.run(_delete, self._directory / name)
                swept += 1
        return swept

    def csp_connect_source(self, prefix: str) -> str:  # noqa: ARG002 - the contract's argument
        """Return ``'self'``: our own server receives."""
        return "'self'"

    async def _fill(self, part: "_Part", body: AsyncIterator[bytes], length: int) -> None:
        """Write *body* to *part*, and stop at the first byte beyond *length*."""
        threads = self._open_threads()
        received = 0
        waiting = bytearray()
        async for chunk in body:
            received += len(chunk)
            if received > length:
                raise UploadRefusedError(400, "length")
            waiting += chunk
            if len(waiting) >= _WRITE_BYTES:
                await threads.run(part.write, bytes(waiting))
                waiting.clear()
        if received != length:
            raise UploadRefusedError(400, "length")
        await threads.run(part.write, bytes(waiting))

    def _open_threads(self) -> DiskThreads:
        """Return the threads, which exist while the store is open."""
        if self._threads is None:
            raise StoreUnavailableError("local images: not open")
        return self._threads

    def _place(self, object_key: str) -> Path:
        """Return where an object lies."""
        return self._directory / base64.b32encode(object_key.encode()).decode().rstrip("=").lower()

    def _sweep(self, before: float, now: float) -> tuple[int, list[str]]:
        """Delete what was written before the moment *before*; blocking.

        Returns how many objects that were, and the names of the files of those that stay.
        """
        swept, young = 0, []
        part_before = min(before, now - self._settings.upload_timeout_seconds)
        with os.scandir(self._directory) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    written = entry.stat(follow_symlinks=False).st_mtime
                    if entry.name.startswith(_PART):
                        is_old, counts = written < part_before, 0
                    elif entry.name.endswith(_MARKER):
                        is_old, counts = written < now - _MARKER_SECONDS, 0
                    else:
                        is_old, counts = written < before, 1
                    if is_old:
                        os.unlink(entry.path)  # noqa: PTH108 - an entry is not a Path
                        swept += counts
                    elif counts:
                        young.append(entry.name)
        return swept, young


class _Part:
    """A file that grows while an upload comes in. Its methods block; a lock lets one run at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._hash = hashlib.sha256()
        self._is_over = False

    def write(self, data: bytes) -> None:
        """Append *data*, unless the upload is over."""
        with self._lock:
            if self._is_over:
                return
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._descriptor = os.open(self._path, flags, FILE_MODE)
            self._hash.update(data)
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def keep(self, place: Path, sha256: bytes) -> UploadRefusedError | None:
        """Give the file its place, or return why it does not get it."""
        with self._lock:
            if self._is_over or self._hash.digest() != sha256:
                return UploadRefusedError(400, "checksum")
            if _marker(place).exists():
                return UploadRefusedError(412, "used")
            try:
                os.link(self._path, place)
            except FileExistsError:
                return UploadRefusedError(412, "used")
            return None

    def discard(self) -> None:
        """Close and delete the file; what was linked to its place stays there."""
        with self._lock:
            self._is_over = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
                self._path.unlink(missing_ok=True)


def _key_of(name: str) -> str:
    """Return the object key of the file *name*; an empty one for a file that is not ours."""
    try:
        return base64.b32decode(name.upper() + "=" * (-len(name) % 8)).decode()
    except ValueError:
        return ""


def _marker(place: Path) -> Path:
    """Return the marker that says that *place* was used."""
    return place.with_name(place.name + _MARKER)


def _is_used(place: Path) -> bool:
    """Return whether something is, or was, at *place*."""
    return place.exists() or _marker(place).exists()


def _read(place: Path, max_bytes: int) -> bytes | None:
    """Return at most one byte more than *max_bytes*, or None when there is no file."""
    try:
        with place.open("rb") as file:
            return file.read(max_bytes + 1)
    except FileNotFoundError:
        return None


def _delete(place: Path) -> None:
    """Set the marker, then delete the file."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(_marker(place), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    place.unlink(missing_ok=True)
