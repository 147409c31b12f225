"""From layers to settings: pydantic judges the values; its findings become problems without the values."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from proofing.base.errors import ConfigurationError, Problem
from proofing.base.near_names import near_name
from proofing.settings.layers import Layers
from proofing.settings.schema import FIELDS_ONLY, Settings
from proofing.settings.values import KEY_BYTES
from proofing.settings.variables import SOURCE, variable_of

ModelT = TypeVar("ModelT", bound=BaseModel)

#: What YAML and dynaconf make of texts that look like something else.
_READ_AS = {
    int: "a number",
    float: "a number",
    bool: "true or false",
    date: "a date",
    datetime: "a date",
    time: "a time",
}
_LEADING_ZERO = re.compile(r"\s*[-+]?0\d")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """What the settings of core come to, whatever is wrong with them.

    Attributes:
        settings: with nothing or the default in the place of each value that no field takes.
        problems: of the fields, and of the rules between the keys that have a value of their own.
        replaced: the keys, dotted, whose value is a stand-in.
    """

    settings: Settings
    problems: list[Problem]
    replaced: frozenset[str]

    def excluding_defaults(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return *problems* without those of stand-ins, which nobody chose."""
        return [problem for problem in problems if problem.key not in self.replaced]


def validate_settings(layers: Layers) -> ValidationReport:
    """Judge every key of core, so that a wrong one does not hide what is wrong with the others."""
    values = layers.values_without_sections(Settings.model_fields)
    problems: list[Problem] = []
    replaced: frozenset[str] = frozenset()
    try:
        settings = Settings.model_validate(values, context=FIELDS_ONLY)
    except ValidationError as error:
        problems = _problems(error, layers, Settings, None)
        settings, replaced = _with_placeholders(values, error)
    # Also where the name of the environment decides it.
    settings = settings.model_copy(update={"is_production": layers.is_production})
    wrong = {key.partition(".")[0] for key in replaced}
    # A rule names the other keys that it looks at; one that looks at a stand-in says nothing.
    problems += [
        _cross_field_problem(layers, key, rule)
        for key, rule in settings.cross_field_errors()
        if wrong.isdisjoint({key, *_WORD.findall(rule)})
    ]
    return ValidationReport(settings=settings, problems=problems, replaced=replaced)


def _cross_field_problem(layers: Layers, key: str, rule: str) -> Problem:
    """Return the problem of *key*; of the key in its rule that somebody set, where *key* has its default."""
    others = [word for word in _WORD.findall(rule) if word in Settings.model_fields]
    chosen = next((word for word in others if layers.get(word) is not None), None)
    if layers.get(key) is None and chosen is not None:
        return Problem(layers.origin([chosen]), chosen, f"the default of {key} {rule}")
    return Problem(layers.origin([key]), key, rule)


def parse_settings(layers: Layers, model: type[ModelT], section: str | None = None) -> ModelT:
    """Let *model* decide on the merged values.

    Args:
        layers: where the values come from.
        model: the schema.
        section: the plugin section to read; None for the keys of core, without the sections.

    Raises:
        ConfigurationError: with every problem: source, key and rule, never a value.
    """
    values = layers.section(section) if section else layers.values_without_sections(model.model_fields)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(_problems(error, layers, model, section)) from None


def _with_placeholders(values: Mapping[str, Any], error: ValidationError) -> tuple[Settings, frozenset[str]]:
    """Return settings of what every field of *values* takes, and the keys, dotted, that lost their own.

    A wrong entry of a map goes alone; any other wrong value goes, and its default holds.
    """
    kept: dict[Any, Any] = {
        key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()
    }
    secrets = {name: "00" * KEY_BYTES for name, field in Settings.model_fields.items() if field.is_required()}
    replaced = _drop(kept, {details["loc"][:2] for details in error.errors(include_input=False)})
    try:
        return Settings.model_validate(secrets | kept, context=FIELDS_ONLY), frozenset(replaced)
    except ValidationError as still:
        # A map of fixed keys cannot do without one of them.
        replaced |= _drop(kept, {details["loc"][:1] for details in still.errors(include_input=False)})
    return Settings.model_validate(secrets | kept, context=FIELDS_ONLY), frozenset(replaced)


def _drop(values: dict[Any, Any], places: Iterable[tuple[int | str, ...]]) -> set[str]:
    """Remove what is at *places* from *values*; return the keys of settings, dotted, that lost theirs."""
    replaced = set()
    for key, *entry in places:
        entries = values.get(key)
        if entry and isinstance(entries, dict) and entry[0] in entries:
            del entries[entry[0]]
            replaced.add(f"{key}.{entry[0]}")
        else:
            values.pop(key, None)
            if key in Settings.model_fields:
                replaced.add(str(key))
    return replaced


def _problems(
    error: ValidationError, layers: Layers, model: type[BaseModel], section: str | None
) -> list[Problem]:
    """Turn all of pydantic's findings into ours."""
    found = error.errors(include_input=False, include_context=False, include_url=False)
    # A list whose entries are wrong is not also too short: pydantic counts those that are right.
    above = {details["loc"][:size] for details in found for size in range(len(details["loc"]))}
    return [
        _problem(details, layers, model, section)
        for details in found
        if details["type"] != "too_short" or details["loc"] not in above
    ]


def _problem(
    details: Mapping[str, Any], layers: Layers, model: type[BaseModel], section: str | None
) -> Problem:
    """Turn one of pydantic's findings into ours, without the value."""
    path = ([section] if section else []) + [str(part) for part in details["loc"]]
    rule: str = details["msg"].removeprefix("Value error, ")
    kind: str = details["type"]
    if path[-1:] == ["[key]"]:
        path.pop()
        rule = f"the name {rule}"
    if kind == "extra_forbidden":
        near = near_name(path[-1].lower(), model.model_fields)
        rule = f"unknown key; did you mean {near}?" if near else "unknown key"
    elif kind == "missing":
        rule = "is required and has no default"
    elif kind in {"bool_type", "bool_parsing"}:
        rule = "must be true or false (or exactly 'true' or 'false' in quotes)"
    elif kind in {"tuple_type", "list_type"}:
        rule = "must be a list"
    elif kind in {"dict_type", "model_type"}:
        rule = "must be a map"
    elif kind == "string_type":
        rule = "must be text"
    else:
        rule = re.sub("^(Input|String) should", "must", rule)
    source = layers.origin(path)
    key = ".".join(path) or "settings"
    if kind == "extra_forbidden" and source == SOURCE:
        # The variable is what is looked for; the key is nowhere.
        key = variable_of(path)
        rule = f"unknown key; did you mean {variable_of([*path[:-1], near])}?" if near else rule
    return Problem(source, key, rule + _spelling(kind, layers.value(path), path, source))


def _spelling(kind: str, value: object, path: list[str], source: str) -> str:
    """Return how to write what was probably meant, when what was read is something else."""
    is_variable = source == SOURCE
    if kind in {"tuple_type", "list_type"} and is_variable:
        return f"""; write {variable_of(path)}='["a", "b"]'"""
    if kind in {"dict_type", "model_type"} and is_variable:
        return f"""; write {variable_of(path)}='{{"a": 1}}', or one variable for each key"""
    # A digits-only password, key or code; the validators of core demand text as well.
    if kind in {"string_type", "value_error", "string_pattern_mismatch"} and (
        name := _READ_AS.get(type(value))
    ):
        quoted = f"quotes: {variable_of(path)}='\"…\"'" if is_variable else "quotes"
        return f"; it is read as {name}, and text that looks like one needs {quoted}"
    if kind in {"int_parsing", "int_type", "float_parsing", "float_type"} and isinstance(value, str):
        # A variable with such a number is text; in the file it is refused when it is read.
        if _LEADING_ZERO.match(value):
            return "; write it without the 0 at the beginning"
        if ":" in value:
            return "; write one number without a colon"
    return ""
