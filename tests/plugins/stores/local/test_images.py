"""The local image store keeps the contract, and what is special about it."""

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from proofing.base.errors import ImageNotFoundError, StoreError, StoreUnavailableError, UploadRefusedError
from proofing.contracts.stores import ImageStore, PresignedUpload, UploadConstraints, UploadReceiver
from proofing.testing.image_slots import make_terms
from proofing.testing.stores import ImageStoreContract
from proofing.testing.waiting import eventually
from proofing_local.images import LocalImageStore
from proofing_local.settings import LocalSettings


def _secret(label: str) -> bytes:
    """Return the same key for the same label."""
    return hashlib.sha256(label.encode()).digest()


class TestLocalImageStore(ImageStoreContract):
    """The store on disk keeps the image store contract."""

    @pytest.fixture(autouse=True)
    def _use_folder(self, tmp_path: Path, break_disk: Any) -> None:
        self.break_disk = break_disk
        self.folder = tmp_path / "local"

    def make_store(self) -> ImageStore:
        return LocalImageStore(LocalSettings(directory=str(self.folder)), _secret)

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither disk nor keys."""
        self.break_disk(monkeypatch, error)

    def make_unreachable_store(self) -> ImageStore:
        """A path below a file cannot be made."""
        file = self.folder.parent / "file"
        file.write_text("")
        return LocalImageStore(LocalSettings(directory=str(file / "below")), _secret)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalImageStore]:
    """Give an open store."""
    store = LocalImageStore(LocalSettings(directory=str(tmp_path / "local")), _secret)
    await store.open()
    yield store
    await store.close()


async def _chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _send(
    store: LocalImageStore,
    terms: UploadConstraints,
    upload: PresignedUpload,
    body: AsyncIterator[bytes],
    **changes: str | None,
) -> None:
    """Pass an upload to the store, with some headers changed, or left out when None."""
    headers: dict[str, str | None] = {name.lower(): value for name, value in upload.headers.items()}
    headers["content-length"] = str(terms.length)
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    await store.receive(
        terms.object_key,
        query=dict(parse_qsl(urlsplit(upload.url).query)),
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )


def _files(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in (tmp_path / "local" / "images").iterdir())


async def test_url_is_on_our_own_origin(store: LocalImageStore) -> None:
    """The URL is a path below ``/uploads/``; it contains the key unchanged."""
    terms, _ = make_terms()
    upload = await store.presign(terms)
    assert upload.url.startswith(f"/uploads/{terms.object_key}?")
    assert isinstance(store, UploadReceiver)


async def test_no_more_is_read_than_was_signed(store: LocalImageStore, tmp_path: Path) -> None:
    """The store stops reading at the first byte too many, and keeps nothing."""
    terms, body = make_terms(1_000)
    upload = await store.presign(terms)
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        yield body
        while True:
            asked += 1
            yield bytes(1_000)

    with pytest.raises(UploadRefusedError) as caught:
        await _send(store, terms, upload, endless())
    assert (caught.value.status, caught.value.code) == (400, "length")
    assert asked == 1
    await eventually(lambda: _files(tmp_path) == [])


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"content_length": None}, 411, "length"),
        ({"transfer_encoding": "chunked"}, 411, "length"),
        ({"content_length": "4999"}, 400, "length"),
        ({"content_length": "+5000"}, 400, "length"),
        ({"content_length": "5000 "}, 400, "length"),
        ({"content_type": "application/octet-stream; charset=x"}, 400, "content_type"),
        ({"if_none_match": None}, 400, "condition"),
        ({"x_amz_checksum_sha256": "AAAA"}, 400, "checksum"),
    ],
)
async def test_reasons(
    store: LocalImageStore, changes: dict[str, str | None], status: int, code: str
) -> None:
    """Each broken term has its status and code, and the body is not read."""
    terms, body = make_terms(5_000)
    upload = await store.presign(terms)
    chunks = _chunks(body)
    with pytest.raises(UploadRefusedError) as caught:
        await _send(store, terms, upload, chunks, **changes)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert [chunk async for chunk in chunks] == [body]


async def test_deleted_slot_stays_used(store: LocalImageStore) -> None:
    """A URL that still lives is no good after its object was used and deleted."""
    terms, body = make_terms()
    upload = await store.presign(terms)
    await _send(store, terms, upload, _chunks(body))
    await store.delete(terms.object_key)
    with pytest.raises(UploadRefusedError) as caught:
        await _send(store, terms, upload, _chunks(body))
    assert (caught.value.status, caught.value.code) == (412, "used")


async def test_slot_deleted_during_upload_stays_empty(store: LocalImageStore) -> None:
    """An upload that was on its way when its slot was abandoned is not kept."""
    terms, body = make_terms()
    upload = await store.presign(terms)

    async def slow() -> AsyncIterator[bytes]:
        yield body[:100]
        await store.delete(terms.object_key)
        yield body[100:]

    with pytest.raises(UploadRefusedError):
        await _send(store, terms, upload, slow())
    with pytest.raises(ImageNotFoundError):
        await store.read(terms.object_key, max_bytes=10_000)


async def test_signature_of_another_secret(store: LocalImageStore, tmp_path: Path) -> None:
    """A URL that another installation signed is refused."""
    other = LocalImageStore(LocalSettings(directory=str(tmp_path / "other")), lambda _label: bytes(32))
    terms, body = make_terms()
    with pytest.raises(UploadRefusedError) as caught:
        await _send(store, terms, await other.presign(terms), _chunks(body))
    assert (caught.value.status, caught.value.code) == (403, "signature")


async def test_url_expires_by_the_clock(tmp_path: Path) -> None:
    """One second too late is too late; the contract's test waits, this one turns the clock."""
    now = 1_000.0
    store = LocalImageStore(LocalSettings(directory=str(tmp_path)), _secret, clock=lambda: now)
    await store.open()
    terms, body = make_terms(ttl_seconds=60.0)
    upload = await store.presign(terms)
    now = upload.expires_at
    with pytest.raises(UploadRefusedError) as caught:
        await _send(store, terms, upload, _chunks(body))
    assert (caught.value.status, caught.value.code) == (403, "expired")
    now = upload.expires_at - 0.001
    await _send(store, terms, upload, _chunks(body))
    await store.close()


async def test_slow_upload_is_given_up(tmp_path: Path) -> None:
    """A body that does not end in time is refused, and nothing of it stays."""
    settings = LocalSettings(directory=str(tmp_path / "local"), upload_timeout_seconds=0.1)
    store = LocalImageStore(settings, _secret)
    await store.open()
    terms, body = make_terms(600_000)
    upload = await store.presign(terms)

    async def stuck() -> AsyncIterator[bytes]:
        yield body[:300_000]
        await asyncio.Event().wait()

    with pytest.raises(UploadRefusedError) as caught:
        await _send(store, terms, upload, stuck())
    assert (caught.value.status, caught.value.code) == (408, "slow")
    await eventually(lambda: _files(tmp_path) == [])
    await store.close()


async def test_browser_that_goes_away_leaves_nothing(store: LocalImageStore, tmp_path: Path) -> None:
    """An upload that is broken off is tidied up, and the slot can still be used."""
    terms, body = make_terms(600_000)
    upload = await store.presign(terms)
    has_begun = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield body[:300_000]
        has_begun.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(_send(store, terms, upload, stuck()))
    await asyncio.wait_for(has_begun.wait(), 10.0)
    assert len(_files(tmp_path)) == 1
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await eventually(lambda: _files(tmp_path) == [])
    await _send(store, terms, upload, _chunks(body))


async def test_files_are_private(store: LocalImageStore, tmp_path: Path) -> None:
    """Directories and files are for the owner only, and names do not tell the key."""
    terms, body = make_terms()
    await _send(store, terms, await store.presign(terms), _chunks(body))
    folder = tmp_path / "local" / "images"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    await eventually(lambda: len(_files(tmp_path)) == 1)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert terms.object_key not in file.name


async def test_sweep_by_age(store: LocalImageStore, tmp_path: Path) -> None:
    """Old objects go and are counted; forgotten parts and old markers go uncounted."""
    kept, body = make_terms()
    await _send(store, kept, await store.presign(kept), _chunks(body))
    await eventually(lambda: len(_files(tmp_path)) == 1)
    folder = tmp_path / "local" / "images"
    old = time.time() - 48 * 3600.0
    for name in ("a" * 64, ".part-forgotten", "b" * 64 + ".gone"):
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (old, old))
    (folder / ("c" * 64 + ".gone")).write_bytes(b"")
    assert await store.sweep(older_than_seconds=900.0) == 1
    assert len(_files(tmp_path)) == 2
    assert await store.read(kept.object_key, max_bytes=len(body)) == body


@pytest.mark.parametrize(
    "key", ["", "/", "../x", "a/../b", "a/./b", "a//b", "a/", ".a", "a b", "a%2fb", "é", "a" * 129, "a\n"]
)
async def test_keys_that_nobody_makes(store: LocalImageStore, key: str) -> None:
    """A malformed key is neither signed nor received nor read."""
    terms, _ = make_terms(object_key=key or "x")
    if key:
        with pytest.raises(StoreError):
            await store.presign(terms)
    with pytest.raises(UploadRefusedError):
        await store.receive(key, query={}, headers={}, body=_chunks())
    with pytest.raises(ImageNotFoundError):
        await store.read(key, max_bytes=1)
    await store.delete(key)


@pytest.mark.parametrize(("length", "life"), [(0, 60.0), (-1, 60.0), (10, 0.0), (10, 90_000.0)])
async def test_terms_that_cannot_be_held(store: LocalImageStore, length: int, life: float) -> None:
    """No URL is made for an empty upload or for an endless life."""
    with pytest.raises(StoreError):
        await store.presign(
            UploadConstraints(object_key="a", length=length, sha256=bytes(32), ttl_seconds=life)
        )


async def test_closed_store_says_so(tmp_path: Path) -> None:
    """A store that is not open is unavailable."""
    store = LocalImageStore(LocalSettings(directory=str(tmp_path)), _secret)
    with pytest.raises(StoreUnavailableError):
        await store.read("a", max_bytes=1)
