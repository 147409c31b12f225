"""The local result store keeps the contract, and what is special about it."""

import asyncio
import contextlib
import sqlite3
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from proofing.base.errors import StoreError, StoreUnavailableError
from proofing.contracts.records import StatusRecord
from proofing.contracts.stores import ResultStore
from proofing.contracts.vendor_gates import BreakerTerms, CallLimits, Gate, GateOutcome
from proofing.testing.processes import start_process_async
from proofing.testing.store_basis import LIFE_SECONDS, make_ended, make_record
from proofing.testing.stores import ResultStoreContract
from proofing.testing.waiting import eventually
from proofing_local.results import LocalResultStore
from proofing_local.settings import LocalSettings

_OTHER_PROCESS = """
import asyncio, sys
from proofing.contracts.records import StatusRecord
from proofing_local.settings import LocalSettings
from proofing_local.results import LocalResultStore

async def main():
    store = LocalResultStore(LocalSettings(directory=sys.argv[1]))
    await store.open()
    print("ready", flush=True)
    for line in sys.stdin:
        record = StatusRecord.from_json(line)
        await store.finish(record, ttl_seconds=300.0, sealed_result=b"sealed elsewhere")
    await store.close()

asyncio.run(main())
"""


class TestLocalResultStore(ResultStoreContract):
    """The store on SQLite keeps the result store contract."""

    @pytest.fixture(autouse=True)
    def _use_folder(self, tmp_path: Path, break_disk: Any) -> None:
        self.break_disk = break_disk
        self.folder = tmp_path / "local"

    def make_store(self) -> ResultStore:
        return LocalResultStore(LocalSettings(directory=str(self.folder)))

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither disk nor keys."""
        self.break_disk(monkeypatch, error)

    def make_unreachable_store(self) -> ResultStore:
        """A path below a file cannot be made."""
        file = self.folder.parent / "file"
        file.write_text("")
        return LocalResultStore(LocalSettings(directory=str(file / "below")))


def _settings(tmp_path: Path, timeout_seconds: float = 5.0) -> LocalSettings:
    return LocalSettings(directory=str(tmp_path / "local"), timeout_seconds=timeout_seconds)


async def test_end_in_another_process_wakes_waiter(tmp_path: Path) -> None:
    """A page that waits here sees the end that a process of its own has written."""
    store = LocalResultStore(_settings(tmp_path))
    await store.open()
    worker = await start_process_async(
        sys.executable,
        "-c",
        _OTHER_PROCESS,
        str(tmp_path / "local"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    await asyncio.wait_for(worker.stdout.readline(), 20.0)
    for _ in range(5):
        record = make_record()
        await store.begin(record, ttl_seconds=LIFE_SECONDS)
        waiting = asyncio.create_task(store.wait(record.result_id, timeout_seconds=30.0))
        ended = make_ended(record)
        worker.stdin.write(ended.to_json().encode() + b"\n")
        assert await asyncio.wait_for(waiting, 10.0) == ended
        assert await store.result(record.result_id) == b"sealed elsewhere"
    worker.stdin.close()
    assert await asyncio.wait_for(worker.wait(), 10.0) == 0
    await store.close()


async def test_files_are_private(tmp_path: Path) -> None:
    """Directory, database and its log are for the owner only."""
    store = LocalResultStore(_settings(tmp_path))
    await store.open()
    await store.save("key", b"value", ttl_seconds=LIFE_SECONDS)
    folder = tmp_path / "local"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert set(modes) >= {"results.db", "results.db-wal"}
    assert set(modes.values()) == {0o600}
    await store.close()


async def test_one_clock_decides(tmp_path: Path) -> None:
    """Everything expires by the clock of the store, to the moment."""
    now = 1_000.0
    store = LocalResultStore(_settings(tmp_path), clock=lambda: now)
    await store.open()
    ended = make_ended(make_record())
    await store.finish(ended, ttl_seconds=100.0, sealed_result=b"sealed", result_ttl_seconds=60.0)
    await store.count("limit", maximum=1, window_seconds=60.0)
    now = 1_059.0
    assert (await store.usage("limit")).seconds_left == 1.0
    now = 1_060.0
    assert (await store.usage("limit")).count == 0
    assert await store.result(ended.result_id) is None
    assert await store.status(ended.result_id) == ended
    now = 1_100.0
    assert await store.status(ended.result_id) is None
    await store.close()


async def test_gates_after_the_clock_was_set_back(tmp_path: Path) -> None:
    """Nobody waits until the clock is where it was: the breaker has its probe, and the rate is as new."""
    now = 10_000.0
    store = LocalResultStore(_settings(tmp_path), clock=lambda: now)
    await store.open()
    terms = BreakerTerms(faults=1, open_seconds=30.0, probe_seconds=30.0)
    broken = Gate(name="phone/acme", breaker=terms)
    slow = Gate(name="phone/slow", limits=(CallLimits(scope="slow", per_second=0.01),))
    await store.leave(broken, entrant="e", outcome=GateOutcome.FAULT)
    for expected in (0, None):
        assert (await store.enter([slow], entrant="e", max_wait_seconds=1.0)).index == expected
    now -= 3_600.0
    assert (await store.enter([broken], entrant="e", max_wait_seconds=1.0)).is_probe
    assert (await store.enter([slow], entrant="e", max_wait_seconds=1.0)).index == 0
    await store.close()


async def test_expired_rows_are_deleted(tmp_path: Path) -> None:
    """The next purge removes expired rows from database and log, without anyone asking."""
    store = LocalResultStore(_settings(tmp_path))
    await store.open()
    ended = make_ended(make_record())
    await store.finish(ended, ttl_seconds=0.001, sealed_result=b"canary-bytes", result_ttl_seconds=0.001)
    await store.save("canary-key", b"canary-value", ttl_seconds=0.001)
    await store.count("canary-counter", maximum=3, window_seconds=0.001)
    await store.close()
    # A process that starts purges first.
    store = LocalResultStore(_settings(tmp_path))
    await store.open()

    def is_clean() -> bool:
        files = (tmp_path / "local").iterdir()
        return not any(b"canary" in file.read_bytes() for file in files if "-shm" not in file.name)

    await eventually(is_clean)
    with contextlib.closing(sqlite3.connect(tmp_path / "local" / "results.db")) as database:
        for table in ("record", "sealed_result", "item", "counter"):
            assert database.execute(f"select count(*) from {table}").fetchone() == (0,)  # noqa: S608
    await store.close()


async def test_locked_database_is_reported_in_time(tmp_path: Path) -> None:
    """A writer that holds the lock forever makes writes fail, reads continue, and all is well afterward."""
    store = LocalResultStore(_settings(tmp_path, timeout_seconds=0.3))
    await store.open()
    await store.save("key", b"value", ttl_seconds=LIFE_SECONDS)
    with contextlib.closing(
        sqlite3.connect(tmp_path / "local" / "results.db", isolation_level=None)
    ) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreUnavailableError):
            await store.save("key", b"other", ttl_seconds=LIFE_SECONDS)
        assert await store.load("key") == b"value"
        other.execute("rollback")

    async def is_saved() -> bool:
        with contextlib.suppress(StoreUnavailableError):
            await store.save("key", b"other", ttl_seconds=LIFE_SECONDS)
            return True
        return False

    await eventually(is_saved)
    assert await store.load("key") == b"other"
    await store.close()


async def test_damaged_record_is_an_error_without_content(tmp_path: Path) -> None:
    """A record that somebody overwrote is an error that shows nothing of it; waiters are not stuck."""
    store = LocalResultStore(_settings(tmp_path))
    await store.open()
    ended = make_ended(make_record())
    await store.finish(ended, ttl_seconds=LIFE_SECONDS)
    with contextlib.closing(sqlite3.connect(tmp_path / "local" / "results.db")) as database, database:
        database.execute("update record set body = 'canary'")
    for call in (store.status(ended.result_id), store.wait(ended.result_id, timeout_seconds=0.05)):
        with pytest.raises(StoreError) as caught:
            await call
        assert "canary" not in str(caught.value)
    await store.close()


async def test_close_frees_who_waits(tmp_path: Path) -> None:
    """Closing the store ends every wait with an error instead of silence."""
    store = LocalResultStore(_settings(tmp_path))
    await store.open()
    record = make_record()
    await store.begin(record, ttl_seconds=LIFE_SECONDS)
    waiting = asyncio.create_task(store.wait(record.result_id, timeout_seconds=60.0))
    await eventually(lambda: store._watcher._waiters)
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await asyncio.wait_for(waiting, 10.0)


async def test_closed_store_says_so(tmp_path: Path) -> None:
    """A store that is not open is unavailable, not broken."""
    store = LocalResultStore(_settings(tmp_path))
    with pytest.raises(StoreUnavailableError):
        await store.status("x")
    with pytest.raises(StoreUnavailableError):
        await store.save("x", b"", ttl_seconds=1.0)


async def test_processes_may_start_together(tmp_path: Path) -> None:
    """Several stores that open at once on nothing all work."""
    stores = [LocalResultStore(_settings(tmp_path)) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    record = StatusRecord.from_json(make_record().to_json())
    assert sum([await store.begin(record, ttl_seconds=LIFE_SECONDS) for store in stores]) == 1
    await asyncio.gather(*(store.close() for store in stores))
    assert record.submitted_at <= time.time()
