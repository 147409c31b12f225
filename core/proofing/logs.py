"""Logs: one JSON object a line, from a register of fields, so that nothing unregistered can slip in.

A log call is an event name and fields: ``log(logger, "perform", job_id=…, duration_ms=…)``. A field that is
not in `FIELDS` is dropped and counted in ``dropped``; under tests it is an error. Foreign loggers that
print URLs, bodies or statements are switched off. Event and field names: docs/reference/logs.md.
"""

import errno
import json
import logging
import os
import re
import sys
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
    action age_seconds attempt billed code context count distribution dropped duration_ms duration_seconds
    end enqueued_at environment error exception_backtrace exception_class exception_class_warn handed_back
    host http_method idle_time_ms images job_class job_id key key_id kind limit method migration name names
    outcome owner path pid plugin port problem queue_name queued_duration_ms reason reasons rescued role
    rule seconds service slots source status store success timed_out timing trace_id transaction_id vendor
    vendor_name vendors version warning worker workers
    """.split()
)
#: Loggers that show values, URLs or statements at some level.
_FOREIGN = (
    "httpx",
    "httpcore",
    "aiohttp",
    "botocore",
    "boto3",
    "urllib3",
    "s3transfer",
    "huey",
    "psycopg",
    "asyncio",
)

#: Names of events are single words.
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}")

_strict = False


def get_logger(name: str) -> logging.Logger:
    """Return the logger *name*, below ``proofing``."""
    return logging.getLogger(name if name.startswith("proofing") else f"proofing.{name}")


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
        if record.exc_info and record.exc_info[0] is not None:
            line["exception_class"] = record.exc_info[0].__name__
            line["exception_backtrace"] = _frames(record.exc_info[2])
        return json.dumps(line, separators=(",", ":"), default=_plain, skipkeys=True)


def _event(record: logging.LogRecord) -> str:
    """Return the event's name; a sentence, which may hold anything, is no name, and is left out."""
    is_ours = record.name.partition(".")[0] == "proofing"
    event = record.msg if is_ours and isinstance(record.msg, str) and _EVENT.fullmatch(record.msg) else None
    return event or f"unnamed event of {record.name}"


def _frames(traceback: Any) -> list[str]:
    """Return file, line and function of each frame, without source lines or values."""
    frames: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{traceback.tb_lineno}:{code.co_name}")
        traceback = traceback.tb_next
    return frames


def backtrace(error: BaseException) -> list[str]:
    """Return where *error* was raised, as file, line and function; nothing of its text."""
    return _frames(error.__traceback__)


def _plain(value: object) -> Any:
    """Turn enums and sets into JSON; anything else shows its type only."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return f"<{type(value).__name__}>"


class _Kept(logging.Handler):
    """Keeps lines until it is known where they go."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.records.append(record)


@contextmanager
def kept_lines() -> Iterator[None]:
    """Keep the lines of before `configure_logs`, which writes them; without it they are dropped.

    The settings say where the log is, and reading them is worth lines of its own.
    """
    root = logging.getLogger("proofing")
    kept, level = _Kept(), root.level
    root.addHandler(kept)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        if kept in root.handlers:
            root.removeHandler(kept)
            root.setLevel(level)


def _log_file(directory: Path, environment: str) -> Path:
    """Return where the lines of *environment* go."""
    return directory / f"{environment}.log"


def require_log_file(directory: Path, environment: str) -> None:
    """Raise the `OSError` that `configure_logs` would meet, as far as it shows without making anything."""
    path = _log_file(directory, environment)
    nearest = next(place for place in (path, *path.parents) if os.path.exists(place))  # noqa: PTH110 - never raises
    if nearest == path:
        path.open("a").close()
    elif not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    elif not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def configure_logs(directory: Path | None, environment: str, role: str, *, echo: bool = False) -> None:
    """Send our events to ``<directory>/<environment>.log``, one line each.

    Args:
        directory: made when missing; None writes to stderr only.
        environment: names the file.
        role: in every line.
        echo: also write to stderr.
    """
    root = logging.getLogger("proofing")
    root.setLevel(logging.INFO)
    root.propagate = False
    kept = [record for handler in root.handlers if isinstance(handler, _Kept) for record in handler.records]
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    formatter = JSONFormatter(role)
    handlers: list[logging.Handler] = []
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        # Opened for append: lines of several processes do not mix, since each is one short write.
        handlers.append(logging.FileHandler(_log_file(directory, environment), encoding="utf-8"))
    if echo or directory is None:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    for record in kept:
        root.handle(record)
    for name in _FOREIGN:
        foreign = logging.getLogger(name)
        foreign.setLevel(logging.CRITICAL + 1)
        foreign.propagate = False


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
