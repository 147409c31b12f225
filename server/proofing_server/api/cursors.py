"""Opaque cursors of lists: where a page ended. They hold nothing that the page did not show."""

import base64
import binascii
import json
import re

from proofing_server.api.problems import Code, ProblemError

_ID = re.compile(r"ver_[0-9a-f]{32}", re.ASCII)
_MAX_CHARACTERS = 200
#: The largest number that SQL stores keep.
_MAX_NUMBER = 2**63 - 1
#: The year 5138; seconds since the epoch.
_LATEST = 1e11


def write_position(created_at: float, verification_id: str) -> str:
    """Return the cursor after the verification with this time and id."""
    return _write(["v", created_at, verification_id])


def read_position(cursor: str) -> tuple[float, str]:
    """Return what `write_position` was given. Raises `ProblemError`."""
    match _read(cursor):
        case ["v", float() | int() as at, str() as found] if _ID.fullmatch(found) and _is_time(at):
            return float(at), found
    raise ProblemError(Code.INVALID_CURSOR)


def write_number(number: int) -> str:
    """Return the cursor after the event with this number."""
    return _write(["e", number])


def read_number(cursor: str) -> int:
    """Return what `write_number` was given. Raises `ProblemError`."""
    match _read(cursor):
        case ["e", int() as number] if not isinstance(number, bool) and 0 <= number <= _MAX_NUMBER:
            return number
    raise ProblemError(Code.INVALID_CURSOR)


def _is_time(at: float) -> bool:
    return not isinstance(at, bool) and 0 <= at <= _LATEST


def _write(value: list[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _read(cursor: str) -> object:
    """Return the value of a cursor; None for anything that `_write` cannot have written."""
    if len(cursor) > _MAX_CHARACTERS:
        return None
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return json.loads(content)
    except (ValueError, binascii.Error, RecursionError):
        return None
