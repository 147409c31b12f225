"""The local call store keeps the contract, and what is special about it."""

import contextlib
import sqlite3
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from proofing.base.errors import StoreError
from proofing.contracts.call_records import CallStore
from proofing.testing.call_basis import make_call, make_decision
from proofing.testing.stores import CallStoreContract
from proofing_local.calls.store import LocalCallStore
from proofing_local.settings import LocalSettings


class TestLocalCallStore(CallStoreContract):
    """The store on SQLite keeps the call store contract."""

    @pytest.fixture(autouse=True)
    def _use_folder(self, tmp_path: Path, break_disk: Any) -> None:
        self.break_disk = break_disk
        self.folder = tmp_path / "local"

    def make_store(self) -> CallStore:
        return LocalCallStore(LocalSettings(directory=str(self.folder)))

    def process_spec(self) -> Mapping[str, Any]:
        return {"plugin": "local", "settings": {"directory": str(self.folder)}}

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """No disk."""
        self.break_disk(monkeypatch, error)

    def make_unreachable_store(self) -> CallStore:
        """A path below a file cannot be made."""
        file = self.folder.parent / "file"
        file.write_text("")
        return LocalCallStore(LocalSettings(directory=str(file / "below")))


async def test_files_are_private_and_a_forgotten_person_is_overwritten(tmp_path: Path) -> None:
    """Database and log are for the owner only; nothing of a deleted decision is left in either."""
    store = LocalCallStore(LocalSettings(directory=str(tmp_path / "local")))
    await store.open()
    await store.add([make_call()], [make_decision(person="canary-person")])

    def found() -> bool:
        files = [file for file in (tmp_path / "local").iterdir() if "-shm" not in file.name]
        return any(b"canary-person" in file.read_bytes() for file in files)

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "local").iterdir()}
    assert set(modes) >= {"calls.db", "calls.db-wal"}
    assert set(modes.values()) == {0o600}
    assert found()
    assert await store.forget("canary-person") == 1
    assert not found()
    await store.close()


async def test_damaged_decision_is_an_error_without_content(tmp_path: Path) -> None:
    """A decision that somebody overwrote is an error that shows nothing of it."""
    store = LocalCallStore(LocalSettings(directory=str(tmp_path / "local")))
    await store.open()
    await store.add([], [make_decision(person="one")])
    with contextlib.closing(sqlite3.connect(tmp_path / "local" / "calls.db")) as other, other:
        other.execute("update routing_decision set body = 'canary'")
    with pytest.raises(StoreError) as caught:
        await store.decisions_of("one")
    assert "canary" not in str(caught.value)
    await store.close()
