"""A refusal says what is wrong in the words of the API, names no unknown field, and says which there are."""

import pytest

from proofing_server.api.operations import OPERATIONS
from proofing_server.api.schemas import SimulateOutcome

ID = f"ver_{'0' * 32}"


def choices_of(model):
    """Return the values that openapi.json lists for fields of *model* that have few, by name."""
    schema = model.model_json_schema()

    def values(one):
        if "$ref" in one:
            one = schema["$defs"][one["$ref"].rpartition("/")[2]]
        if "anyOf" in one:
            return [value for each in one["anyOf"] for value in values(each)]
        return one.get("enum", [])

    found = {name: values(one) for name, one in schema["properties"].items()}
    return {name: some for name, some in found.items() if some}


CHOICES = [
    (operation, model, name, values)
    for operation in OPERATIONS
    for model in (operation.body, operation.parameters)
    if model is not None
    for name, values in choices_of(model).items()
]


def test_there_are_fields_with_few_values():
    """The cases below are not empty."""
    assert {name for _, model, name, _ in CHOICES if model is SimulateOutcome} == {"outcome", "delivery"}


@pytest.mark.parametrize(
    ("operation", "model", "name", "values"), CHOICES, ids=lambda one: getattr(one, "name", None)
)
async def test_the_values_that_are_allowed_are_listed_as_they_are_sent(
    agency, operation, model, name, values
):
    """`<VerificationState.FAILED: 'failed'>` is no value of the API."""
    path = operation.path.replace("{id}", ID)
    if model is operation.parameters:
        response = await agency.call("GET", f"{path}?{name}=verifed")
    else:
        response = await agency.call("POST", path, {name: "verifed"})
    found = {one["pointer"].lstrip("/"): one["detail"] for one in response.json()["errors"]}
    assert found[name] == f"must be one of: {', '.join(values)}"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        (
            {"subject": "a", "polcy": "zebra"},
            [("", "has an unknown field; allowed are: subject, policy, return_url, locale, metadata")],
        ),
        ({}, [("/subject", "is required")]),
        ({"subject": 5}, [("/subject", "should be a valid string")]),
        ({"subject": "a", "metadata": []}, [("/metadata", "should be an object")]),
        ({"subject": "a", "policy": "a" * 41}, [("/policy", "should have at most 40 characters")]),
    ],
)
async def test_wrong_fields_of_a_body(agency, fields, errors):
    """Each by its pointer; the name of an unknown one is not repeated, but the names there are."""
    response = await agency.call("POST", "/v1/verifications", fields)
    assert response.status_code == 422
    assert response.json()["errors"] == [{"pointer": pointer, "detail": detail} for pointer, detail in errors]
    assert "polcy" not in response.text


@pytest.mark.parametrize(
    ("path", "pointer", "detail"),
    [
        ("/v1/events?after=zz", "query", "has an unknown parameter; allowed are: cursor, limit, type"),
        ("/v1/events?limit=0", "limit", "should be greater than or equal to 1"),
        ("/v1/events?limit=5&limit=6", "limit", "is there twice"),
        (
            "/v1/events?after=5&after=6",
            "query",
            "has an unknown parameter; allowed are: cursor, limit, type",
        ),
        (f"/v1/verifications/{ID}?after=zz", "query", "has an unknown parameter; none is allowed"),
    ],
)
async def test_wrong_parameters(agency, path, pointer, detail):
    """Each by its name; an unknown one is not repeated, since its name may be anything."""
    response = await agency.call("GET", path)
    assert response.status_code == 400
    assert response.json()["errors"] == [{"pointer": pointer, "detail": detail}]
    assert "after" not in response.text


async def test_a_body_where_none_belongs(agency):
    """Says so."""
    response = await agency.act(ID, "cancel", {"why": "zebra"})
    assert response.json()["errors"] == [{"pointer": "", "detail": "must be empty"}]
