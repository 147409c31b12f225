"""Private files: made whole or not at all, read only when nobody else can read them."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from proofing.plugin import ConfigurationError, Problem

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
_OTHERS_READ = 0o077
_OTHERS_WRITE = 0o022
#: More than any file of secrets or keys has.
_MAX_BYTES = 1024 * 1024


def make_private_directory(path: Path) -> None:
    """Make *path* and missing parents with mode 0700, whatever the umask.

    Raises:
        OSError: it cannot be made, is not a directory, or may not be written to.
    """
    for missing in reversed([place for place in (path, *path.parents) if not place.exists()]):
        with contextlib.suppress(FileExistsError):
            missing.mkdir(mode=DIRECTORY_MODE)
    next(path.iterdir(), None)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def create_private_file(path: Path, content: bytes) -> bool:
    """Make *path* with *content* and mode 0600 unless it exists; return whether we made it.

    Safe when several processes try at once: one wins, and nobody ever sees a part of the file, because it
    is written under another name and then linked.
    """
    part = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    except FileExistsError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def read_private_file(path: Path) -> tuple[bytes, os.stat_result]:
    """Return content and facts of *path*, provided that only its owner can read it.

    Raises:
        ConfigurationError: somebody else can read or replace the file, or it is not an ordinary small file.
    """
    directory = path.parent.stat()
    if stat.S_IMODE(directory.st_mode) & _OTHERS_WRITE:
        raise _problem(path.parent, "must not be writable by group or others; run: chmod 700")
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - a descriptor
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MAX_BYTES:
            raise _problem(path, "must be an ordinary file of at most 1 MiB")
        if stat.S_IMODE(facts.st_mode) & _OTHERS_READ:
            raise _problem(path, "must not be readable by group or others; run: chmod 600")
        if facts.st_uid not in {os.geteuid(), 0}:
            raise _problem(path, "must belong to the user who runs Proofing")
        return file.read(_MAX_BYTES), facts


def _problem(path: Path, rule: str) -> ConfigurationError:
    """Return the error that names file and rule."""
    return ConfigurationError([Problem(str(path), "file", rule)])
