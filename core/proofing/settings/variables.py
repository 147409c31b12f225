"""Settings from ``PROOFING_…`` variables: dynaconf types them, and ``__`` leads into maps.

A text in quotes is text, whatever it looks like: ``PROOFING_REDIS__PASSWORD='"4711"'``.
"""

import tomllib
from collections.abc import Mapping
from typing import Any

from proofing.base.errors import ConfigurationError, Problem
from proofing.base.strict_yaml import directive_of, directive_rule, parse_yaml

PREFIX = "PROOFING"
#: Chooses the environment block; no setting itself.
ENVIRONMENT_VARIABLE = f"{PREFIX}_ENV"
#: Path of the settings file; no setting itself.
FILE_VARIABLE = f"{PREFIX}_SETTINGS"
#: The source that problems and `proofing settings` name.
SOURCE = "environment variable"


def read_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the ``PROOFING_…`` variables, typed and nested.

    Raises:
        ConfigurationError: with every variable that cannot be read; never with its value.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in sorted(environ):
        if not name.startswith(f"{PREFIX}_") or name in {ENVIRONMENT_VARIABLE, FILE_VARIABLE}:
            continue
        if rule := _put(values, name, environ[name]):
            problems.append(Problem(SOURCE, name, rule))
    if problems:
        raise ConfigurationError(problems)
    return values


def variable_of(path: list[str]) -> str:
    """Return the name of the variable that sets the value at *path*."""
    return f"{PREFIX}_" + "__".join(path).upper()


def _put(values: dict[str, Any], name: str, text: str) -> str | None:
    """Put the value of one variable into *values*; return what is wrong with it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not UTF-8 text"
    *parents, leaf = name.removeprefix(f"{PREFIX}_").lower().split("__")
    if not all((*parents, leaf)):
        return f"is not the name of a setting: {PREFIX}_SETTING, or {PREFIX}_SECTION__SETTING"
    target: Any = values
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            return f"conflicts with {parent}: cannot nest under a value that is not a map"
    if word := directive_of(text):
        return f"{directive_rule(word)}; a text that begins so goes in quotes: {name}='\"{word} …\"'"
    try:
        target[leaf] = _typed(text)
    except (ValueError, ConfigurationError):
        # The text of the parsers' errors shows the value.
        return f'cannot be read; a list is {name}=\'["a", "b"]\', a map {name}=\'{{"a": 1}}\''
    return None


def _typed(text: str) -> Any:
    """Return the value that *text* spells. Raises `ValueError` or `ConfigurationError`."""
    stripped = text.strip()
    if stripped[:1] in {'"', "'"}:
        try:
            return tomllib.loads(f"v = {stripped}")["v"]
        except tomllib.TOMLDecodeError:
            return text
    if stripped == "null":
        return None
    from dynaconf.utils.parse_conf import parse_conf_data  # noqa: PLC0415 - most starts set no variable

    value = parse_conf_data(text, tomlfy=True)
    if isinstance(value, str) and stripped[:1] in {"[", "{"}:
        # Not TOML: JSON or YAML, such as {"a": 1} or [a, b].
        return parse_yaml(f"v: {stripped}", SOURCE)["v"]
    return dict(value) if isinstance(value, dict) else value
