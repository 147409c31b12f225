"""Log lines hold registered fields only: no free text, no text of foreign exceptions, one line each."""

import json
import logging
from datetime import date

import pytest

from proofing import logs
from proofing.logs import FIELDS, JSONFormatter, Stopwatch, backtrace, configure_logs, get_logger, log
from proofing.records import End
from proofing.testing.canary import Canary


@pytest.fixture
def written(tmp_path):
    """Return a function that returns the lines written so far; logging goes back to what it was."""
    root = logging.getLogger("proofing")
    before = (list(root.handlers), root.level, root.propagate)
    foreign = {
        name: (logging.getLogger(name).level, logging.getLogger(name).propagate) for name in logs._FOREIGN
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
    """Time, level, event, role and process stand in every line."""
    log(get_logger("jobs"), "perform", job_id="j", duration_ms=1.5, end=End.DONE, success=True)
    (line,) = written()
    assert line.pop("timestamp").endswith("+00:00")
    assert line.pop("pid") > 0
    assert line == {
        "level": "info",
        "name": "perform",
        "role": "worker",
        "job_id": "j",
        "duration_ms": 1.5,
        "end": "done",
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
    """Class and frames are told; message, locals and source lines are not."""
    canary = Canary()

    def fail():
        raise ValueError(canary.applicant.ssn)

    try:
        fail()
    except ValueError as error:
        frames = backtrace(error)
        get_logger("jobs").error("failed", exc_info=True)
    (line,) = written()
    assert line["exception_class"] == "ValueError"
    assert line["exception_backtrace"] == frames
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
        reasons=("x", End.STALE),
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
    from proofing.applicant import ATTRIBUTES  # noqa: PLC0415 - for this test only

    assert FIELDS.isdisjoint(ATTRIBUTES)


def test_logs_can_go_to_stderr_alone(written, capsys):
    """Without a directory lines go to stderr; configuring again closes what was open."""
    configure_logs(None, "test", "cli")
    log(get_logger("proofing.x"), "started")
    assert json.loads(capsys.readouterr().err)["role"] == "cli"
    assert written() == []


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
