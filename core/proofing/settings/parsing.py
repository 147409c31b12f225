"""From layers to settings: pydantic judges the values; its findings become problems without the values."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from proofing.errors import ConfigurationError, Problem
from proofing.settings.layers import Layers
from proofing.settings.schema import FIELDS_ONLY, KEY_BYTES, Settings

ModelT = TypeVar("ModelT", bound=BaseModel)

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the settings of core come to, whatever is wrong with them.

    Attributes:
        settings: with nothing or the default in the place of each value that no field takes.
        problems: of the fields, and of the rules between the keys that have a value of their own.
        replaced: the keys, dotted, whose value is a stand-in.
    """

    settings: Settings
    problems: list[Problem]
    replaced: frozenset[str]

    def about_values(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return *problems* without those of stand-ins, which nobody chose."""
        return [problem for problem in problems if problem.key not in self.replaced]


def examine_settings(layers: Layers) -> Examined:
    """Judge every key of core, so that a wrong one does not hide what is wrong with the others."""
    values = layers.values_without_sections(Settings.model_fields)
    problems: list[Problem] = []
    replaced: frozenset[str] = frozenset()
    try:
        settings = Settings.model_validate(values, context=FIELDS_ONLY)
    except ValidationError as error:
        problems = _problems(error, layers, Settings, None)
        stand_ins, replaced = _stand_ins(values, error)
        settings = Settings.model_validate(stand_ins, context=FIELDS_ONLY)
    wrong = {key.partition(".")[0] for key in replaced}
    # A rule names the other keys that it looks at; one that looks at a stand-in says nothing.
    problems += [
        Problem(layers.origin([key]), key, rule)
        for key, rule in settings.broken_rules()
        if wrong.isdisjoint({key, *_WORD.findall(rule)})
    ]
    return Examined(settings=settings, problems=problems, replaced=replaced)


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


def _stand_ins(values: Mapping[str, Any], error: ValidationError) -> tuple[dict[str, Any], frozenset[str]]:
    """Return *values* that every field takes, and the keys, dotted, that lost their own.

    A wrong entry of a map goes alone; any other wrong value goes, and its default holds.
    """
    kept: dict[Any, Any] = {
        key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()
    }
    replaced = set()
    for key, *entry in {details["loc"][:2] for details in error.errors(include_input=False)}:
        entries = kept.get(key)
        if entry and isinstance(entries, dict) and entry[0] in entries:
            del entries[entry[0]]
            replaced.add(f"{key}.{entry[0]}")
        else:
            kept.pop(key, None)
            if key in Settings.model_fields:
                replaced.add(key)
    secrets = {name: "00" * KEY_BYTES for name, field in Settings.model_fields.items() if field.is_required()}
    return secrets | kept, frozenset(replaced)


def _problems(
    error: ValidationError, layers: Layers, model: type[BaseModel], section: str | None
) -> list[Problem]:
    """Turn all of pydantic's findings into ours."""
    return [
        _problem(details, layers, model, section)
        for details in error.errors(include_input=False, include_context=False, include_url=False)
    ]


def _problem(
    details: Mapping[str, Any], layers: Layers, model: type[BaseModel], section: str | None
) -> Problem:
    """Turn one of pydantic's findings into ours, without the value."""
    path = ([section] if section else []) + [str(part) for part in details["loc"]]
    rule: str = details["msg"].removeprefix("Value error, ")
    kind: str = details["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], model.model_fields, n=1)
        rule = f"unknown key; did you mean {near[0]}?" if near else "unknown key"
    elif kind == "missing":
        rule = "is required and has no default"
    elif kind in {"bool_type", "bool_parsing"}:
        rule = "must be true or false (or exactly 'true' or 'false' in quotes)"
    elif kind in {"tuple_type", "list_type"}:
        rule = "must be a list"
    elif kind in {"dict_type", "model_type"}:
        rule = "must be a map"
    else:
        rule = rule.replace("Input should be", "must be")
    return Problem(layers.origin(path), ".".join(path) or "settings", rule)
