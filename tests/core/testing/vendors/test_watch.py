"""What others do in the same process meanwhile is not the plugin's; and a slow machine is not a wrong one.

Others are other threads, the garbage collector, whose finalizers run in whatever happens to allocate, and the
import system, which writes compiled modules.
"""

import asyncio
import gc
import logging
import socket
import subprocess
import sys
import threading
import warnings
from types import ModuleType

import pytest
from tests.core.testing.vendors.suites import SUITES, Answer, make_plugin

from proofing.testing.canary import Canary
from proofing.testing.vendors import Status, judge
from proofing.testing.vendors.settling import settle
from proofing.testing.vendors.watch import watching

MAKE = "        self.settings = settings\n"
ASK = "        person = request.applicant\n"
MEANWHILE = "        import made_meanwhile\n        made_meanwhile.happen()\n"


def broken(*changes, only=None, **attributes):
    """Return what is wrong with a plugin, by all rules or by those in *only*."""
    make_plugin("answer", *changes)
    suite = type("Answer", (Answer,), attributes)()
    return [str(verdict) for verdict in judge(suite, only=only) if verdict.status is not Status.KEPT]


def test_a_watch_within_another_ends_alone():
    """Also where both have seen the same, such as nothing."""
    with watching("proofing_made_answer") as outer:
        with watching("proofing_made_answer"):
            pass
        warnings.warn("seen by the outer one", stacklevel=1)
    assert outer.lines.count("seen by the outer one") == 1


def connect():
    """Connect as others may; nobody has to accept it."""
    with socket.socket(type=socket.SOCK_DGRAM) as connected:
        connected.connect(("127.0.0.1", 9))


class Others:
    """What others do, where the plugin's code has `MEANWHILE`; in a thread that was there before."""

    def __init__(self, do):
        self._do = do
        self._asked, self._done = threading.Lock(), threading.Lock()
        self.raised, self.count = [], 0
        self._is_over = False
        for lock in (self._asked, self._done):
            lock.acquire()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self):
        while self._asked.acquire() and not self._is_over:
            try:
                self._do(self.count)
            except Exception as error:  # noqa: BLE001 - whatever the kit does to others
                self.raised.append(error)
            self.count += 1
            self._done.release()

    def happen(self):
        """Have the thread do it once, and wait for it without what counts as blocking."""
        self._asked.release()
        self._done.acquire()

    def end(self):
        """End the thread."""
        self._is_over = True
        self._asked.release()
        self._thread.join()


@pytest.fixture
def others(monkeypatch):
    """Return what starts a thread of others."""
    made = []

    def start(do):
        module = ModuleType("made_meanwhile")
        made.append(Others(do))
        module.happen = made[-1].happen
        monkeypatch.setitem(sys.modules, "made_meanwhile", module)
        return made[-1]

    yield start
    for one in made:
        one.end()


def test_what_another_thread_does_is_not_the_plugins(others, tmp_path, capsys, caplog):
    """It writes files, starts processes, connects, prints and logs, and is not hindered."""
    caplog.set_level(logging.INFO)

    def do(number):
        (tmp_path / f"{number}").write_text("theirs")
        if number < 20:
            subprocess.run(["true"], check=True)
        connect()
        print("theirs about", Canary().applicant.last_name)  # noqa: T201 - as anybody may
        logging.getLogger("others").info("theirs about %s", Canary().applicant.last_name)

    running = others(do)
    rules = ["make-quiet", "own-files", "own-client", "person-leak", "person-traced"]
    assert broken((MAKE, MAKE + MEANWHILE), (ASK, ASK + MEANWHILE), only=rules) == []
    assert running.raised == []
    assert running.count > 20
    assert len(list(tmp_path.iterdir())) == running.count
    assert capsys.readouterr().out.count("theirs about") == running.count
    assert caplog.text.count("theirs about") == running.count


@pytest.mark.parametrize("prefix", [None, "compiled"])
def test_a_module_that_is_compiled_meanwhile_is_no_file_of_the_plugins(tmp_path, monkeypatch, prefix):
    """Making the proofer, or its first question, imports what nobody has imported before."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", prefix and str(tmp_path / prefix))
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("made_late", "made_later"):
        (tmp_path / f"{name}.py").write_text("VALUE = 1\n")
        monkeypatch.delitem(sys.modules, name, raising=False)
    late, later = (f"        import {name}\n" for name in ("made_late", "made_later"))
    assert broken((MAKE, MAKE + late), (ASK, ASK + later), only=["make-quiet", "own-files"]) == []
    assert len(list(tmp_path.rglob("made_late*.pyc"))) == 2


def test_what_finalizers_do_is_not_the_plugins(tmp_path, monkeypatch, capsys):
    """Garbage of others is collected while the plugin works."""
    made = []

    class Garbage:
        def __init__(self):
            self.itself = self

        def __del__(self):
            made.append((tmp_path / f"{len(made)}").write_text("theirs"))
            print("theirs about", Canary().applicant.last_name)  # noqa: T201 - as anybody may
            connect()

    def happen():
        Garbage()
        gc.collect(0)

    module = ModuleType("made_meanwhile")
    module.happen = happen
    monkeypatch.setitem(sys.modules, "made_meanwhile", module)
    rules = ["make-quiet", "own-files", "own-client", "person-leak"]
    assert broken((MAKE, MAKE + MEANWHILE), (ASK, ASK + MEANWHILE), only=rules) == []
    assert len(made) > 20
    assert capsys.readouterr().out.count("theirs about") == len(made)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("open('/dev/shm/made-answers', 'w')", "own-files"),
        ("__import__('os').open('made-answers', 0o102)", "own-files"),
        ("__import__('socket').create_connection(('127.0.0.1', 9))", "own-client"),
    ],
)
@pytest.mark.parametrize("where", ["the loop", "a thread", "a thread that it keeps"])
def test_what_the_plugin_does_in_its_threads_is_its_own(code, rule, where):
    """Whether it starts one for the question, or has one of before."""
    work = (
        "        def work():\n            try:\n"
        f"                {code}\n            except OSError:\n                pass\n"
    )
    does = {
        "the loop": "        work()\n",
        "a thread": "        import asyncio\n        await asyncio.to_thread(work)\n",
        "a thread that it keeps": "        import asyncio\n"
        "        await asyncio.get_running_loop().run_in_executor(POOL, work)\n",
    }[where]
    pool = 'from concurrent.futures import ThreadPoolExecutor\nPOOL = ThreadPoolExecutor(1)\nNAME = "plain"'
    (found,) = broken(('NAME = "plain"', pool), (ASK, ASK + work + does), only=[rule])
    assert found.startswith(rule)


def test_a_thread_that_starts_is_not_waited_for():
    """`asyncio.to_thread` is how an `async def` avoids blocking, though a new thread says that it began."""
    code = "        import asyncio\n        await asyncio.to_thread(sorted, range(3))\n"
    assert broken((ASK, ASK + code), only=["loop-blocked"]) == []


def test_a_database_in_memory_is_no_file():
    """One on disk is."""
    code = "        import sqlite3\n        sqlite3.connect({}).close()\n"
    assert broken((ASK, ASK + code.format("':memory:'")), only=["own-files"]) == []
    assert broken((ASK, ASK + code.format("'answers.db'")), only=["own-files"]) != []


class _Clock:
    """A clock that moves on once, after a number of readings: as a second that ends between two questions."""

    def __init__(self, readings):
        self._left = readings

    def now(self):
        """Return the time."""
        self._left -= 1
        return 1_700_000_000 + (self._left < 0)


@pytest.mark.parametrize("readings", [5, 15, 20, 25, 30, 35, 60])
def test_a_time_that_moves_on_between_two_people_is_not_theirs(monkeypatch, readings):
    """It is in a log line, or in the token that a vendor wants."""
    module = ModuleType("made_clock")
    monkeypatch.setitem(sys.modules, "made_clock", module)
    line = "        import made_clock\n        context.logger.info('at %d', made_clock.now())\n"
    module.now = _Clock(readings).now
    assert broken((ASK, ASK + line), only=["person-traced"]) == []
    token = (
        '"authorization": f"Bearer {token}"',
        '"authorization": f"Bearer {token}.{__import__(\'made_clock\').now()}"',
    )
    module.now = _Clock(readings).now
    assert broken(token, only=["bytes-signed", "attribute-unused"]) == []


@pytest.mark.parametrize("shape", ["answer", "sdk"])
def test_a_machine_that_is_slow_misses_no_deadline(shape):
    """The time limit of the proofer is for real vendors; only the rule about deadlines tries one."""
    make_plugin(shape, ("_settings: 10.0", "_settings: 1e-6"))
    rules = ["descriptor-form", "example-outcome", "retries", "state-mixed", "sleeps", "deadline-kept"]
    verdicts = judge(SUITES[shape](), only=rules)
    assert [str(verdict) for verdict in verdicts if verdict.status is not Status.KEPT] == []


def test_a_time_limit_of_no_time_is_still_a_wrong_descriptor():
    """What is declared is judged as it is declared."""
    (found,) = broken(("_settings: 10.0", "_settings: -1.0"), only=["descriptor-form"])
    assert "timeout_seconds" in found


async def test_a_machine_that_stalls_is_no_question_that_never_ends(monkeypatch):
    """Whatever the clock says, what is canceled gets the turns of the loop that it needs to end."""
    loop = asyncio.get_running_loop()
    times = iter(range(0, 1_000_000, 5))
    monkeypatch.setattr(loop, "time", lambda: float(next(times)))

    async def end_slowly():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for _ in range(20):
                await asyncio.sleep(0)
            raise

    task = asyncio.ensure_future(end_slowly())
    await asyncio.sleep(0)
    task.cancel()
    await settle({task}, 0.5)
    assert task.cancelled()


async def test_what_does_not_end_is_left():
    """After a while."""
    task = asyncio.ensure_future(asyncio.Event().wait())
    await settle({task}, 0.05)
    assert not task.done()
    task.cancel()
