"""The local verification store keeps the contract, and what is special about it."""

import contextlib
import sqlite3
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from proofing.base.errors import StoreError, StoreUnavailableError
from proofing.contracts.verification_store import VerificationStore
from proofing.contracts.verifications import Sealed
from proofing.testing.stores import VerificationStoreContract
from proofing.testing.verification_basis import add
from proofing_local.settings import LocalSettings
from proofing_local.verifications.store import LocalVerificationStore


class TestLocalVerificationStore(VerificationStoreContract):
    """The store on SQLite keeps the verification store contract."""

    @pytest.fixture(autouse=True)
    def _use_folder(self, tmp_path: Path, break_disk: Any) -> None:
        self.break_disk = break_disk
        self.folder = tmp_path / "local"

    def make_store(self) -> VerificationStore:
        return LocalVerificationStore(LocalSettings(directory=str(self.folder)))

    def process_spec(self) -> Mapping[str, Any]:
        return {"plugin": "local", "settings": {"directory": str(self.folder)}}

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """No disk."""
        self.break_disk(monkeypatch, error)

    def make_unreachable_store(self) -> VerificationStore:
        """A path below a file cannot be made."""
        file = self.folder.parent / "file"
        file.write_text("")
        return LocalVerificationStore(LocalSettings(directory=str(file / "below")))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Give the location of the database."""
    return tmp_path / "local" / "verifications.db"


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., LocalVerificationStore]:
    """Give a maker of stores on one directory."""

    def make(timeout_seconds: float = 5.0) -> LocalVerificationStore:
        settings = LocalSettings(directory=str(tmp_path / "local"), timeout_seconds=timeout_seconds)
        return LocalVerificationStore(settings)

    return make


async def test_files_are_private(make_store: Callable[..., LocalVerificationStore], database: Path) -> None:
    """Database and log are for the owner only."""
    store = make_store()
    await store.open()
    await add(store)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in database.parent.iterdir()}
    assert set(modes) >= {"verifications.db", "verifications.db-wal"}
    assert set(modes.values()) == {0o600}
    await store.close()


async def test_every_commit_is_synced(make_store: Callable[..., LocalVerificationStore]) -> None:
    """What returned survives a power cut."""
    store = make_store()
    await store.open()
    assert await store._database.write(lambda db: db.execute("pragma synchronous").fetchone()) == (2,)
    await store.close()


async def test_deleted_values_are_overwritten(
    make_store: Callable[..., LocalVerificationStore], database: Path
) -> None:
    """In database and log, when one value is deleted and when the verification is."""
    store = make_store()
    await store.open()
    sealed = {Sealed.SUBJECT: b"canary-subject", Sealed.CLAIMS: b"canary-claims"}
    record = await add(store, sealed=sealed)

    def found(text: bytes) -> bool:
        files = [file for file in database.parent.iterdir() if "-shm" not in file.name]
        return any(text in file.read_bytes() for file in files)

    assert found(b"canary-claims")
    await store.change(record.changed(at=1.0), sealed={Sealed.CLAIMS: None})
    assert not found(b"canary-claims")
    assert found(b"canary-subject")
    await store.delete(record.id)
    assert not found(b"canary")
    await store.close()


async def test_locked_database_is_reported_in_time(
    make_store: Callable[..., LocalVerificationStore], database: Path
) -> None:
    """A writer that holds the lock forever makes writes fail, and reads continue."""
    store = make_store(timeout_seconds=0.3)
    await store.open()
    record = await add(store)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreUnavailableError):
            await store.change(record.changed(at=1.0))
        assert await store.load(record.id) is not None
        other.execute("rollback")
    await store.close()


async def test_damaged_record_is_an_error_without_content(
    make_store: Callable[..., LocalVerificationStore], database: Path
) -> None:
    """A record that somebody overwrote is an error that shows nothing of it."""
    store = make_store()
    await store.open()
    record = await add(store)
    with contextlib.closing(sqlite3.connect(database)) as other, other:
        other.execute("update verification set body = 'canary'")
    with pytest.raises(StoreError) as caught:
        await store.load(record.id)
    assert "canary" not in str(caught.value)
    await store.close()


async def test_closed_store_says_so(make_store: Callable[..., LocalVerificationStore]) -> None:
    """A store that is not open is unavailable, not broken."""
    with pytest.raises(StoreUnavailableError):
        await make_store().load("ver_1")
