"""Where settings come from, in layers: file defaults, file environment block, variables, secret store.

Maps merge key by key; everything else, lists too, is replaced by the later layer. dynaconf reads the
``PROOFING_…`` variables: it types them and nests names at ``__``. The file is read strictly here, because
duplicate keys and ``@`` directives must stop the start; docs/adr/0005-settings.md.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from proofing.errors import ConfigurationError, Problem, why

PREFIX = "PROOFING"
#: Chooses the environment block; no setting itself.
ENVIRONMENT_VARIABLE = f"{PREFIX}_ENV"
#: Path of the settings file; no setting itself.
FILE_VARIABLE = f"{PREFIX}_SETTINGS"
ENVIRONMENTS = ("development", "test", "production")
_BLOCKS = ("default", *ENVIRONMENTS)


class Layers:
    """Merged values, each with the layer that set it."""

    def __init__(self, environment: str, path: Path) -> None:
        """Start empty for *environment*; *path* is the file that operators edit."""
        self.environment = environment
        self.path = path
        #: Of the file before it was read, so that no later change goes unseen.
        self.stamp = file_stamp(path)
        self._values: dict[str, Any] = {}
        self._origins: dict[tuple[str, ...], str] = {}

    def add(self, values: Mapping[str, Any], source: str) -> None:
        """Merge *values* over what is there, noting *source*."""
        _merge(self._values, values)
        for path in _leaves(values, ()):
            self._origins[path] = source

    def section(self, name: str) -> dict[str, Any]:
        """Return the values below the plugin name *name*; empty when there are none.

        Raises:
            ConfigurationError: something stands there that is no map.
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
        return self.path.name


def file_stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when the file changes; an editor may replace it."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def read_layers(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Layers:
    """Read the settings file and the environment variables.

    Args:
        path: the file; by default ``PROOFING_SETTINGS``, else ``settings.yaml`` in the working directory.
        environ: the variables; those of the process by default.

    Raises:
        ConfigurationError: with every problem that can be told without the schema.
    """
    environ = os.environ if environ is None else environ
    environment = environ.get(ENVIRONMENT_VARIABLE, "development")
    file = path or Path(environ.get(FILE_VARIABLE, "settings.yaml"))
    if environment not in ENVIRONMENTS:
        rule = f"must be one of {', '.join(ENVIRONMENTS)}"
        raise ConfigurationError([Problem("environment variable", ENVIRONMENT_VARIABLE, rule)])
    layers = Layers(environment, file)
    blocks = _read_file(file)
    for block in ("default", environment):
        layers.add(blocks.get(block) or {}, f"{file.name} ({block})")
    layers.add(_read_variables(environ), "environment variable")
    return layers


def parse_yaml(text: str | bytes, source: str) -> dict[str, Any]:
    """Return the map that *text* holds.

    Raises:
        ConfigurationError: malformed, not a map, a duplicate key, or an ``@`` directive.
    """
    try:
        value = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader that refuses more
        directives = list(_directives(value, ()))
    except _DuplicateKeyError as error:
        raise ConfigurationError([Problem(source, error.key, "stands twice in one map")]) from None
    except _NoValueError as error:
        rule = "looks like a number or a date, and is none; text goes in quotes"
        raise ConfigurationError([Problem(source, f"line {error.line}", rule)]) from None
    except RecursionError:
        raise ConfigurationError([Problem(source, "file", "nests too deep, or holds itself")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        raise ConfigurationError([Problem(source, where, "is not valid YAML")]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Problem(source, "file", "must be UTF-8 text")]) from None
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError([Problem(source, "file", "must be a map with text keys")])
    problems = [
        Problem(source, ".".join(path), "must not start with @; directives are not supported")
        for path in directives
    ]
    if problems:
        raise ConfigurationError(problems)
    return value


def _read_file(file: Path) -> dict[str, Any]:
    """Return the blocks of the settings file."""
    try:
        text = file.read_bytes()
    except OSError as error:
        rule = f"cannot be read ({why(error)}); the variable {FILE_VARIABLE} may name another"
        raise ConfigurationError([Problem(str(file), "file", rule)]) from None
    blocks = parse_yaml(text, file.name)
    problems = [
        Problem(file.name, name, f"is no block; the blocks are {', '.join(_BLOCKS)}")
        for name in blocks
        if name not in _BLOCKS
    ]
    problems += [
        Problem(file.name, name, "must be a map of settings")
        for name, block in blocks.items()
        if name in _BLOCKS and block is not None and not isinstance(block, dict)
    ]
    if problems:
        raise ConfigurationError(problems)
    return blocks


def _read_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the ``PROOFING_…`` variables, typed and nested by dynaconf."""
    names = [
        name
        for name in environ
        if name.startswith(f"{PREFIX}_") and name not in {ENVIRONMENT_VARIABLE, FILE_VARIABLE}
    ]
    problems = [
        Problem("environment variable", name, "must not start with @; directives are not supported")
        for name in names
        if environ[name].lstrip("'\" ").startswith("@")
    ]
    if problems:
        raise ConfigurationError(problems)
    if not names:
        return {}
    from dynaconf.utils.parse_conf import parse_conf_data  # noqa: PLC0415 - most starts set no variable

    values: dict[str, Any] = {}
    for name in sorted(names):
        *parents, leaf = name.removeprefix(f"{PREFIX}_").lower().split("__")
        target: Any = values
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                rule = f"goes below {parent}, which another variable sets to a value that is no map"
                raise ConfigurationError([Problem("environment variable", name, rule)])
        try:
            target[leaf] = parse_conf_data(environ[name], tomlfy=True)
        except ValueError:
            # The text of dynaconf's error shows the value.
            raise ConfigurationError([Problem("environment variable", name, "cannot be parsed")]) from None
    return values


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


def _leaves(values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value that is no map."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key))


def _directives(value: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every text that starts with ``@``."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _directives(child, (*above, str(key)))
    elif isinstance(value, list):
        for child in value:
            yield from _directives(child, above)
    elif isinstance(value, str) and value.startswith("@"):
        yield above


class _DuplicateKeyError(Exception):
    """A key stands twice in one map."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


class _NoValueError(Exception):
    """A text has the form of a number or a date, and is none."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(line)


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses duplicate keys, and says where a value does not exist."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build one value; a date such as 2026-13-45 makes Python raise what is no error of YAML."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError):
            raise _NoValueError(node.start_mark.line + 1) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build one map."""
        seen: set[str] = set()
        for key_node, _value in node.value:
            key = str(key_node.value)
            if key in seen and key != "<<":
                raise _DuplicateKeyError(key)
            seen.add(key)
        return super().construct_mapping(node, deep)
