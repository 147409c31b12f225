"""The OpenAPI 3.1 document of `/v1`, made from the operations and the models that check their requests.

`scripts/openapi.py` writes docs/reference/openapi.json, a copy of what is served.
"""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from proofing_server.api import schemas
from proofing_server.api.operations import (
    OPERATIONS,
    VERSIONS,
    Operation,
    codes_of,
)
from proofing_server.api.problems import MEDIA_TYPE, REFUSALS, VERSION, Code

if TYPE_CHECKING:
    from pydantic import BaseModel

_SCHEMAS = "#/components/schemas/"
_JSON = "application/json"
_CREATED = 201
#: A string of RFC 9651 or a bare one, as `proofing.verifications.idempotency.read_key` takes them.
_KEY_PATTERN = r'^("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-~]{1,255})$'


@cache
def openapi_document() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Proofing API for relying parties",
            "version": VERSION,
            "description": "Ask for the verification of a person, and get the outcome. docs/reference/api.md",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"api_key": []}],
        "paths": paths,
        "components": {
            "schemas": _models(),
            "securitySchemes": {
                "api_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key that proofing relying-party add made.",
                }
            },
            "headers": _headers(),
        },
    }


@cache
def openapi_bytes() -> bytes:
    """Return the document as it is served."""
    return json.dumps(openapi_document(), indent=1, ensure_ascii=False).encode() + b"\n"


def _operation(operation: Operation) -> dict[str, Any]:
    """Return the operation object."""
    codes = codes_of(operation)
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.description}\n\nScope: `{operation.scope}`.".strip(),
        "parameters": [*_path_parameters(operation), *_query(operation), *_request_headers(operation)],
        "responses": {str(operation.status): _success(operation), **_problems(codes)},
    }
    if operation.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": {"$ref": _SCHEMAS + operation.body.__name__}}},
        }
    return found


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    if "{id}" not in operation.path:
        return []
    schema = {"type": "string", "pattern": "^ver_[0-9a-f]{32}$"}
    return [{"name": "id", "in": "path", "required": True, "schema": schema}]


def _query(operation: Operation) -> list[dict[str, Any]]:
    """Return the query parameters, from their model."""
    if operation.parameters is None:
        return []
    found = operation.parameters.model_json_schema(ref_template=_SCHEMAS + "{model}")
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.get("description", ""),
            "schema": _without_null(schema),
        }
        for name, schema in found["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a query parameter: it is there, or it is not; a query has no null."""
    kept = {key: value for key, value in schema.items() if key not in {"description", "title"}}
    if "anyOf" in kept:
        (kind,) = (one for one in kept["anyOf"] if one != {"type": "null"})
        return dict(kind)
    return kept


def _request_headers(operation: Operation) -> list[dict[str, Any]]:
    version = {
        "name": "Proofing-Version",
        "in": "header",
        "required": False,
        "description": f"Version of the API; without it, {VERSION}.",
        "schema": {"type": "string", "enum": list(VERSIONS)},
    }
    if not operation.is_idempotent:
        return [version]
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A random text of your own for this one request, quoted or bare. Kept for 48 hours.",
        "schema": {"type": "string", "pattern": _KEY_PATTERN},
    }
    return [version, key]


def _success(operation: Operation) -> dict[str, Any]:
    headers = ["Request-Id", "Proofing-Version", "RateLimit", "RateLimit-Policy"]
    if operation.is_idempotent:
        headers.append("Idempotency-Replayed")
    links = {
        one.name: {"operationId": one.name, "parameters": {"id": "$response.body#/id"}}
        for one in OPERATIONS
        if operation.status == _CREATED and "{id}" in one.path
    }
    return {
        **({"links": links} if links else {}),
        "description": operation.summary,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {_JSON: {"schema": {"$ref": _SCHEMAS + operation.answer.__name__}}},
    }


def _problems(codes: list[Code]) -> dict[str, Any]:
    """Return the refusals by status, with their codes."""
    by_status: dict[int, list[Code]] = {}
    for code in codes:
        by_status.setdefault(REFUSALS[code].status, []).append(code)
    return {
        str(status): {
            "description": ", ".join(f"`{code}`" for code in found),
            "headers": {
                name: {"$ref": f"#/components/headers/{name}"} for name in ("Request-Id", "Proofing-Version")
            },
            "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS + "Problem"}}},
        }
        for status, found in sorted(by_status.items())
    }


def _headers() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "Request-Id": {"description": "Quote it when you ask the operator.", "schema": text},
        "Proofing-Version": {"description": "The version that answered.", "schema": text},
        "RateLimit": {"description": "Requests left, and seconds until more: r and t.", "schema": text},
        "RateLimit-Policy": {"description": "Requests in a window of seconds: q and w.", "schema": text},
        "Idempotency-Replayed": {
            "description": "true: the answer to an earlier request with this key, and nothing was changed.",
            "schema": {"type": "string", "enum": ["true"]},
        },
    }


def _models() -> dict[str, Any]:
    """Return the schemas of all bodies and answers."""
    wanted: dict[tuple[type[BaseModel], Any], None] = {(schemas.Problem, "serialization"): None}
    for operation in OPERATIONS:
        if operation.body is not None:
            wanted[operation.body, "validation"] = None
        if operation.parameters is not None:
            wanted[operation.parameters, "validation"] = None
        wanted[operation.answer, "serialization"] = None
    _, found = models_json_schema(list(wanted), ref_template=_SCHEMAS + "{model}")
    definitions: dict[str, Any] = found["$defs"]
    for operation in OPERATIONS:
        if operation.parameters is not None:
            # Their fields are parameters of the operation.
            definitions.pop(operation.parameters.__name__, None)
    sent = {model.__name__ for model, mode in wanted if mode == "validation"}
    for name, schema in definitions.items():
        if name not in sent and "properties" in schema:
            _leave_out_null(schema)
    return definitions


def _leave_out_null(schema: dict[str, Any]) -> None:
    """Change the schema of an answer: what has the default null is absent instead."""
    for field in schema["properties"].values():
        if "default" in field and field["default"] is None:
            del field["default"]
            (kind,) = (one for one in field.pop("anyOf") if one != {"type": "null"})
            field.update(kind)
