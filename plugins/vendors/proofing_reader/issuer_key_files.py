"""The files with the keys of issuers, in one folder, read again while the process runs.

Each is named by the issuer identification number: ``636014.json``. docs/howto/issuer-keys.md
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from proofing.plugin import get_logger, log
from proofing_reader.issuer_keys import MAX_FILE_BYTES, IssuerKeys, KeyAge, read_issuer_keys

#: Files are read again then, so that new keys need no restart.
_READ_AGAIN_AFTER = timedelta(minutes=10)
_NAME = re.compile(r"(\d{6})\.json", re.ASCII)

_logger = get_logger(__name__)


class IssuerKeyFiles:
    """The keys in one folder; none, where there is no folder."""

    def __init__(self, folder: str | None) -> None:
        """Take the path of the *folder*. Nothing is read yet."""
        self._folder = folder
        self._keys: Mapping[str, IssuerKeys] = {}
        self._read_at: datetime | None = None

    async def keys(self, now: datetime) -> Mapping[str, IssuerKeys]:
        """Return the keys by issuer identification number, at most ten minutes old.

        A file that cannot be read is logged, and counts as missing; so is one whose keys are old.

        Args:
            now: with its zone.
        """
        if self._folder is not None and (self._read_at is None or now - self._read_at >= _READ_AGAIN_AFTER):
            self._read_at = now
            self._keys, problems = await asyncio.to_thread(_read_folder, self._folder)
            for name, reason in problems.items():
                log(_logger, "issuer_keys_read_failed", level=logging.WARNING, name=name, reason=reason)
            for name, age in _aged(self._keys, now).items():
                log(_logger, "issuer_keys_old", level=logging.WARNING, name=name, reason=age.value)
        return self._keys

    async def problem(self, now: datetime) -> str | None:
        """Return what is wrong with the files, in a sentence; None when nothing is, or there is no folder."""
        if self._folder is None:
            return None
        keys, problems = await asyncio.to_thread(_read_folder, self._folder)
        found = [f"{name}: {reason}" for name, reason in problems.items()]
        found += [
            f"the keys of {name} were fetched more than {'180' if age is KeyAge.EXPIRED else '30'} days ago; "
            "fetch them again"
            for name, age in _aged(keys, now).items()
        ]
        if not keys and not problems:
            found.append("the folder of issuer keys has no file such as 636014.json")
        return "; ".join(found) or None


def _read_folder(folder: str) -> tuple[dict[str, IssuerKeys], dict[str, str]]:
    """Return the keys by issuer, and what is wrong with other files by their names."""
    found: dict[str, IssuerKeys] = {}
    problems: dict[str, str] = {}
    try:
        paths = sorted(path for path in Path(folder).iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        return {}, {"issuer_keys": "the folder cannot be read"}
    for path in paths:
        try:
            with path.open("rb") as file:
                # One byte more shows that it is too large.
                found[path.stem] = read_issuer_keys(file.read(MAX_FILE_BYTES + 1))
        except OSError:
            problems[path.name] = "the file cannot be read"
        except ValueError as error:
            problems[path.name] = str(error)
    return found, problems


def _aged(keys: Mapping[str, IssuerKeys], now: datetime) -> dict[str, KeyAge]:
    """Return the issuers whose keys are not fresh."""
    ages = {name: one.age(now) for name, one in keys.items()}
    return {name: age for name, age in ages.items() if age is not KeyAge.FRESH}
