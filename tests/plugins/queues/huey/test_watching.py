"""The watcher of Huey's SQL storages outlives whatever happens, and does not hold its worker."""

import threading

import pytest

from proofing_huey import sql_storage
from proofing_huey.gates import Gate
from proofing_huey.sql_storage import StorageWatcher


class Broken(StorageWatcher):
    """Fails in a way that no storage documents, then goes on."""

    def __init__(self) -> None:
        super().__init__({"q": Gate()})
        self.begun = 0
        self.is_well = threading.Event()

    def watch(self) -> None:
        """Fail twice."""
        self.begun += 1
        if self.begun < 3:
            raise KeyError("synthetic")
        self.is_well.set()
        self.stopping.wait()


class Hung(StorageWatcher):
    """Waits for a server that never answers."""

    def __init__(self) -> None:
        super().__init__({"q": Gate()})
        self.is_watching = threading.Event()
        self.answer = threading.Event()

    def watch(self) -> None:
        """Hang, and hear of no stop."""
        self.is_watching.set()
        self.answer.wait()


def test_a_watcher_goes_on_whatever_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it idle threads would look for jobs twice a minute."""
    monkeypatch.setattr(sql_storage, "_FIRST_RETRY_SECONDS", 0.001)
    watcher = Broken()
    watcher.start()
    assert watcher.is_well.wait(10)
    watcher.stop()
    assert watcher.begun == 3


def test_a_watcher_that_hangs_does_not_hold_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was told to stop stops."""
    monkeypatch.setattr(sql_storage, "_JOIN_SECONDS", 0.01)
    watcher = Hung()
    watcher.start()
    assert watcher.is_watching.wait(10)
    watcher.stop()
    watcher.answer.set()
