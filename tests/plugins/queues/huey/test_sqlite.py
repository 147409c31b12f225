"""Huey on SQLite keeps the queue contract."""

from pathlib import Path

import pytest

from proofing.contracts.queues import Queue
from proofing.testing.breaking import break_huey_sqlite
from proofing.testing.queues import QueueContract
from proofing_huey.backend import HueyQueue
from proofing_huey.settings import HueySettings


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
