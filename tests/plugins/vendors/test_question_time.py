"""No vendor's settings allow a question to take longer than its job."""

import importlib
import types
import typing
from pathlib import Path

import annotated_types
import pytest
from pydantic import BaseModel

from proofing.plugin import JOB_DEADLINE_SECONDS

ROOT = Path(__file__).parents[3] / "plugins" / "vendors"
PLUGINS = sorted(path.parent.name for path in ROOT.glob("proofing_*/__init__.py"))


def limits(model):
    """Yield the settings that say what a call or question may take, and the most they allow."""
    for name, field in model.model_fields.items():
        if name.endswith("timeout_seconds"):
            (most,) = (one.le for one in field.metadata if isinstance(one, annotated_types.Le))
            yield f"{model.__name__}.{name}", most
        kinds = [field.annotation]
        if isinstance(field.annotation, types.UnionType) or typing.get_origin(field.annotation):
            kinds += typing.get_args(field.annotation)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from limits(kind)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_question_takes_no_longer_than_its_job(plugin):
    """Else the job would end first, and what was paid for would be lost."""
    found = dict(limits(importlib.import_module(plugin).proofing_settings()))
    assert found
    assert {name: most for name, most in found.items() if most > JOB_DEADLINE_SECONDS} == {}
