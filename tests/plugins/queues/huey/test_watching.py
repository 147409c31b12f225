"""The watcher of Huey's SQLite storage outlives whatever happens, and does not hold its worker."""

import threading

import pytest

from proofing_huey import sqlite_watcher
from proofing_huey.idle_threads import IdleThreads
from proofing_huey.settings import HueySettings
from proofing_huey.sqlite_watcher import SQLiteWatcher


class Broken(SQLiteWatcher):
    """Fails in a way that SQLite does not document, then continues."""

    def __init__(self) -> None:
        super().__init__(HueySettings(), {"q": IdleThreads()})
        self.begun = 0
        self.is_well = threading.Event()

    def watch(self) -> None:
        """Fail twice."""
        self.begun += 1
        if self.begun < 3:
            raise KeyError("synthetic")
        self.is_well.set()
        self.stopping.wait()


class Hung(SQLiteWatcher):
    """Waits for a file system that never answers."""

    def __init__(self) -> None:
        super().__init__(HueySettings(), {"q": IdleThreads()})
        self.is_watching = threading.Event()
        self.answer = threading.Event()

    def watch(self) -> None:
        """Hang, and hear of no stop."""
        self.is_watching.set()
        self.answer.wait()


def test_a_watcher_continues_whatever_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it idle threads would look for jobs twice a minute."""
    monkeypatch.setattr(sqlite_watcher, "_FIRST_RETRY_SECONDS", 0.001)
    watcher = Broken()
    watcher.start()
    assert watcher.is_well.wait(10)
    watcher.stop()
    assert watcher.begun == 3


def test_a_watcher_that_hangs_does_not_hold_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was told to stop stops."""
    monkeypatch.setattr(sqlite_watcher, "_JOIN_SECONDS", 0.01)
    watcher = Hung()
    watcher.start()
    assert watcher.is_watching.wait(10)
    watcher.stop()
    watcher.answer.set()
