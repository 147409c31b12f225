"""How a request to `/v1` becomes a call of an operation: key, limit, version, scope, body; and its answer."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from proofing.app.relying_parties import Caller, RequestAllowance
from proofing.base.errors import (
    BackendUnavailableError,
    LinkRefusedError,
    StoreUnavailableError,
    Trouble,
    VerificationNotFoundError,
    VerificationStateError,
)
from proofing.contracts.verification_store import IdempotentAnswer
from proofing.contracts.verifications import Mode
from proofing.verifications.idempotency import (
    IdempotencyKeyReusedError,
    IdempotentRequest,
    RequestInProgressError,
    read_key,
)
from proofing_server.api.operations import VERSIONS, Operation
from proofing_server.api.problems import (
    VERSION,
    Code,
    FieldError,
    ProblemError,
    api_headers,
    problem_response,
)
from proofing_server.bodies import read_json
from proofing_server.measuring import note_cause
from proofing_server.site import Site, site_of

#: How long an operation may take; of each store call the deadline is shorter, but several add up.
_SECONDS = 10.0
_RETRY_SECONDS = 5
_TWIN_RETRY_SECONDS = 1
_WINDOW_SECONDS = 60
_JSON = "application/json"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="proofing"'}
#: Refusals that were decided, and are answered again to the same request.
_DECIDED = frozenset({404, 409, 410})
#: Types of pydantic's errors whose messages speak of Python, or are no sentence.
_RULES = {
    "missing": "is required",
    "model_type": "should be an object",
    "dict_type": "should be an object",
    "list_type": "should be an array",
}
#: What pydantic's messages begin with; ours begin with the name of the field.
_SUBJECT = re.compile("^(Input|String|List|Dictionary|Value error,) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an operation.

    Attributes:
        site: of the server.
        caller: who calls.
        operation: which is called.
        id: of the verification in the path; "" for none.
        body: checked; None where the operation has none.
        parameters: of the query, checked; None where the operation has none.
        idempotent: the request under its idempotency key; None without one.
    """

    site: Site
    caller: Caller
    operation: Operation
    id: str = ""
    body: Any = None
    parameters: Any = None
    idempotent: IdempotentRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation answers with success.

    Attributes:
        content: JSON as the operation's model of an answer describes it.
        is_replayed: whether it is the answer to an earlier request with this idempotency key.
    """

    content: Mapping[str, Any]
    is_replayed: bool = False


Handler = Callable[[Call], Awaitable[Answer]]
#: Makes the answer again from what was kept of it.
Replay = Callable[[Call, Mapping[str, Any]], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Implementation:
    """What an operation does.

    Attributes:
        handler: does it.
        replay: of an operation that takes idempotency keys.
        seconds: how long it may take.
    """

    handler: Handler
    replay: Replay | None = None
    seconds: float = _SECONDS


@dataclass(slots=True)
class _Exchange:
    """One request and the headers that its answer will have."""

    request: Request
    headers: dict[str, str] = field(default_factory=dict)


class Endpoint:
    """ASGI application of one path: it has every method, and refuses those that no operation has.

    Otherwise the router would look for another path that matches, and might find one.
    """

    def __init__(self, implementations: Mapping[str, tuple[Operation, Implementation]]) -> None:
        """Take what the path does, by method."""
        self._implementations = implementations
        also = ["HEAD"] if "GET" in implementations else []
        self._allow = ", ".join(sorted([*implementations, *also]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        response = await self._respond(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        exchange = _Exchange(request, api_headers(request.scope))
        found = self._implementations.get("GET" if request.method == "HEAD" else request.method)
        try:
            if found is None:
                raise ProblemError(Code.METHOD_NOT_ALLOWED, headers={"Allow": self._allow})
            operation, implementation = found
            async with asyncio.timeout(implementation.seconds):
                response = await _answer(exchange, operation, implementation)
        except ProblemError as problem:
            response = problem.response()
        except (BackendUnavailableError, TimeoutError) as error:
            response = _unavailable(request, error)
        response.headers.update(exchange.headers)
        return response


async def _answer(exchange: _Exchange, operation: Operation, implementation: Implementation) -> Response:
    """Check the request and call the operation. Raises `ProblemError`."""
    request = exchange.request
    site = site_of(request)
    caller = await _authenticate(site, request)
    await _count(site, caller, exchange)
    _require_version(request)
    _require_right(caller, operation)
    parameters = _parameters(request, operation)
    body, sent = await _body(request, operation)
    idempotent = _idempotent(site, request, caller, operation, sent)
    call = Call(
        site=site,
        caller=caller,
        operation=operation,
        id=request.path_params.get("id", ""),
        body=body,
        parameters=parameters,
        idempotent=idempotent,
    )
    answer = await (_call(call, implementation) if idempotent is None else _once(call, implementation))
    if isinstance(answer, Response):
        return answer
    response = Response(_json(answer.content), operation.status, media_type=_JSON)
    if answer.is_replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


async def _authenticate(site: Site, request: Request) -> Caller:
    """Return who calls, by the API key. Cookies and every other kind of credential count for nothing."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ProblemError(Code.UNAUTHORIZED, headers=_CHALLENGE)
    caller = await site.service.relying_parties.recognize(token.strip(" "))
    if caller is None:
        challenge = {"WWW-Authenticate": _CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'}
        raise ProblemError(Code.UNAUTHORIZED, headers=challenge)
    return caller


async def _count(site: Site, caller: Caller, exchange: _Exchange) -> None:
    """Count the request, and refuse it beyond the limit."""
    allowance = await site.service.relying_parties.count_request(caller)
    exchange.headers |= _limit_headers(allowance)
    if not allowance.is_granted:
        raise ProblemError(Code.RATE_LIMITED, headers={"Retry-After": str(_seconds(allowance))})


def _limit_headers(allowance: RequestAllowance) -> dict[str, str]:
    """Return the headers of draft-ietf-httpapi-ratelimit-headers-10."""
    return {
        "RateLimit-Policy": f'"minute";q={allowance.maximum};w={_WINDOW_SECONDS}',
        "RateLimit": f'"minute";r={allowance.remaining};t={_seconds(allowance)}',
    }


def _seconds(allowance: RequestAllowance) -> int:
    """Return the seconds until more requests are granted, rounded up."""
    return int(allowance.seconds_left) + 1


def _require_version(request: Request) -> None:
    if request.headers.get("proofing-version", VERSION) not in VERSIONS:
        raise ProblemError(Code.UNSUPPORTED_VERSION)


def _require_right(caller: Caller, operation: Operation) -> None:
    if operation.scope not in caller.scopes:
        raise ProblemError(Code.MISSING_SCOPE, members={"scope": operation.scope.value})
    if operation.mode_is_test and caller.party.mode is not Mode.TEST:
        raise ProblemError(Code.TEST_KEY_REQUIRED)


def _parameters(request: Request, operation: Operation) -> BaseModel | None:
    """Return the checked query; what the operation does not know is refused, not ignored."""
    pairs = request.query_params.multi_items()
    sent = dict(pairs)
    known = [] if operation.parameters is None else list(operation.parameters.model_fields)
    if set(sent) - set(known):
        errors = [FieldError("query", _unknown("parameter", known))]
        raise ProblemError(Code.INVALID_REQUEST, errors=errors)
    if len(sent) != len(pairs):
        names = [name for name, _ in pairs]
        errors = [FieldError(name, "is there twice") for name in known if names.count(name) > 1]
        raise ProblemError(Code.INVALID_REQUEST, errors=errors)
    if operation.parameters is None:
        return None
    try:
        return operation.parameters.model_validate(sent)
    except ValidationError as error:
        errors = _errors(error, operation.parameters, prefix="")
        raise ProblemError(Code.INVALID_REQUEST, errors=errors) from None


async def _body(request: Request, operation: Operation) -> tuple[BaseModel | None, Mapping[str, Any]]:
    """Return the checked body, and what was sent."""
    if operation.method != "POST":
        return None, {}
    if operation.body is None:
        if not await request.body():
            return None, {}
        if await _read_object(request):
            raise ProblemError(Code.INVALID_FIELDS, errors=[FieldError("", "must be empty")])
        return None, {}
    sent = await _read_object(request)
    try:
        return operation.body.model_validate(sent), sent
    except ValidationError as error:
        errors = _errors(error, operation.body, prefix="/")
        raise ProblemError(Code.INVALID_FIELDS, errors=errors) from None


async def _read_object(request: Request) -> dict[str, Any]:
    try:
        return await read_json(request)
    except HTTPException as error:
        code = Code.UNSUPPORTED_MEDIA_TYPE if error.status_code == 415 else Code.INVALID_JSON  # noqa: PLR2004
        raise ProblemError(code) from None


def _errors(error: ValidationError, model: type[BaseModel], *, prefix: str) -> list[FieldError]:
    """Return what is wrong with fields of *model*, without a name or value that was sent."""
    found: dict[str, FieldError] = {}
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(one["loc"][0]) if one["loc"] else ""
        if name in model.model_fields:
            found.setdefault(name, FieldError(prefix + name, _rule(one, model.model_fields[name])))
        else:
            found.setdefault("", FieldError("", _unknown("field", list(model.model_fields))))
    return list(found.values())


def _unknown(noun: str, known: Sequence[str]) -> str:
    """Return the rule that an unknown *noun* broke, without its name: that may hold personal data."""
    return f"has an unknown {noun}; " + (f"allowed are: {', '.join(known)}" if known else "none is allowed")


def _rule(error: ErrorDetails, field: FieldInfo) -> str:
    """Return what *error* says about its field, as the rest of a sentence that begins with the field."""
    if error["type"] in ("enum", "literal_error"):
        return f"must be one of: {', '.join(_choices(field.annotation))}"
    if error["type"] == "string_pattern_mismatch" and field.description:
        # The pattern itself explains nothing.
        return f"must be as described: {field.description}"
    if error["type"] in _RULES:
        return _RULES[error["type"]]
    return _SUBJECT.sub("", error["msg"])


def _choices(annotation: Any) -> list[str]:
    """Return the values that an annotation lists, as JSON has them."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [one.value for one in annotation]
    if get_origin(annotation) is Literal:
        return [str(one) for one in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]


def _idempotent(
    site: Site, request: Request, caller: Caller, operation: Operation, sent: Mapping[str, Any]
) -> IdempotentRequest | None:
    """Return the request under its idempotency key, if it has one and the operation takes any."""
    header = request.headers.get("idempotency-key")
    if header is None or not operation.is_idempotent:
        return None
    try:
        key = read_key(header)
    except ValueError:
        raise ProblemError(Code.INVALID_IDEMPOTENCY_KEY) from None
    return site.service.relying_parties.idempotency.request(
        relying_party=caller.party.name,
        mode=caller.party.mode,
        method=operation.method,
        route=operation.path,
        key=key,
        path=request.url.path,
        version=VERSION,
        body=sent,
    )


async def _call(call: Call, implementation: Implementation) -> Answer:
    """Call the operation, and put the refusals of the core into the words of the API."""
    try:
        return await implementation.handler(call)
    except VerificationNotFoundError:
        raise ProblemError(Code.NOT_FOUND) from None
    except LinkRefusedError:
        raise ProblemError(Code.WRONG_STATE) from None
    except VerificationStateError as error:
        reason = {} if error.code == "state" else {"reason": error.code}
        raise ProblemError(Code.WRONG_STATE, members={"state": error.state, **reason}) from None


async def _once(call: Call, implementation: Implementation) -> Answer | Response:
    """Call the operation unless its answer is kept; keep a refusal that was decided."""
    request = call.idempotent
    idempotency = call.site.service.relying_parties.idempotency
    assert request is not None  # noqa: S101 - of the one caller
    try:
        async with idempotency.only_one(request) as kept:
            if kept is not None:
                return replayed(call, implementation, kept)
            try:
                return await _call(call, implementation)
            except ProblemError as problem:
                if problem.status in _DECIDED:
                    at = call.site.service.verifications.now()
                    await idempotency.keep_refusal(request.answer(problem.status, problem.body(), at=at))
                raise
            except AnsweredElsewhereError as twin:
                return replayed(call, implementation, request.require_same(twin.kept))
    except IdempotencyKeyReusedError:
        raise ProblemError(Code.IDEMPOTENCY_KEY_REUSED) from None
    except RequestInProgressError:
        headers = {"Retry-After": str(_TWIN_RETRY_SECONDS)}
        raise ProblemError(Code.REQUEST_IN_PROGRESS, headers=headers) from None


class AnsweredElsewhereError(Exception):
    """The store has an answer to this request: a twin on another host was first.

    Attributes:
        kept: that answer.
    """

    def __init__(self, kept: IdempotentAnswer) -> None:
        """Take the answer that is *kept*."""
        self.kept = kept
        super().__init__("answered elsewhere")


def replayed(call: Call, implementation: Implementation, kept: IdempotentAnswer) -> Answer | Response:
    """Return the first answer again."""
    value: dict[str, Any] = json.loads(kept.answer)
    if kept.status in _DECIDED:
        return problem_response(kept.status, value, {"Idempotency-Replayed": "true"})
    assert implementation.replay is not None  # noqa: S101 - every operation that keeps answers has one
    return implementation.replay(call, value)


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _unavailable(request: Request, error: Exception) -> Response:
    """Say that a store does not answer. With an idempotency key it is safe to try again."""
    cause = (
        StoreUnavailableError("an operation took too long", trouble=Trouble.TIMEOUT)
        if isinstance(error, TimeoutError)
        else error
    )
    note_cause(request.scope, cause)
    return ProblemError(Code.UNAVAILABLE, headers={"Retry-After": str(_RETRY_SECONDS)}).response()
