"""Refusals of `/v1`, as RFC 9457 describes them: an HTTP status, a stable code, and what to do.

No refusal repeats what was sent.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from proofing_server.security import request_reference

#: The version of the API by its day; a request without one gets it.
VERSION = "2026-11-30"
MEDIA_TYPE = "application/problem+json"


class Code(StrEnum):
    """What a program decides by; a code keeps its meaning."""

    INVALID_REQUEST = "invalid_request"
    INVALID_JSON = "invalid_json"
    INVALID_CURSOR = "invalid_cursor"
    INVALID_IDEMPOTENCY_KEY = "invalid_idempotency_key"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNAUTHORIZED = "unauthorized"
    MISSING_SCOPE = "missing_scope"
    TEST_KEY_REQUIRED = "test_key_required"
    POLICY_NOT_ALLOWED = "policy_not_allowed"
    RETURN_URL_NOT_ALLOWED = "return_url_not_allowed"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_SLOW = "too_slow"
    VERIFICATION_OPEN = "verification_open"
    WRONG_STATE = "wrong_state"
    CLAIMS_GONE = "claims_gone"
    REQUEST_IN_PROGRESS = "request_in_progress"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_FIELDS = "invalid_fields"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"


class _Refusal(NamedTuple):
    status: int
    detail: str


REFUSALS: Mapping[Code, _Refusal] = {
    Code.INVALID_REQUEST: _Refusal(
        400, "A parameter or header is invalid or unknown; errors says which, or which there are."
    ),
    Code.INVALID_JSON: _Refusal(
        400, "The body is not a JSON object in UTF-8 without duplicate keys, at most 8 levels deep."
    ),
    Code.INVALID_CURSOR: _Refusal(
        400, "The cursor is not one that this list returned. Begin again without a cursor."
    ),
    Code.INVALID_IDEMPOTENCY_KEY: _Refusal(
        400, "Idempotency-Key must be 1 to 255 visible ASCII characters, quoted or bare."
    ),
    Code.UNSUPPORTED_VERSION: _Refusal(
        400, "Proofing-Version is not a version of this API. Leave it out, or send one of the reference."
    ),
    Code.UNAUTHORIZED: _Refusal(
        401, "The request needs a usable API key: Authorization: Bearer proofing_key_…"
    ),
    Code.MISSING_SCOPE: _Refusal(403, "The API key lacks a scope that this operation needs; scope names it."),
    Code.TEST_KEY_REQUIRED: _Refusal(403, "Only a key of mode test may do this."),
    Code.POLICY_NOT_ALLOWED: _Refusal(
        403, "The relying party may not ask for this policy. The operator lists policies in the settings."
    ),
    Code.RETURN_URL_NOT_ALLOWED: _Refusal(
        403, "return_url is not one of the relying party's. The operator lists them in the settings."
    ),
    Code.NOT_FOUND: _Refusal(404, "There is nothing at this address for this API key."),
    Code.METHOD_NOT_ALLOWED: _Refusal(405, "This address has no such method; Allow lists those it has."),
    Code.TOO_SLOW: _Refusal(408, "The body took too long to arrive. Send the request again."),
    Code.VERIFICATION_OPEN: _Refusal(
        409, "The subject has an open verification of this policy; verification names it. Use or cancel it."
    ),
    Code.WRONG_STATE: _Refusal(409, "The verification is not in a state that allows this; state names it."),
    Code.CLAIMS_GONE: _Refusal(
        410, "There are no claims to collect: they were collected, expired or redacted, or none are released."
    ),
    Code.REQUEST_IN_PROGRESS: _Refusal(
        409, "A request with this Idempotency-Key is in progress. Send it again after Retry-After seconds."
    ),
    Code.TOO_LARGE: _Refusal(413, "The body is too large: at most 64 KiB."),
    Code.UNSUPPORTED_MEDIA_TYPE: _Refusal(415, "The body must have the content type application/json."),
    Code.INVALID_FIELDS: _Refusal(
        422, "Fields of the body are invalid or unknown; errors says which, or which there are."
    ),
    Code.IDEMPOTENCY_KEY_REUSED: _Refusal(
        422, "This Idempotency-Key was used for another request. Use a new key for each request."
    ),
    Code.RATE_LIMITED: _Refusal(
        429, "Too many requests in this minute. Send the request again after Retry-After seconds."
    ),
    Code.SERVER_ERROR: _Refusal(500, "Something failed on our side. Quote Request-Id to the operator."),
    Code.UNAVAILABLE: _Refusal(
        503, "A store does not answer. Send the request again, with the same Idempotency-Key."
    ),
}

#: HTTP status to the code of refusals that are made outside of the API's own operations.
CODE_OF_STATUS: Mapping[int, Code] = {
    400: Code.INVALID_REQUEST,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    408: Code.TOO_SLOW,
    413: Code.TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
    503: Code.UNAVAILABLE,
}


class FieldError(NamedTuple):
    """One field that is wrong.

    Attributes:
        pointer: JSON Pointer into the body, "" being all of it; or name of the parameter or header, "query"
            being all parameters.
        detail: what it must be. Never the value.
    """

    pointer: str
    detail: str


class ProblemError(Exception):
    """The request is refused.

    Attributes:
        code: why.
        errors: fields that are wrong.
        members: further members of the answer, without values that were sent.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        code: Code,
        *,
        errors: Sequence[FieldError] = (),
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the *code* and what belongs to it."""
        self.code = code
        self.errors = tuple(errors)
        self.members = dict(members or {})
        self.headers = dict(headers or {})
        super().__init__(code.value)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return REFUSALS[self.code].status

    def body(self) -> dict[str, Any]:
        """Return the members of the answer. It has no type of its own: the code is one."""
        found: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code.value,
            "detail": REFUSALS[self.code].detail,
        }
        if self.errors:
            found["errors"] = [{"pointer": one.pointer, "detail": one.detail} for one in self.errors]
        return found | self.members

    def response(self) -> Response:
        """Return the answer."""
        return problem_response(self.status, self.body(), self.headers)


def problem_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Return a problem of RFC 9457 with *body*."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, dict(headers), media_type=MEDIA_TYPE)


def api_headers(scope: Scope) -> dict[str, str]:
    """Return the headers of every answer of the API."""
    return {"Proofing-Version": VERSION, "Request-Id": request_reference(scope)}


def refuse_call(request: Request, status: int) -> Response:
    """Answer an HTTP error that was found around the API's own operations."""
    problem = ProblemError(CODE_OF_STATUS.get(status, Code.SERVER_ERROR), headers=api_headers(request.scope))
    return problem.response()
