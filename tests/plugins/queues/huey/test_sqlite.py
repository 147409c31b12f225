"""Huey on SQLite keeps the queue contract."""

import gc
import sqlite3
import warnings
from pathlib import Path

import pytest

from proofing.contracts.queues import Queue
from proofing.testing.breaking import break_huey_sqlite
from proofing.testing.queues import QueueContract
from proofing_huey.backend import HueyQueue
from proofing_huey.settings import HueySettings
from proofing_huey.sqlite_storage import SQLiteJobStorage


class TestHueyOnSqlite(QueueContract):
    """The queue of the embedded default."""

    @pytest.fixture(autouse=True)
    def _use_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "local"

    def make_queue(self) -> Queue:
        return HueyQueue(HueySettings(path=str(self.folder / "huey.db")), lambda _label: bytes(32))

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """No file can be opened or used."""
        break_huey_sqlite(monkeypatch, error)

    def make_unreachable_queue(self) -> Queue:
        """A path below a file cannot be made."""
        file = self.folder.parent / "file"
        file.write_text("")
        return HueyQueue(HueySettings(path=str(file / "huey.db")), lambda _label: bytes(32))

    async def stored_bytes(self) -> bytes:
        """The file and its log."""
        if not self.folder.exists():
            return b""
        return b"".join(file.read_bytes() for file in self.folder.iterdir())


def test_a_connection_that_cannot_be_set_up_is_closed(tmp_path):
    """The file is no database: an unclosed connection would be reported when it is collected."""
    path = tmp_path / "huey.db"
    path.write_bytes(b"no database" * 1000)
    storage = SQLiteJobStorage("default", HueySettings(path=str(path)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(sqlite3.DatabaseError):
            storage.pauses()
        gc.collect()
    assert not caught
