"""Where log lines go: a file that may be rotated, or the standard output of a container.

Each line is one ``write`` to the end of the file, so that the lines of several processes do not mix. The file
is opened again when its name leads elsewhere (`logrotate` that renames and creates) and appended to when it
was cut (``copytruncate``); no signal is needed. A full disk costs one line on standard error.
"""

import errno
import logging
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

from proofing.base.errors import os_error_reason
from proofing.base.logs import JSONFormatter, KeptLines

#: Loggers of libraries that show values, URLs or statements at some level.
FOREIGN = (
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
    "uvicorn",
    "opentelemetry",
)
_DIRECTORY_MODE = 0o750
_FILE_MODE = 0o640
#: Between two complaints on standard error, while lines are lost.
_COMPLAINT_SECONDS = 60.0
#: Roles whose standard output is their log when there is no directory; that of the others is their answer.
_LONG_RUNNING = frozenset({"web", "worker", "run"})


class LineOutput(logging.Handler):
    """Writes lines to a descriptor. What cannot be written is lost, counted, and reported once."""

    def __init__(self, descriptor: int) -> None:
        """Write to *descriptor*, which stays open."""
        super().__init__()
        self._descriptor = descriptor
        self._lost = 0
        #: Whether the file ends in the middle of a line.
        self._is_torn = False
        self._complained_at = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or count it as lost."""
        line = self.format(record).encode() + b"\n"
        try:
            self._prepare()
            if self._lost:
                line = self._bridge() + line
            self._write(line)
        except (OSError, ValueError) as error:
            self._lost += 1
            self._complain(error)
        else:
            self._lost, self._is_torn = 0, False

    def _prepare(self) -> None:
        """Make the descriptor good for the next line. Raises `OSError`."""

    def _bridge(self) -> bytes:
        """Return what comes before the first line after lost ones: the end of a torn line, and how many."""
        return (b"\n" if self._is_torn else b"") + self._own_line(
            "log_write_restored", logging.WARNING, count=self._lost
        )

    def _write(self, data: bytes) -> None:
        """Write all of *data*, or nothing that can be taken back. Raises `OSError`."""
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            if written:
                self._is_torn = not self._take_back(written)
            raise

    def _take_back(self, count: int) -> bool:
        """Cut off the last *count* bytes, which are ours; false where something else may come behind them."""
        try:
            found = os.fstat(self._descriptor)
            place = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            if not stat.S_ISREG(found.st_mode) or found.st_size != place:
                return False
            os.ftruncate(self._descriptor, place - count)
        except OSError:
            return False
        return True

    def _complain(self, error: OSError | ValueError) -> None:
        """Say on standard error that lines are lost; at most once a minute, and never a traceback."""
        if time.monotonic() - self._complained_at < _COMPLAINT_SECONDS:
            return
        self._complained_at = time.monotonic()
        reason = os_error_reason(error) if isinstance(error, OSError) else type(error).__name__
        line = self._own_line("log_write_failed", logging.ERROR, reason=reason)
        try:
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, line)
        except (OSError, ValueError):
            return

    def _own_line(self, event: str, level: int, **fields: Any) -> bytes:
        """Return a line about the log itself."""
        record = logging.LogRecord(__name__, level, "", 0, event, None, None)
        record.__dict__["proofing_fields"] = fields
        return self.format(record).encode() + b"\n"


class LogFile(LineOutput):
    """Writes lines to the end of a file, wherever its name leads now."""

    def __init__(self, path: Path) -> None:
        """Open *path*, or make it. Raises `OSError`."""
        super().__init__(-1)
        self._path = path
        self._place: tuple[int, int] | None = None
        self._open()

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        super().close()

    def _prepare(self) -> None:
        """Open the file again when it was renamed or deleted."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - for every line, and five times as fast
            is_same = (found.st_dev, found.st_ino) == self._place
        except FileNotFoundError:
            is_same = False
        if not is_same or self._descriptor < 0:
            self._open()

    def _open(self) -> None:
        """Open the file for appending; the old one stays when that fails."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, _FILE_MODE)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = descriptor
        found = os.fstat(descriptor)
        self._place = (found.st_dev, found.st_ino)


def log_file(directory: Path, environment: str) -> Path:
    """Return where the lines of *environment* go."""
    return directory / f"{environment}.log"


def require_log_file(directory: Path, environment: str) -> None:
    """Raise the `OSError` that `configure_logs` would meet, as far as it shows without making anything."""
    path = log_file(directory, environment)
    places = (path, *path.parents)
    nearest = next(place for place in places if os.path.exists(place))  # noqa: PTH110 - never raises
    if nearest == path:
        path.open("a").close()
    elif not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    elif not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def configure_logs(directory: Path | None, environment: str, role: str) -> None:
    """Send our events to ``<directory>/<environment>.log``, one line each.

    Args:
        directory: made when missing; None writes to standard output, or to standard error for commands whose
            standard output is their answer.
        environment: names the file.
        role: in every line.

    Raises:
        OSError: directory or file cannot be used; lines go where they went before.
    """
    if directory is not None:
        directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        output: LineOutput = LogFile(log_file(directory, environment))
    else:
        output = LineOutput(1 if role in _LONG_RUNNING else 2)
    output.setFormatter(JSONFormatter(role))
    root = logging.getLogger("proofing")
    root.setLevel(logging.INFO)
    root.propagate = False
    keepers = [handler for handler in root.handlers if isinstance(handler, KeptLines)]
    kept = [record for keeper in keepers for record in keeper.records]
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.addHandler(output)
    for record in kept:
        root.handle(record)
    silence_foreign()


def silence_foreign() -> None:
    """Have no library write values, URLs or statements, also before the log is configured."""
    for name in FOREIGN:
        foreign = logging.getLogger(name)
        foreign.setLevel(logging.CRITICAL + 1)
        foreign.propagate = False


def is_configured() -> bool:
    """Return whether lines go anywhere yet, instead of being kept until it is known where."""
    handlers = logging.getLogger("proofing").handlers
    return not any(isinstance(handler, KeptLines) for handler in handlers)
