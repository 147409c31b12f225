"""Log lines hold registered fields only: no free text, no text of foreign exceptions, one line each."""

import json
import logging
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from proofing.base import log_output, logs
from proofing.base.log_output import configure_logs
from proofing.base.logs import FIELDS, JSONFormatter, Stopwatch, exception_fields, get_logger, log
from proofing.contracts.records import EndState
from proofing.testing.canary import Canary


@pytest.fixture
def written(tmp_path):
    """Return a function that returns the lines written so far; logging goes back to what it was."""
    root = logging.getLogger("proofing")
    before = (list(root.handlers), root.level, root.propagate)
    foreign = {
        name: (logging.getLogger(name).level, logging.getLogger(name).propagate)
        for name in log_output.FOREIGN
    }
    root.handlers = []
    configure_logs(tmp_path, "test", "worker")
    yield lambda: [json.loads(line) for line in (tmp_path / "test.log").read_text().splitlines()]
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level, root.propagate = before
    for name, (level, propagate) in foreign.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).propagate = propagate


@pytest.fixture
def strict():
    """Unregistered fields are errors."""
    logs.strict_fields(on=True)
    yield
    logs.strict_fields(on=False)


def test_a_line_has_its_frame_and_fields(written):
    """Time, level, event, role and process are in every line."""
    log(get_logger("jobs"), "perform", job_id="j", duration_ms=1.5, end_state=EndState.DONE, success=True)
    (line,) = written()
    assert line.pop("timestamp").endswith("+00:00")
    assert line.pop("pid") > 0
    assert line == {
        "level": "info",
        "name": "perform",
        "role": "worker",
        "job_id": "j",
        "duration_ms": 1.5,
        "end_state": "done",
        "success": True,
    }


def test_an_unregistered_field_is_dropped_and_counted(written):
    """What nobody registered does not come through, not even its name."""
    log(get_logger("jobs"), "perform", job_id="j", first_name="Fakey", ssn="900661234")
    (line,) = written()
    assert line["dropped"] == 2
    assert "Fakey" not in str(line)
    assert "ssn" not in str(line)


@pytest.mark.usefixtures("strict")
def test_an_unregistered_field_is_an_error_under_tests():
    """The error names the field, not the value."""
    with pytest.raises(ValueError, match="first_name") as caught:
        log(get_logger("jobs"), "perform", first_name="Fakey")
    assert "Fakey" not in str(caught.value)


def test_control_characters_cannot_forge_a_line(written):
    """Line ends, escapes and marks stay inside the one line."""
    log(get_logger("jobs"), "perform", reason='\n{"name":"forged"}\r\x1b[2J\u2028\x00', path="a\nb")
    (line,) = written()
    assert line["name"] == "perform"
    assert line["path"] == "a\nb"


def test_the_text_of_an_exception_is_left_out(written):
    """Class and frames are logged; message, locals and source lines are not."""
    canary = Canary()

    def fail():
        raise ValueError(canary.applicant.ssn)

    try:
        fail()
    except ValueError as error:
        fields = exception_fields(error)
        get_logger("jobs").error("failed", exc_info=True)
    (line,) = written()
    frames = line["exception_backtrace"]
    assert {name: line[name] for name in fields} == fields
    assert line["exception_class"] == "ValueError"
    assert frames[-1].startswith("test_logs.py:")
    assert frames[-1].endswith(":fail")
    assert canary.find_leaks(json.dumps(line)) == []


@pytest.mark.parametrize(
    "arguments", [("no match for %s", "Fakey"), ("no match for Fakey",), ({"a": "Fakey"},)]
)
def test_a_sentence_is_no_event(written, arguments):
    """A plugin that logs free text loses it: only a single word can name an event."""
    get_logger("vendor").info(*arguments)
    (line,) = written()
    assert line["name"] == "unnamed event of proofing.vendor"
    assert "Fakey" not in str(line)


def test_foreign_loggers_are_silent(written, capfd):
    """Libraries that print URLs and statements say nothing, here or elsewhere."""
    for name in ("httpx", "aiohttp.client", "botocore.auth", "urllib3.connectionpool", "huey"):
        logging.getLogger(name).critical("GET https://vendor.example/?ssn=900661234")
    assert written() == []
    assert "900661234" not in "".join(capfd.readouterr())


def test_values_of_foreign_types_show_their_type_only(written):
    """Objects print as their class; enums, sets and tuples as plain values."""
    log(
        get_logger("jobs"),
        "perform",
        names=frozenset({"b", "a", 3}),
        reasons=("x", EndState.STALE),
        context=Canary().applicant,
        timing={("a", "b"): 1, "c": date(2000, 1, 2)},
    )
    (line,) = written()
    assert line["names"] == [3, "a", "b"]
    assert line["reasons"] == ["x", "stale"]
    assert line["context"] == "<Applicant>"
    assert line["timing"] == {"c": "<date>"}


def test_no_registered_field_is_an_attribute_of_the_applicant():
    """The register has no room for what is personal."""
    from proofing.contracts.applicant import ATTRIBUTES  # noqa: PLC0415 - for this test only

    assert FIELDS.isdisjoint(ATTRIBUTES)


@pytest.mark.parametrize(("role", "stream"), [("worker", "out"), ("erase", "err")])
def test_logs_can_go_to_a_container_s_streams(written, capfd, role, stream):
    """Without a directory lines go to standard output; where that is the answer of a command, to stderr."""
    configure_logs(None, "test", role)
    log(get_logger("proofing.x"), "started")
    assert json.loads(getattr(capfd.readouterr(), stream))["role"] == role
    assert written() == []


def test_a_renamed_file_is_left_for_a_new_one(written, tmp_path):
    """`logrotate` renames; the next line goes to the name, whether that was made again or not."""
    path = tmp_path / "test.log"
    for number, makes in enumerate((True, False)):
        log(get_logger("x"), "started", count=number)
        path.rename(tmp_path / f"old{number}")
        if makes:
            path.touch()
        log(get_logger("x"), "worker_stop", count=number)
        assert [(line["name"], line["count"]) for line in written()] == [("worker_stop", number)]


def test_a_cut_file_is_appended_to(written, tmp_path):
    """`copytruncate` leaves the file and cuts it: no hole of zeros before the next line."""
    for _ in range(3):
        log(get_logger("x"), "started")
    os.truncate(tmp_path / "test.log", 0)
    log(get_logger("x"), "worker_stop")
    assert [line["name"] for line in written()] == ["worker_stop"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
def test_a_full_disk_costs_one_line_and_the_log_recovers(written, tmp_path, capfd):
    """No traceback a line; when there is room again, the next line tells how many were lost."""
    path = tmp_path / "test.log"
    path.unlink()
    path.symlink_to("/dev/full")
    for _ in range(50):
        log(get_logger("x"), "started")
    (complaint,) = map(json.loads, capfd.readouterr().err.splitlines())
    assert (complaint["name"], complaint["reason"]) == ("log_write_failed", "No space left on device")
    path.unlink()
    log(get_logger("x"), "worker_stop")
    lines = [json.loads(line) for line in path.read_text().splitlines() if line]
    assert [(line["name"], line.get("count")) for line in lines] == [
        ("log_write_restored", 50),
        ("worker_stop", None),
    ]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("by_others", [False, True])
def test_a_line_that_was_torn_does_not_spoil_the_next(tmp_path, by_others):
    """A disk may have room for half a line, which is cut off; unless another process wrote behind it."""
    code = """
import resource, signal, sys
from pathlib import Path
from proofing.base.log_output import configure_logs
from proofing.base.logs import get_logger, log
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
configure_logs(Path(sys.argv[1]), "test", "worker")
log(get_logger("x"), "started")
size = (Path(sys.argv[1]) / "test.log").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, resource.RLIM_INFINITY))
if sys.argv[2] == "True":
    import os
    write = os.write
    def torn(descriptor, data):
        done = write(descriptor, data)
        if done < len(data):
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            with (Path(sys.argv[1]) / "test.log").open("a") as other:
                other.write("other\\n")
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        return done
    os.write = torn
log(get_logger("x"), "perform")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log(get_logger("x"), "worker_stop")
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(by_others)],
        capture_output=True,
        check=True,
        text=True,
    )
    assert [json.loads(line)["name"] for line in run.stderr.splitlines()] == ["log_write_failed"]
    first, *rest = [line for line in (tmp_path / "test.log").read_text().splitlines() if line]
    assert json.loads(first)["name"] == "started"
    if by_others:
        assert len(rest.pop(0)) == len("other") + 30
    assert [json.loads(line)["name"] for line in rest] == ["log_write_restored", "worker_stop"]


def test_a_reader_that_has_gone_costs_no_traceback(written, monkeypatch, capfd):
    """Standard output into a closed pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    output = log_output.LineOutput(writer)
    output.setFormatter(JSONFormatter("worker"))
    for _ in range(3):
        output.handle(logging.LogRecord("proofing.x", logging.INFO, "", 0, "started", None, None))
    os.close(writer)
    (complaint,) = capfd.readouterr().err.splitlines()
    assert json.loads(complaint)["reason"] == "Broken pipe"


def test_a_record_without_fields_is_a_line():
    """A bare record, such as a warning of our own, formats as well."""
    record = logging.LogRecord("elsewhere", logging.WARNING, "f.py", 1, "text %s", ("900661234",), None)
    line = json.loads(JSONFormatter("web").format(record))
    assert line["name"] == "unnamed event of elsewhere"


def test_a_stopwatch_measures_steps():
    """Steps are in milliseconds and never negative."""
    watch = Stopwatch()
    watch.note("step", watch._start)
    assert 0 <= watch.steps["step"] <= watch.milliseconds + 0.01


@pytest.mark.parametrize("module", ["proofing.worker", "proofing_huey.backend", "proofing_acme.resolution"])
def test_the_lines_of_every_package_are_written(written, module):
    """A plugin's logger is named after its module, and its lines reach the file like those of core."""
    log(get_logger(module), "queue_unavailable")
    assert [line["name"] for line in written()] == ["queue_unavailable"]
