"""Logs: one JSON object a line, from a register of fields, so that nothing unregistered can slip in.

A log call is an event name and fields: ``log(logger, "perform", job_id=…, duration_ms=…)``. A field that is
not in `FIELDS` is dropped and counted in ``dropped``; under tests it is an error. Foreign loggers that
print URLs, bodies or statements are switched off. Event and field names: docs/reference/logs.md.
"""

import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

#: Every field that a line may carry. None of them may hold applicant data.
FIELDS = frozenset(
    """
    action age_seconds agreement assurance attempt author backend billed call changed_at checks code context
    count
    distribution dropped duration_ms duration_seconds end_state endpoint enqueued_at environment error
    event_id event_kind
    evidence exception_backtrace exception_class exception_class_warn findings flags handed_back host
    http_method idle_time_ms images job_class job_id key key_id kind limit method migration missing mode
    name names outcome owner parked path pathway pid plugin policy port problem problems queue_name
    queued_duration_ms reason reasons reference relying_party rescued role route rule seconds selfie
    selfie_choice sequence service shadow_outcome shadow_vendor slots source status store success supports
    timed_out timing
    trace_id transaction_id type values vendor vendor_name vendors verification_id verification_state version
    warning webhook worker workers
    """.split()
)
#: Names of events are single words.
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}")

#: The events that the log output writes about itself, with their levels.
OWN_EVENTS = (("log_write_failed", "error"), ("log_write_restored", "warning"))

_strict = False


def get_logger(name: str) -> logging.Logger:
    """Return the logger of the module *name* (``__name__``), below ``proofing``: its lines are written."""
    return logging.getLogger(name if name.partition(".")[0] == "proofing" else f"proofing.{name}")


def log(logger: logging.Logger, event: str, /, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write one line for *event*.

    Args:
        logger: from `get_logger`.
        event: the name of what happened, snake_case.
        level: of the `logging` module.
        fields: registered names only; values are numbers, booleans, short texts, or lists and maps of those.

    Raises:
        ValueError: a field is not registered, and `strict_fields` is on.
    """
    unknown = [name for name in fields if name not in FIELDS]
    if unknown and _strict:
        raise ValueError(f"unregistered log field: {', '.join(sorted(unknown))}")
    for name in unknown:
        del fields[name]
    if unknown:
        fields["dropped"] = len(unknown)
    logger.log(level, event, extra={"proofing_fields": fields})


def strict_fields(*, on: bool) -> None:
    """Make unregistered fields an error (tests) or drop them (elsewhere)."""
    global _strict  # noqa: PLW0603 - one switch for the process, as the loggers themselves are
    _strict = on


class JSONFormatter(logging.Formatter):
    """Formats a record as one JSON object; control characters are escaped by JSON itself."""

    def __init__(self, role: str) -> None:
        """Put *role* (web, worker, …) into every line."""
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Text of foreign exceptions is left out: only the class is named."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "name": _event(record),
            "role": self._role,
            "pid": record.process,
        }
        line.update(getattr(record, "proofing_fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line |= exception_fields(record.exc_info[1])
        return json.dumps(line, separators=(",", ":"), default=_plain, skipkeys=True)


def _event(record: logging.LogRecord) -> str:
    """Return the event's name; a sentence, which may hold anything, is not a name, and is left out."""
    is_ours = record.name.partition(".")[0] == "proofing"
    event = record.msg if is_ours and isinstance(record.msg, str) and _EVENT.fullmatch(record.msg) else None
    return event or f"unnamed event of {record.name}"


def exception_fields(error: BaseException) -> dict[str, Any]:
    """Return the fields that describe *error*: its class, and where it was raised; nothing of its text.

    ``exception_backtrace`` has one ``file:line:function`` for each frame, without source lines or values.
    """
    frames: list[str] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{traceback.tb_lineno}:{code.co_name}")
        traceback = traceback.tb_next
    return {"exception_class": type(error).__name__, "exception_backtrace": frames}


def _plain(value: object) -> Any:
    """Turn enums and sets into JSON; anything else shows its type only."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return f"<{type(value).__name__}>"


class KeptLines(logging.Handler):
    """Keeps lines until it is known where they go."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.records.append(record)


@contextmanager
def buffer_early_logs() -> Iterator[None]:
    """Keep the lines of before `configure_logs`, which writes them; without it they are dropped.

    The settings say where the log is, and reading them is worth lines of its own.
    """
    root = logging.getLogger("proofing")
    kept, level = KeptLines(), root.level
    root.addHandler(kept)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        if kept in root.handlers:
            root.removeHandler(kept)
            root.setLevel(level)


class Stopwatch:
    """Measures the steps of one job, in milliseconds of the monotonic clock."""

    def __init__(self) -> None:
        """Start."""
        self._start = time.perf_counter()
        self.steps: dict[str, float] = {}

    def note(self, step: str, started: float) -> None:
        """Record that *step* began at *started* (`time.perf_counter`) and ends now."""
        self.steps[step] = round((time.perf_counter() - started) * 1000, 2)

    @property
    def milliseconds(self) -> float:
        """Since the start."""
        return round((time.perf_counter() - self._start) * 1000, 2)
