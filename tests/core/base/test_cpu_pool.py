"""CPU children: what a call gets, what one that breaks costs, and what nobody in a child can reach."""

import asyncio
import importlib.util
import io
import json
import os
import platform
import shutil
import signal
import struct
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from proofing.base import cpu_child, cpu_process
from proofing.base.cpu_pool import CPUPool, _Turns
from proofing.base.errors import CPUFailure, CPUWorkError, PluginError
from proofing.base.logs import JSONFormatter
from proofing.base.metrics import CPU_CALLS, CPU_CHILDREN
from proofing.testing.processes import start_process
from proofing.testing.waiting import eventually

FUNCTIONS = Path(__file__).parent / "cpu_functions"
#: Long enough for any call that ends by itself, on a machine that does much else.
PATIENT = {"seconds": 240.0, "megabytes": 256}
linux = pytest.mark.skipif(sys.platform != "linux", reason="the limits of other systems are weaker")
filtered = pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="no filter of calls")


@pytest.fixture(autouse=True)
def functions(monkeypatch, tmp_path):
    """Put the hostile functions on the path of modules, as an installed plugin is, and modules that break."""
    monkeypatch.syspath_prepend(str(FUNCTIONS))
    broken = tmp_path / "modules"
    broken.mkdir()
    (broken / "broken_work.py").write_text('raise RuntimeError("SECRET at import")')
    (broken / "lacking_work.py").write_text("import no_such_library_anywhere")
    (broken / "other_work.py").write_text("def nothing(_data, _args):\n    pass\n")
    monkeypatch.syspath_prepend(str(broken))


@pytest.fixture
async def pool():
    """Two children at most."""
    made = CPUPool(2)
    yield made
    await made.close()


@pytest.fixture
def log_lines(caplog):
    """Return a function that returns the lines written so far."""
    caplog.set_level("INFO", logger="proofing")
    return lambda: [json.loads(JSONFormatter("worker").format(record)) for record in caplog.records]


async def call(pool, function, data=b"", args=None, **bounds):
    """Call one of the functions."""
    return await pool.run(f"hostile_work:{function}", data, args, **{**PATIENT, **bounds})


async def failure_of(pool, function, data=b"", args=None, **bounds):
    """Return why a call has no answer."""
    with pytest.raises(CPUWorkError) as caught:
        await call(pool, function, data, args, **bounds)
    return caught.value.failure


def session_of(pid):
    """Return the processes in the session that the process *pid* began."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


# What a call gets


async def test_arguments_go_in_and_values_come_back(pool):
    """JSON both ways."""
    args = {"side": "front", "angles": [1.5, None, True], "name": "Ünïcode"}
    assert await call(pool, "describe", b"abc", args) == {"bytes": 3, "args": args}


@pytest.mark.parametrize("size", [0, 1, 65536, 12_000_000])
async def test_bytes_go_in_and_come_back(pool, size):
    """Also far more than a pipe holds, in both directions at once."""
    data = os.urandom(size)
    assert await call(pool, "echo", data) == data


async def test_one_child_serves_call_after_call(pool):
    """It is started once, and each call finds the module as it was imported."""
    assert [await call(pool, "count") for _ in range(3)] == [1, 1, 1]
    assert len(pool._idle) == 1


async def test_more_modules_than_children(pool):
    """The functions of a module share its children; an idle child makes room for another module."""
    for function in (
        "hostile_work:describe",
        "operator:eq",
        "hostile_work:echo",
        "other_work:nothing",
        "operator:ne",
    ):
        await pool.run(function, b"", "", **PATIENT)
        assert len(pool._idle) <= 2


async def test_a_package_in_the_working_directory_is_found(pool, tmp_path, monkeypatch):
    """As where its author runs the tests; what else lies there stays unread."""
    package = tmp_path / "project" / "proofing_here"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "work.py").write_text("def read(_data, path):\n    return open(path).read()\n")
    (package / "model.txt").write_text("model")
    (package.parent / "secrets.yaml").write_text("secret")
    monkeypatch.chdir(package.parent)
    for entry in ("", str(package.parent)):
        monkeypatch.syspath_prepend(entry)
        text = await pool.run("proofing_here.work:read", b"", str(package / "model.txt"), **PATIENT)
        assert text == "model"
        require_landlock(pool._idle[-1].missing)
        with pytest.raises(CPUWorkError):
            await pool.run("proofing_here.work:read", b"", str(package.parent / "secrets.yaml"), **PATIENT)


async def test_a_package_that_an_import_hook_finds_is_found(pool, tmp_path, monkeypatch):
    """As in some editable installations, which put no directory on the path."""
    (tmp_path / "hooked_work.py").write_text("def name(_data, _args):\n    return __name__\n")

    class Finder:
        @staticmethod
        def find_spec(name, *_places):
            if name == "hooked_work":
                return importlib.util.spec_from_file_location(name, tmp_path / "hooked_work.py")
            return None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert await pool.run("hooked_work:name", **PATIENT) == "hooked_work"


async def test_a_library_may_use_threads(pool):
    """Threads are bounded by memory, and allowed."""
    assert await call(pool, "start_thread") == ["inner"]


async def test_a_large_image_is_decoded(pool):
    """Twelve megapixels, in fewer megabytes than a child of the reader may have."""
    from PIL import Image  # noqa: PLC0415 - this test alone

    file = io.BytesIO()
    Image.effect_mandelbrot((4000, 3000), (-2, -1.5, 1, 1.5), 20).save(file, "JPEG")
    assert await call(pool, "decode_image", file.getvalue(), megabytes=400) == [4000, 3000]


# What one that breaks costs


def png_bomb():
    """Return a PNG of a few kB that claims 3.6 thousand million pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(4_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zip_bomb():
    """Return some hundred kB that unpack to 100 MiB."""
    packing = zlib.compressobj(1)
    return b"".join(packing.compress(bytes(1024 * 1024)) for _ in range(100)) + packing.flush()


HOSTILE = {
    "loop": ("loop", b"", None, {"seconds": 1.0}, {CPUFailure.TIME}),
    "deaf loop": ("ignore_signals_and_loop", b"", None, {"seconds": 1.0}, {CPUFailure.TIME}),
    "sleep": ("wait", b"", 3600, {"seconds": 1.0}, {CPUFailure.TIME}),
    "loop with CPU seconds of its own": ("loop", b"", None, {"cpu_seconds": 1}, {CPUFailure.PROCESSOR}),
    "hog": ("hog", b"", None, {}, {CPUFailure.MEMORY}),
    "zip bomb": ("unpack_bomb", zip_bomb(), None, {"megabytes": 64}, {CPUFailure.MEMORY}),
    "image bomb": ("decode_image", png_bomb(), None, {}, {CPUFailure.MEMORY}),
    "more data than memory": ("echo", bytes(60_000_000), None, {"megabytes": 40}, {CPUFailure.MEMORY}),
    "segfault": ("segfault", b"", None, {}, {CPUFailure.CRASH}),
    "abort": ("abort", b"", None, {}, {CPUFailure.CRASH}),
    "exit with an error": ("leave", b"", 7, {}, {CPUFailure.CRASH}),
    "exit without answer": ("leave", b"", 0, {}, {CPUFailure.ANSWER}),
    "sys.exit": ("exit_interpreter", b"", None, {}, {CPUFailure.RAISED}),
    "exception": ("fail", b"", None, {}, {CPUFailure.RAISED}),
    "recursion": ("recurse", b"", None, {}, {CPUFailure.RAISED}),
    "deep JSON": ("nest", b"", 100, {}, {CPUFailure.ANSWER}),
    "large JSON": ("echo_text", b"", 40_000, {}, {CPUFailure.ANSWER}),
    "answer of no kind": ("forge", b"", "x\0\0\0\0\0\0\0\x0f", {}, {CPUFailure.ANSWER}),
    "half an answer": ("forge", b"", "b", {}, {CPUFailure.ANSWER}),
    "two answers": ("forge", b"", "j\0\0\0\0\0\0\0\x011", {}, {CPUFailure.ANSWER}),
    "endless answer": ("flood", b"", None, {}, {CPUFailure.ANSWER}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_call_that_breaks_fails_with_its_cause(pool, name):
    """Typed, and the next call is served."""
    function, data, args, bounds, expected = HOSTILE[name]
    assert await failure_of(pool, function, data, args, **bounds) in expected
    assert await call(pool, "describe", b"ab") == {"bytes": 2, "args": None}


async def test_hostile_calls_cost_themselves_only(pool):
    """Fifty others finish alongside a bomb of each kind, all with their own answers."""
    hostile = [
        asyncio.create_task(failure_of(pool, function, data, args, **bounds))
        for function, data, args, bounds, _expected in HOSTILE.values()
    ]
    others = [asyncio.create_task(call(pool, "describe", bytes(number), number)) for number in range(50)]
    assert [await other for other in others] == [{"bytes": number, "args": number} for number in range(50)]
    for task, (_function, _data, _args, bounds, expected) in zip(hostile, HOSTILE.values(), strict=True):
        # One with little time may not even have had its turn.
        assert await task in expected | ({CPUFailure.BUSY} if "seconds" in bounds else set())


async def test_an_exception_is_reported_by_its_class(pool):
    """Its text may hold what the document says."""
    with pytest.raises(CPUWorkError) as caught:
        await call(pool, "fail")
    assert caught.value.exception_class == "LookupError"
    assert caught.value.codes == ("cpu_raised",)
    assert "SECRET" not in str(caught.value)


async def test_words_on_the_standard_streams_are_no_answers(pool):
    """Libraries print; the pipes of the child are out of reach."""
    assert await call(pool, "talk") == "fine"
    assert await call(pool, "count") == 1


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("hostile_work:not_there", None),
        ("hostile_work:os.not_there", None),
        ("hostile_work:_calls", None),
        ("no_such_module_anywhere:function", None),
        ("broken_work:function", None),
        ("lacking_work:function", None),
        ("hostile_work:not_json", None),
        ("hostile_work", None),
        ("hostile_work:describe; import os", None),
        ("hostile_work:describe", object()),
        ("hostile_work:describe", float("nan")),
        ("hostile_work:describe", "x" * 40_000),
    ],
)
async def test_what_a_plugin_does_wrong_is_its_error(pool, function, args):
    """Untrusted input cannot cause that; it is reported without texts of exceptions."""
    with pytest.raises(PluginError) as caught:
        await pool.run(function, b"", args, **PATIENT)
    assert "SECRET" not in str(caught.value)


async def test_bounds_must_be_given_and_make_sense(pool):
    """No time, no memory, too much data."""
    for bounds in ({"seconds": 0}, {"megabytes": 0}, {"cpu_seconds": 0}):
        with pytest.raises(PluginError):
            await call(pool, "describe", **bounds)
    with pytest.raises(PluginError):
        await call(pool, "describe", bytes(64 * 1024 * 1024 + 1))


async def test_a_child_that_cannot_start_is_told_apart(pool, monkeypatch):
    """As when the system has no more processes."""
    monkeypatch.setattr("proofing.base.cpu_process.sys.executable", "/nonexistent/python")
    assert await failure_of(pool, "describe") is CPUFailure.START
    monkeypatch.setattr("proofing.base.cpu_process.sys.executable", "/bin/false")
    assert await failure_of(pool, "describe") is CPUFailure.START


# Turns, cancellation, ends


async def test_waiting_counts_to_the_time_of_a_call():
    """A call that gets no child in time has an error that says so."""
    pool = CPUPool(1)
    first = asyncio.create_task(call(pool, "wait", args=3600))
    await asyncio.sleep(0)  # it has its turn
    assert await failure_of(pool, "describe", seconds=0.05) is CPUFailure.BUSY
    first.cancel()
    await asyncio.wait([first])
    assert await call(pool, "describe") == {"bytes": 0, "args": None}
    await pool.close()


async def test_packages_take_turns():
    """One call of another package does not wait for all that one flood has in line."""
    turns = _Turns(1)
    order = []

    async def work(package, number):
        async with turns.of(package):
            order.append((package, number))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(work("flood", number))
        group.create_task(work("other", 0))
    assert order == [("flood", 0), ("flood", 1), ("other", 0), ("flood", 2), ("flood", 3)]


@pytest.mark.parametrize("came_before", [False, True])
async def test_a_canceled_wait_loses_no_turn(came_before):
    """Neither its own, nor one that came in the same moment."""
    turns = _Turns(1)
    await turns.wait("a")
    early, late = (asyncio.create_task(turns.wait("a")) for _ in range(2))
    await asyncio.sleep(0)
    steps = [early.cancel, turns.release]
    for step in reversed(steps) if came_before else steps:
        step()
    await asyncio.wait([early, late])
    assert (early.cancelled(), late.cancelled()) == (True, False)
    turns.release()
    await turns.wait("b")


@linux
async def test_cancellation_kills_the_child_and_its_work(pool):
    """Nothing works on for nobody."""
    task = asyncio.create_task(call(pool, "ignore_signals_and_loop"))
    child = await eventually(lambda: next(iter(pool._busy), None))
    await eventually(lambda: len(session_of(child.pid)) == 2)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await eventually(lambda: not session_of(child.pid))


async def test_close_ends_calls_that_are_under_way():
    """They get an error, and later ones too."""
    pool = CPUPool(1)
    task = asyncio.create_task(failure_of(pool, "wait", args=3600))
    waiting = asyncio.create_task(failure_of(pool, "wait", args=3600))
    await eventually(lambda: pool._busy)
    await pool.close()
    assert await task in {CPUFailure.CRASH, CPUFailure.START}
    assert await waiting is CPUFailure.START
    assert await failure_of(pool, "describe") is CPUFailure.START


async def test_an_idle_child_that_was_killed_costs_no_call(pool):
    """As by the kernel, when others took all memory."""
    await call(pool, "describe")
    child = pool._idle[0]
    os.kill(child.pid, signal.SIGKILL)
    await eventually(lambda: child.has_ended)
    assert await call(pool, "describe", b"a") == {"bytes": 1, "args": None}
    assert [one.pid == child.pid for one in pool._idle] == [False]


async def test_children_come_with_calls_and_go_when_idle():
    """A process whose vendors do no CPU work has none."""
    before = CPU_CHILDREN._value.get()
    pool = CPUPool(2, idle_seconds=0.01)
    assert CPU_CHILDREN._value.get() == before
    await call(pool, "describe")
    await eventually(lambda: CPU_CHILDREN._value.get() == before)
    assert await call(pool, "describe", b"a") == {"bytes": 1, "args": None}
    await pool.close()
    assert CPU_CHILDREN._value.get() == before


async def test_a_process_has_as_many_children_as_its_settings_say(process):
    """None of them before a vendor asks for one, as in every worker and web process that starts."""
    before = CPU_CHILDREN._value.get()
    async with process(cpu_children=3) as started:
        assert started.runtime.parts.clients.cpu._most == 3
        assert CPU_CHILDREN._value.get() == before
    async with process() as started:
        assert 1 <= started.runtime.parts.clients.cpu._most <= 4


def test_where_no_system_tells_which_cpus_are_ours_all_of_them_count(monkeypatch):
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for count, most in ((2, 2), (64, 4), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert CPUPool()._most == most


PARENT = """
import asyncio, sys
sys.path.insert(0, {functions!r})
from proofing.base.cpu_pool import CPUPool
async def main():
    pool = CPUPool(1)
    task = asyncio.create_task(pool.run("hostile_work:ignore_signals_and_loop", seconds=600, megabytes=256))
    while not pool._busy:
        await asyncio.sleep(0.01)
    print(next(iter(pool._busy)).pid, flush=True)
    await task
asyncio.run(main())
"""


@linux
async def test_nothing_outlives_a_parent_that_is_killed():
    """SIGKILL leaves it no moment to stop them."""
    command = [sys.executable, "-c", PARENT.format(functions=str(FUNCTIONS))]
    process = start_process(command, stdout=-1)
    pid = int(await asyncio.to_thread(process.stdout.readline))
    await eventually(lambda: len(session_of(pid)) == 2)
    process.kill()
    process.wait()
    process.stdout.close()
    await eventually(lambda: not session_of(pid))


# What nobody in a child can reach


@linux
async def test_a_child_has_nothing_of_its_parent(pool, monkeypatch):
    """No environment, directory or descriptor; no module of Proofing but those that it runs."""
    monkeypatch.setenv("PROOFING_SECRET", "s")
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    found = await call(pool, "look_around")
    os.close(reader)
    os.close(writer)
    # What its libraries of numbers and its allocator read, and what the interpreter sets.
    allowed = ("OMP_", "OPENBLAS_", "MALLOC_", "LC_CTYPE")
    assert all(name.startswith(allowed) for name in found["environ"])
    assert found["directory"] == "/"
    assert len(found["descriptors"]) == 4  # three streams that lead nowhere, and the answers
    assert found["core"] == [0, 0]
    assert found["modules"] == ["proofing", "proofing.base", "proofing.base.confinement"]
    assert (found["dumpable"], found["no_new_privileges"]) == (0, 1)


@linux
async def test_a_child_reads_code_and_no_data(pool, tmp_path):
    """Neither keys, nor settings, nor what the system knows of people; and it writes nothing."""
    secret = tmp_path / "master.key"
    secret.write_text("key")
    await call(pool, "describe")
    require_landlock(pool._idle[-1].missing)
    here = str(Path.cwd() / "pyproject.toml")
    assert await call(pool, "read_files", args=[str(secret), "/etc/passwd", here, "/proc/1/environ"]) == []
    assert await call(pool, "read_files", args=[os.__file__]) == [os.__file__]
    assert await call(pool, "write_files", args=[str(tmp_path / "new"), "/new", str(secret)]) == []
    assert secret.read_text() == "key"


@linux
@filtered
async def test_a_child_reaches_no_network_and_starts_nothing(pool):
    """By the filter of system calls, also where namespaces are forbidden, as in containers."""
    assert await call(pool, "reach_out") == []
    assert await call(pool, "fork_bomb") == []


@linux
@filtered
async def test_a_child_cannot_disturb_its_parent(pool):
    """Though it may run as the same user."""
    found = await call(pool, "attack", args=os.getpid())
    require_landlock(pool._idle[-1].missing)
    assert found == []


CONTAINER = """
import asyncio, json, os, sys
sys.path.insert(0, {functions!r})
from proofing.base.cpu_pool import CPUPool
async def main():
    pool = CPUPool(1)
    bounds = {{"seconds": 120, "megabytes": 256}}
    ways = {{"attack": os.getpid(), "reach_out": None, "fork_bomb": None}}
    found = [await pool.run(f"hostile_work:{{name}}", b"", args, **bounds) for name, args in ways.items()]
    print(json.dumps([found, pool._idle[0].missing]))
    await pool.close()
asyncio.run(main())
"""


@linux
@filtered
async def test_a_child_of_root_without_namespaces_reaches_no_more():
    """As in a container, whose process is root there and may make no namespaces."""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    program = (sys.executable, "-c", CONTAINER.format(functions=str(FUNCTIONS)))
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", *program]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    process = start_process(command, stdout=-1, stderr=-1, text=True)
    said, complaint = await asyncio.to_thread(process.communicate)
    if "unshare failed" in complaint:
        pytest.skip("this system forbids namespaces already")
    found, missing = json.loads(said)
    require_landlock(missing)
    assert found == [[], [], []], complaint


def require_landlock(missing):
    """Skip the test where files cannot be taken from a child."""
    if "files" in missing:
        pytest.skip("this kernel has no Landlock")


# What a program that breaks the protocol can do to its parent

REPLACED = """
import json, os, signal, struct, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def say(value):
    content = json.dumps(value).encode()
    os.write(1, struct.pack(">I", len(content)) + content)
say({"ready": True, "missing": []})
{then}
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("then", "failure"),
    [
        ('say({"code": None})', CPUFailure.START),  # the system refuses forks
        ("os.write(1, b'\\xff' * 64)", CPUFailure.ANSWER),
        ('say({"code": -signal.SIGALRM})', CPUFailure.TIME),
        ('say({"code": -signal.SIGKILL})', CPUFailure.MEMORY),
        ("sys.exit()", CPUFailure.CRASH),
    ],
)
async def test_a_child_that_serves_no_more_is_ended(pool, monkeypatch, tmp_path, then, failure):
    """Its last word is the cause; one that does not take SIGTERM is killed."""
    program = tmp_path / "child.py"
    program.write_text(REPLACED.replace("{then}", then))
    with monkeypatch.context() as replaced:
        replaced.setattr(cpu_child, "__file__", str(program))
        replaced.setattr(cpu_process, "_STOP_SECONDS", 0.01)
        task = asyncio.create_task(failure_of(pool, "describe"))
        child = await eventually(lambda: next(iter(pool._busy), None))
        assert await task is failure
        await eventually(lambda: child.has_ended)
    assert await call(pool, "describe", b"ab") == {"bytes": 2, "args": None}


# What an operator sees


async def test_calls_are_counted_by_outcome(pool, log_lines):
    """Failures have a line each, with the function, and without what it was about."""

    def value(outcome):
        return CPU_CALLS.labels(outcome)._value.get()

    before = {outcome: value(outcome) for outcome in ("done", "raised", "plugin_error", "canceled")}
    await call(pool, "describe")
    await failure_of(pool, "fail")
    with pytest.raises(PluginError):
        await call(pool, "not_json")
    task = asyncio.create_task(call(pool, "wait", args=3600))
    await eventually(lambda: pool._busy)
    task.cancel()
    await asyncio.wait([task])
    assert {outcome: value(outcome) - count for outcome, count in before.items()} == dict.fromkeys(before, 1)
    lines = [line for line in log_lines() if line["name"] == "cpu_call_failed"]
    assert [(line["rule"], line["reason"], line["level"]) for line in lines] == [
        ("hostile_work:fail", "raised", "warning"),
        ("hostile_work:not_json", "plugin_error", "warning"),
    ]


async def test_what_a_system_cannot_take_is_said_once(pool, log_lines):
    """Not with every child."""
    for _ in range(2):
        pool._report(SimpleNamespace(missing=["files"]))
    lines = [line for line in log_lines() if line["name"] == "cpu_confinement_incomplete"]
    assert [line["names"] for line in lines] == [["files"]]
