"""`proofing switch`: change one live setting in the settings file, judged before and with an author."""

import argparse
import os
import stat
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from proofing.app.settings_check import with_sources
from proofing.base.errors import ConfigurationError, Problem, os_error_reason
from proofing.base.near_names import near_name
from proofing.base.strict_yaml import parse_yaml
from proofing.bootstrap import Configuration, configure
from proofing.cli import exits
from proofing.settings import Settings
from proofing.settings.edits import NotEditableError, set_value
from proofing.settings.layers import DEFAULT_BLOCK, STATUS_KEY, STATUS_PREFIX, file_stamp
from proofing.settings.watch import AUTHOR


async def switch(options: argparse.Namespace) -> int:
    """Write one key of the settings file; all processes that follow it take it over."""
    configuration = await configure(role="check")
    path = configuration.layers.path.resolve()
    key = _key(options.key)
    problem = _refusal(configuration, key)
    if problem is not None:
        raise ConfigurationError([Problem(path.name, options.key, problem)])
    stamp = file_stamp(path)
    block, place = _place(configuration, path, key)
    text = path.read_text(encoding="utf-8")
    author = f"{options.by}, {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    try:
        for parts, value in ((place, _value(options.value)), ([AUTHOR], author)):
            text = set_value(text, [block, *parts], value)
    except NotEditableError:
        rule = "cannot be replaced alone as the file is written; edit it by hand"
        raise ConfigurationError([Problem(path.name, options.key, rule)]) from None
    try:
        return await _replace(path, stamp, text, f"{path.name} ({block}): {options.key}")
    except OSError as error:
        print(f"proofing: {path.name} cannot be replaced: {os_error_reason(error)}", file=sys.stderr)
        return exits.UNAVAILABLE


async def _replace(path: Path, stamp: tuple[int, int, int], text: str, what: str) -> int:
    """Have *text* judged as a start would, and put it in the place of *path*."""
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as directory:
        trial = Path(directory) / path.name
        _write(trial, text, like=path)
        judged = await configure(trial, role="check")
        if unusable := judged.router.validate_vendors():
            raise ConfigurationError(with_sources(unusable, judged.layers))
        if file_stamp(path) != stamp:
            print(f"proofing: {path.name} was changed meanwhile; look at it and try again", file=sys.stderr)
            return exits.UNAVAILABLE
        trial.replace(path)
    print(f"{what} is changed; every process takes it over within 5 s")
    return 0


def _write(path: Path, text: str, *, like: Path) -> None:
    """Make the file *path* on the disk, with the mode and, where we may, the owner of another."""
    facts = like.stat()
    with path.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), stat.S_IMODE(facts.st_mode))
        with suppress(PermissionError):
            os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _refusal(configuration: Configuration, key: list[str]) -> str | None:
    """Return why *key* cannot be switched in the file."""
    layers = configuration.layers
    if key[0] not in Settings.model_fields:
        near = near_name(key[0].lower(), Settings.model_fields)
        hint = f"did you mean {near}? " if near else ""
        return f"unknown key; {hint}`proofing settings --reference` lists all"
    if key[0] not in Settings.live_keys():
        return "needs a restart; edit the file by hand"
    if not layers.has_file:
        return "there is no settings file; write one first"
    source = layers.origin(key)
    if layers.value(key) is not None and not source.startswith(layers.path.name):
        return f"is set by {source}, which wins over the file; change it there"
    return None


def _key(text: str) -> list[str]:
    """Return the key that *text* names, and the entry below it, if any."""
    if text.startswith(STATUS_PREFIX):
        return [STATUS_KEY, text.removeprefix(STATUS_PREFIX)]
    return text.split(".", 1)


def _place(configuration: Configuration, path: Path, key: list[str]) -> tuple[str, list[str]]:
    """Return where the file has the value of *key* that holds: the block, and the keys in it.

    For a new key it is a block that is there. The outage of a vendor stays in the spelling that it has.
    """
    blocks = parse_yaml(path.read_bytes(), path.name)
    own = configuration.environment
    flat = f"{STATUS_PREFIX}{key[1]}" if key[0] == STATUS_KEY and len(key) > 1 else key[0]
    has_own = any(name in (blocks.get(own) or {}) for name in (key[0], flat))
    block = own if has_own or not blocks.get(DEFAULT_BLOCK) else DEFAULT_BLOCK
    return block, [flat] if flat in (blocks.get(block) or {}) and flat != key[0] else key


def _value(text: str) -> Any:
    """Return the value that *text* spells in YAML. Raises `ConfigurationError`."""
    return parse_yaml(f"value: {text}", "VALUE").get("value")
