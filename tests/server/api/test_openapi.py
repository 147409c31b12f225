"""The OpenAPI document: of all operations, with a current copy, and schemas that check alike."""

import importlib.util
import json
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from proofing_server.api import schemas
from proofing_server.api.openapi import openapi_document
from proofing_server.api.operations import OPERATIONS, codes_of
from proofing_server.api.problems import REFUSALS, VERSION, Code

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def document():
    """The document."""
    return openapi_document()


def test_the_copy_in_the_docs_is_current(document):
    """What people read is what is served: the document, and the tables of the page."""
    spec = importlib.util.spec_from_file_location("openapi", ROOT / "scripts" / "openapi.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert json.loads(script.FILE.read_text()) == document, "run scripts/openapi.py"
    page = script.PAGE.read_text()
    assert page == script.render(page), "run scripts/openapi.py"
    assert f"`{VERSION}`" in page


def test_every_operation_is_described_with_its_refusals(document):
    """Every status that an operation can answer with is there, and no other."""
    found = {
        (method.upper(), path): set(item["responses"])
        for path, methods in document["paths"].items()
        for method, item in methods.items()
    }
    assert found == {
        (one.method, one.path): {str(one.status), *(str(REFUSALS[code].status) for code in codes_of(one))}
        for one in OPERATIONS
    }


def test_every_code_has_a_refusal_and_some_operation():
    """No code that nothing answers with; those of addresses and methods belong to none."""
    assert set(REFUSALS) == set(Code)
    used = {code for one in OPERATIONS for code in codes_of(one)}
    assert set(Code) - used == {Code.METHOD_NOT_ALLOWED}


def test_references_lead_somewhere(document):
    """Every $ref is of a component."""
    text = json.dumps(document)
    names = {part.partition('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}
    assert names == set(document["components"]["schemas"]) & names
    assert names


@pytest.mark.parametrize(
    ("body", "is_valid"),
    [
        ({"subject": "a"}, True),
        ({"subject": "a b"}, False),
        ({"subject": ""}, False),
        ({"subject": "x" * 201}, False),
        ({"subject": "a", "metadata": {"case": "7"}}, True),
        ({"subject": "a", "metadata": {"bad key": "7"}}, False),
        ({"subject": "a", "metadata": {"case": 7}}, False),
        ({"subject": "a", "more": 1}, False),
        ({"subject": 7}, False),
        ({"subject": "a", "locale": "eng"}, False),
        ({"subject": "a", "return_url": "javascript:alert(1)"}, False),
        ({}, False),
    ],
)
def test_schemas_refuse_what_the_server_refuses(document, body, is_valid):
    """A client that checks by the document and the server agree."""
    schema = {"$ref": "#/components/schemas/CreateVerification", "components": document["components"]}
    assert jsonschema.Draft202012Validator(schema).is_valid(body) is is_valid
    if is_valid:
        schemas.CreateVerification.model_validate(body)
    else:
        with pytest.raises(ValidationError):
            schemas.CreateVerification.model_validate(body)


def bounds(model, name: str) -> tuple:
    """Return the least and the largest value that the document allows."""
    field = openapi_document()["components"]["schemas"][model]["properties"][name]
    return field.get("minimum"), field.get("maximum")


@pytest.mark.parametrize(
    ("model", "body", "name"),
    [
        (schemas.SearchVerifications, {"subject": "a"}, "limit"),
        (schemas.SimulateOutcome, {}, "advance_seconds"),
        (schemas.SimulateOutcome, {}, "latency_seconds"),
    ],
)
def test_bounds_of_numbers_are_in_the_document(model, body, name):
    """Those that the server holds to, whole numbers with a fraction included."""
    least, most = bounds(model.__name__, name)
    for value in (least, most, float(most)):
        model.model_validate({**body, name: value})
    for value in (least - 1, most + 1, True, str(least)):
        with pytest.raises(ValidationError):
            model.model_validate({**body, name: value})
