"""Where settings come from, in layers: file defaults, file environment block, variables, secret store.

Maps merge key by key; everything else, lists too, is replaced by the later layer. dynaconf reads the
``PROOFING_…`` variables (`variables`); the file is read strictly (`strict_yaml`); docs/adr/0005-settings.md.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from proofing.base.errors import ConfigurationError, Problem, os_error_reason
from proofing.base.strict_yaml import parse_yaml
from proofing.settings.schema import Settings
from proofing.settings.variables import ENVIRONMENT_VARIABLE, FILE_VARIABLE, SOURCE, read_variables

DEFAULT_BLOCK = "default"
#: Environments that need no block. The first one holds when the variable is not set.
_BUILT_IN = ("development", "test", "production")
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_NAME_RULE = "lower-case letters, digits, _ and -, beginning with a letter, at most 32"
_DEFAULT_FILE = "settings.yaml"
#: The outage of one vendor may be written flat, as in the system that Proofing replaces.
STATUS_KEY = "vendor_status"
STATUS_PREFIX = f"{STATUS_KEY}_"


class Layers:
    """Merged values, each with the layer that set it."""

    def __init__(
        self, environment: str, path: Path, *, has_file: bool = True, blocks: Sequence[str] = ()
    ) -> None:
        """Start empty.

        Args:
            environment: whose block is read.
            path: the file that operators edit.
            has_file: whether it was read; without it the built-in defaults hold.
            blocks: the names of its blocks.
        """
        self.environment = environment
        self.path = path
        self.has_file = has_file
        self.blocks = tuple(blocks)
        #: Of the file before it was read, so that no later change goes unseen.
        self.stamp = file_stamp(path)
        #: The source before the last one, of each value that a later layer replaced.
        self._replaced: dict[tuple[str, ...], str] = {}
        self._values: dict[str, Any] = {}
        self._origins: dict[tuple[str, ...], str] = {}

    def add(self, values: Mapping[str, Any], source: str) -> None:
        """Merge *values* over what is there, noting *source*.

        Raises:
            ConfigurationError: a vendor has two values of ``vendor_status``.
        """
        values = _with_status_map(values, source)
        _merge(self._values, values)
        for path in _leaves(values, ()):
            if path in self._origins:
                self._replaced[path] = self._origins[path]
            self._origins[path] = source

    def section(self, name: str) -> dict[str, Any]:
        """Return the values below the plugin name *name*; empty when there are none.

        Raises:
            ConfigurationError: there is something that is not a map.
        """
        value = self._values.get(name) or {}
        if not isinstance(value, Mapping):
            raise ConfigurationError([Problem(self.origin([name]), name, "must be a map of settings")])
        return dict(value)

    def values_without_sections(self, fields: Collection[str]) -> dict[str, Any]:
        """Return the top-level values, leaving out maps that are no field of core: the plugins' sections."""
        return {
            key: value
            for key, value in self._values.items()
            if key in fields or not isinstance(value, Mapping)
        }

    def sections(self, fields: Collection[str]) -> list[str]:
        """Return the names of the maps that are no field of core."""
        return [
            key for key, value in self._values.items() if key not in fields and isinstance(value, Mapping)
        ]

    def changed_sections(self, before: "Layers", fields: Collection[str]) -> list[str]:
        """Return the names of the `sections` that are other than those of *before*."""
        names = {*self.sections(fields), *before.sections(fields)}
        return sorted(name for name in names if self.get(name) != before.get(name))

    def get(self, key: str, default: Any = None) -> Any:
        """Return one top-level value, unchecked."""
        return self._values.get(key, default)

    def origin(self, path: list[str]) -> str:
        """Return the source of the value at *path*, or of the nearest one above or below it."""
        wanted = tuple(path)
        for size in range(len(wanted), 0, -1):
            for known, source in reversed(self._origins.items()):
                if known[:size] == wanted[:size]:
                    return source
        return self.path.name if self.has_file else "built-in defaults"

    def replaced_by_secrets(self) -> list[tuple[str, str, str]]:
        """Return the values whose edits have no effect: key, source, and the secret store instead."""
        found = [(path, source, self.origin(list(path))) for path, source in self._replaced.items()]
        return [
            (".".join(path), source, winner)
            for path, source, winner in found
            if winner != SOURCE and not winner.startswith(self.path.name)
        ]

    def value(self, path: Sequence[str]) -> Any:
        """Return the value at *path*, unchecked; None when there is none."""
        node: Any = self._values
        for part in path:
            if isinstance(node, Mapping):
                node = node.get(part)
            elif isinstance(node, (list, tuple)) and part.isdigit() and int(part) < len(node):
                node = node[int(part)]
            else:
                return None
        return node

    @property
    def is_production(self) -> bool:
        """Whether the rules of production hold: in ``production``, and where ``is_production`` is set."""
        return self.environment == "production" or self.get("is_production") in (True, "true")


def file_stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when the file changes; an editor may replace it."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def read_layers(
    path: Path | None = None, environ: Mapping[str, str] | None = None, *, is_required: bool = False
) -> Layers:
    """Read the settings file and the environment variables.

    Args:
        path: the file; by default ``PROOFING_SETTINGS``, else ``settings.yaml`` in the working directory,
            without which the built-in defaults hold.
        environ: the variables; those of the process by default.
        is_required: whether the file must be there, although nobody named it.

    Raises:
        ConfigurationError: with every problem that can be found without the schema.
    """
    environ = os.environ if environ is None else environ
    is_required = is_required or path is not None or FILE_VARIABLE in environ
    file = path or Path(environ.get(FILE_VARIABLE, _DEFAULT_FILE))
    stamp = file_stamp(file)
    # A link that leads nowhere is a mistake, not a missing file.
    has_file = is_required or file.exists() or file.is_symlink()
    blocks = _read_file(file, is_argument=path is not None) if has_file else {}
    layers = Layers(_environment(environ, blocks, file), file, has_file=has_file, blocks=tuple(blocks))
    layers.stamp = stamp
    for block in (DEFAULT_BLOCK, layers.environment):
        layers.add(blocks.get(block) or {}, f"{file.name} ({block})")
    layers.add(read_variables(environ), SOURCE)
    return layers


def _read_file(file: Path, *, is_argument: bool) -> dict[str, Any]:
    """Return the blocks of the settings file, which the variable could name unless it *is_argument*."""
    try:
        text = file.read_bytes()
    except OSError as error:
        rule = f"cannot be read ({os_error_reason(error)}); the variable {FILE_VARIABLE} may name another"
        rule = rule.partition(";")[0] if is_argument else rule
        raise ConfigurationError([Problem(str(file), "file", rule)]) from None
    blocks = parse_yaml(text, file.name)
    if not blocks:
        # An editor or a full disk may leave it so, and the defaults would silently replace the settings.
        rule = f"is empty; write at least the block {DEFAULT_BLOCK}, or remove the file to use the defaults"
        raise ConfigurationError([Problem(file.name, "file", rule)])
    problems = [problem for name in blocks if (problem := _block_problem(file, name, blocks[name]))]
    if problems:
        raise ConfigurationError(problems)
    return blocks


def _block_problem(file: Path, name: str, block: object) -> Problem | None:
    """Return what is wrong with one block of the file."""
    if name in Settings.model_fields:
        return Problem(file.name, name, f"is a setting and not an environment; put it below {DEFAULT_BLOCK}")
    if not _ENVIRONMENT.fullmatch(name):
        return Problem(file.name, name, f"is not the name of an environment; {_NAME_RULE}")
    if block is not None and not isinstance(block, dict):
        return Problem(file.name, name, "must be a map of settings")
    return None


def _environment(environ: Mapping[str, str], blocks: Mapping[str, Any], file: Path) -> str:
    """Return the environment that the variable names.

    Raises:
        ConfigurationError: it is not a name, or has no block.
    """
    name = environ.get(ENVIRONMENT_VARIABLE, _BUILT_IN[0])
    if name in _BUILT_IN or (name in blocks and name != DEFAULT_BLOCK):
        return name
    known = ", ".join(dict.fromkeys([*_BUILT_IN, *sorted(set(blocks) - {DEFAULT_BLOCK})]))
    rule = f"must be one of {known}, or another name that has a block in {file.name}"
    raise ConfigurationError([Problem(SOURCE, ENVIRONMENT_VARIABLE, rule)])


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Merge maps key by key; replace everything else."""
    for key, value in values.items():
        standing = into.get(key)
        if isinstance(standing, dict) and isinstance(value, Mapping):
            _merge(standing, value)
        elif isinstance(value, Mapping):
            into[key] = {}
            _merge(into[key], value)
        else:
            into[key] = value


def _with_status_map(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return *values* with ``vendor_status_acme: x`` as ``vendor_status: {acme: x}``.

    Raises:
        ConfigurationError: both are there for one vendor.
    """
    flat = {key: key.removeprefix(STATUS_PREFIX) for key in values if str(key).startswith(STATUS_PREFIX)}
    others = {key: value for key, value in values.items() if key not in flat}
    statuses = others.get(STATUS_KEY) or {}
    if not flat or not isinstance(statuses, Mapping):
        return others
    if twice := [key for key, vendor in flat.items() if vendor in statuses]:
        rule = f"duplicate key: {STATUS_KEY} has this vendor, too"
        raise ConfigurationError([Problem(source, key, rule) for key in twice])
    return others | {STATUS_KEY: {**statuses, **{vendor: values[key] for key, vendor in flat.items()}}}


def _leaves(values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value that is not a map."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key))
