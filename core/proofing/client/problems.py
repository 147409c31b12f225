"""Refusals of the API as exceptions, by their HTTP status; programs decide by `code`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class ProofingAPIError(Exception):
    """Base of everything that a client raises."""


class NoAnswerError(ProofingAPIError):
    """The server did not answer, or not as the API does; the request may have been carried out."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that is wrong: its JSON Pointer, or the name of a parameter, and what it must be."""

    pointer: str
    detail: str


class ProblemError(ProofingAPIError):
    """The API refused the request (RFC 9457).

    Attributes:
        status: HTTP status.
        code: stable name of the reason, such as ``verification_open``.
        detail: what to do, for people.
        errors: fields that are wrong.
        request_id: to be quoted to the operator.
        members: further members of the answer, such as ``verification`` or ``state``.
        retry_after: seconds after which to try again; None when the API does not say.
    """

    def __init__(
        self,
        status: int,
        body: Mapping[str, Any],
        *,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Take the parts of the answer."""
        self.status = status
        self.code = str(body.get("code", ""))
        self.detail = str(body.get("detail", ""))
        self.errors: Sequence[FieldProblem] = tuple(
            FieldProblem(str(one.get("pointer", "")), str(one.get("detail", "")))
            for one in body.get("errors", ())
        )
        self.request_id = request_id
        self.members = dict(body)
        self.retry_after = retry_after
        super().__init__(f"{status} {self.code}: {self.detail} (request {request_id})")


class InvalidRequestError(ProblemError):
    """400, 413, 415 or 422: the request is wrong; repeating it does not help."""


class UnauthorizedError(ProblemError):
    """401: the API key is not usable."""


class ForbiddenError(ProblemError):
    """403: the API key may not do this."""


class NotFoundError(ProblemError):
    """404: nothing with this id belongs to the API key."""


class ConflictError(ProblemError):
    """409 or 410: the state of the verification does not allow it, or not anymore."""


class RateLimitedError(ProblemError):
    """429: too many requests."""


class UnavailableError(ProblemError):
    """5xx: try again later."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ConflictError,
    429: RateLimitedError,
}
_FIRST_SERVER_ERROR = 500


def problem_of(
    status: int, body: Mapping[str, Any], *, request_id: str, retry_after: float | None
) -> ProblemError:
    """Return the exception for a refusal."""
    default = UnavailableError if status >= _FIRST_SERVER_ERROR else InvalidRequestError
    kind = _BY_STATUS.get(status, default)
    return kind(status, body, request_id=request_id, retry_after=retry_after)
