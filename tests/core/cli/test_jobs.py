"""`proofing jobs list | show | cancel`, `proofing queue pause | resume`, and what a closed pipe does."""

import asyncio
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from proofing import bootstrap
from proofing.cli import main
from proofing.contracts.continuation import Again
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.testing.queue_handlers import RecordingHandler, make_parked
from proofing.testing.queues import make_message
from proofing.testing.waiting import eventually


@pytest.fixture(autouse=True)
def settled(bare_environment, settings_file, monkeypatch):
    """Point the command line at an embedded product of the test's own."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file()))


def enqueue(*messages):
    """Have jobs wait in the queue of the settings."""

    async def send():
        queue = bootstrap.make_backends(await bootstrap.configure(role="jobs"), "jobs").queue
        await queue.open()
        for message in messages:
            await queue.enqueue([message])
        await queue.close()

    asyncio.run(send())


def test_a_list_without_jobs_says_so(capsys):
    """Alongside the lines, not among them; JSON is an empty list."""
    assert main(["jobs", "list", "--queue", "phone"]) == 0
    assert capsys.readouterr() == ("", "no jobs\n")
    assert main(["jobs", "list", "--queue", "phone", "--json"]) == 0
    assert capsys.readouterr() == ("[]\n", "")


def test_jobs_are_listed(capsys):
    """For people one line a job, for programs JSON; by state, queue and number; the person is not named."""
    first, second = make_message(), make_message(JobKind.DOCUMENT)
    enqueue(first, second)
    assert main(["jobs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {first.result_id, second.result_id}
    assert main(["jobs", "list", "--json"]) == 0
    output = capsys.readouterr().out
    assert first.owner not in output
    assert {job["state"] for job in json.loads(output)} == {"ready"}
    for choice, expected in (
        (["--queue", "document"], [second.result_id]),
        (["--queue", first.queue_name, "--state", "ready"], [first.result_id]),
        (["--state", "ended"], []),
    ):
        assert main(["jobs", "list", "--json", *choice]) == 0
        assert [job["result_id"] for job in json.loads(capsys.readouterr().out)] == expected
    assert main(["jobs", "list", "--limit", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.fixture
def parked(settings_file, odd_plugin, monkeypatch):
    """Have jobs parked for vendors that the settings name or do not, and for some that cannot continue."""
    later = [
        ProoferDescriptor(
            name=name, kind=ProoferKind.PHONE, make=print, continues=continues, maturity=Maturity.MOCK
        )
        for name, continues in (("odd:old", frozenset({Again})), ("odd:quick", frozenset()))
    ]
    values = {**odd_plugin(proofers=later), "phone_vendors": ["mock:polling"]}
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**values)))
    vendors = ["mock:polling", "mock:polling", "acme:gone", "odd:old", "odd:quick"]
    messages = [make_message(JobKind.PHONE) for _ in vendors]
    delayed = make_message(JobKind.PHONE, delay_seconds=3600.0)

    async def park():
        queue = bootstrap.make_backends(await bootstrap.configure(role="jobs"), "jobs").queue
        handler = RecordingHandler(run)
        stop = asyncio.Event()
        await queue.open()
        await queue.enqueue([*messages, delayed])
        working = asyncio.create_task(
            queue.work(handler, slots={messages[0].queue_name: 4}, stop=stop, drain_seconds=5)
        )

        async def are_parked():
            return sum((await queue.parked_by_vendor()).values()) == len(vendors)

        await eventually(are_parked)
        stop.set()
        await working
        await queue.close()

    async def run(job):
        place = [message.result_id for message in messages].index(job.message.result_id)
        return make_parked(vendor=vendors[place])

    asyncio.run(park())
    return dict(zip((message.result_id for message in messages), vendors, strict=True)), delayed.result_id


def test_parked_jobs_are_told_from_delayed_ones(parked, capsys):
    """By a word and a field; with their vendor; alone where they are asked for."""
    vendors, delayed = parked
    assert main(["jobs", "list", "--json"]) == 0
    listed = {job["result_id"]: job["state"] for job in json.loads(capsys.readouterr().out)}
    assert listed == {**dict.fromkeys(vendors, "parked"), delayed: "scheduled"}
    assert main(["jobs", "list", "--state", "parked", "--json"]) == 0
    listed = {job["result_id"]: job["vendor"] for job in json.loads(capsys.readouterr().out)}
    assert listed == vendors
    assert main(["jobs", "list", "--state", "parked"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0]: (line.split()[1], line.split()[-1]) for line in lines} == {
        result_id: ("parked", vendor) for result_id, vendor in vendors.items()
    }
    assert main(["jobs"]) == 0
    output = capsys.readouterr().out
    (line,) = (line for line in output.splitlines() if line.startswith(JobKind.PHONE.queue_name))
    assert re.search(r"parked +\d", line)
    assert main(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parked"][JobKind.PHONE.queue_name] >= len(vendors)


def test_check_counts_parked_jobs_by_vendor(parked, capsys):
    """And says of which vendors somebody must not take the plugin away, or has done so."""
    assert main(["check"]) == 0
    output = capsys.readouterr().out.splitlines()
    notes = {line.split(" for ")[1].split(",")[0]: line.strip() for line in output if " parked for " in line}
    assert notes["mock:polling"] == "2 jobs are parked for mock:polling"
    for vendor in ("acme:gone", "odd:quick"):
        assert notes[vendor].startswith(f"1 job is parked for {vendor}, and no enabled plugin can continue")
    assert "which the settings do not name anymore" in notes["odd:old"]
    assert len(notes) == 4
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parked"] == {
        "mock:polling": 2,
        "acme:gone": 1,
        "odd:old": 1,
        "odd:quick": 1,
    }


@pytest.mark.parametrize("shorten", [lambda text: text, lambda text: text[:8], lambda text: text[:6].upper()])
def test_one_job_is_shown_by_its_number(capsys, shorten):
    """By the whole result id or by its beginning, as pages show it."""
    message = make_message()
    enqueue(message)
    assert main(["jobs", "show", shorten(message.result_id), "--json"]) == 0
    job = json.loads(capsys.readouterr().out)
    assert (job["result_id"], job["trace_id"]) == (message.result_id, message.trace_id)
    assert (job["vendor"], job["executions"], job["end_state"]) == (None, 0, None)
    assert main(["jobs", "show", shorten(message.result_id)]) == 0
    output = capsys.readouterr().out
    assert message.trace_id in output
    assert message.owner not in output


@pytest.mark.parametrize("command", ["show", "cancel"])
@pytest.mark.parametrize("unknown", ["0000", "zzzz", "", "abc", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_job_is_not_found(capsys, command, unknown):
    """It has an exit code of its own; too short a number is not a number."""
    enqueue(make_message(result_id="abcdef00-0000-4000-8000-000000000000"))
    assert main(["jobs", command, unknown]) == 66
    assert f"no job found for {unknown}" in capsys.readouterr().err


def test_a_number_of_several_jobs_names_them(capsys):
    """Rather than taking the first one."""
    enqueue(*(make_message(result_id=f"abcdef0{n}-0000-4000-8000-000000000000") for n in range(2)))
    assert main(["jobs", "cancel", "abcdef"]) == 66
    output = capsys.readouterr().err
    assert "abcdef00" in output
    assert "abcdef01" in output
    assert main(["jobs", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_waiting_job_is_canceled(capsys):
    """The command says so."""
    message = make_message()
    enqueue(message)
    assert main(["jobs", "cancel", message.result_id[:8]]) == 0
    assert capsys.readouterr().out == f"canceled {message.result_id}\n"


def test_a_queue_is_paused_and_resumed(capsys):
    """By its kind of job or its whole name; the counts and `check` show it."""
    name = JobKind.DOCUMENT.queue_name
    assert main(["queue", "pause", "document"]) == 0
    assert capsys.readouterr().out == f"{name} is paused\n"
    assert main(["queue", "pause", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"queue": name, "changed": False}
    assert main(["jobs", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["paused"]) == [name]
    assert main(["jobs"]) == 0
    assert "paused for" in capsys.readouterr().out
    assert main(["check"]) == 0
    assert f"{name} is paused" in capsys.readouterr().out
    assert main(["queue", "resume", "document"]) == 0
    assert capsys.readouterr().out == f"{name} is resumed\n"
    assert main(["queue", "resume", "document"]) == 0
    assert capsys.readouterr().out == f"{name} was not paused\n"


def test_an_unknown_queue_is_refused(capsys):
    """With the names that there are."""
    with pytest.raises(SystemExit):
        main(["queue", "pause", "documents"])
    assert JobKind.DOCUMENT.queue_name in capsys.readouterr().err


def test_erasing_nobody_is_not_found(capsys):
    """A misspelled reference does not look like an erased person."""
    assert main(["erase", "person-TYPO"]) == 66
    assert "no data found for person-TYPO" in capsys.readouterr().err


#: Commands, and one process each that runs one, forked off one that has imported all that they need.
COMMANDS = (
    "--help",
    "check",
    "settings",
    "settings --reference",
    "plugins",
    "explain --person someone",
    "jobs",
    "jobs list --json",
    "jobs show --help",
    "queue pause document",
    "erase nobody",
    "migrate",
)
RUN_EACH = """
import json, os, sys
import proofing_huey.backend, proofing_local, proofing_mock
from proofing.cli import erasure, inspection, jobs, main, plugins, serving

folder, *commands = sys.argv[1:]
found = {}
for number, command in enumerate(commands):
    path = f"{folder}/{number}"
    child = os.fork()
    if not child:
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), 2)
        sys.exit(main(command.split()))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    found[command] = status, open(path).read()
print(json.dumps(found), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def unread(tmp_path_factory):
    """How each command ends whose output nobody reads: its exit code, and what it printed as errors."""
    folder = tmp_path_factory.mktemp("unread")
    settings = {
        "plugins": ["huey", "local", "mock"],
        "local": {"directory": str(folder / "local")},
        "huey": {"path": str(folder / "local" / "huey.db")},
        "log_directory": str(folder / "log"),
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump({"default": settings}))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PROOFING_")]:
            patch.delenv(name)
        # With it nothing is left in a buffer, which is what fails at the end of a process.
        patch.delenv("PYTHONUNBUFFERED", raising=False)
        patch.setenv("PROOFING_ENV", "test")
        patch.setenv("PROOFING_SETTINGS", str(path))
        enqueue(make_message())
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-c", RUN_EACH, str(folder), *COMMANDS],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
        os.close(writing)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stderr)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_pipe_causes_no_traceback(unread, command):
    """As of `proofing jobs list | head -1`: it ends quietly, with the exit code of SIGPIPE."""
    code, errors = unread[command]
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    # argparse drops what it cannot print, by itself.
    # Before Python 3.13 argparse keeps it to itself that its help was not read.
    assert code in ({0, 141} if "--help" in command else {141})
