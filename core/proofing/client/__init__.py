"""A typed client of the relying-party API, and verification of webhooks, for relying parties' back ends.

It needs httpx, and nothing else of Proofing. docs/howto/ask-for-a-verification.md
"""

from proofing.client.api import AsyncClient, Client
from proofing.client.models import Event, Link, Verification
from proofing.client.problems import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    ProblemError,
    ProofingAPIError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)

__all__ = [
    "AsyncClient",
    "Client",
    "ConflictError",
    "Event",
    "FieldProblem",
    "ForbiddenError",
    "InvalidRequestError",
    "Link",
    "NoAnswerError",
    "NotFoundError",
    "ProblemError",
    "ProofingAPIError",
    "RateLimitedError",
    "UnauthorizedError",
    "UnavailableError",
    "Verification",
]
