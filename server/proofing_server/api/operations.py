"""The operations of `/v1`, one entry each: what routes, checks and openapi.json are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from proofing.verifications.credentials import Scope
from proofing_server.api import schemas
from proofing_server.api.problems import VERSION, Code

#: Versions that a request may name.
VERSIONS = (VERSION,)
ONE = "/v1/verifications/{id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        name: its id in openapi.json, and that of its handler.
        scope: that a key needs.
        body: model of the request's body; None for none.
        parameters: model of the query; None for none.
        answer: model of the answer.
        status: HTTP status of a success.
        codes: refusals besides those that all operations have.
        is_idempotent: whether it takes an idempotency key.
        mode_is_test: whether only keys of mode test may call it.
    """

    name: str
    method: str
    path: str
    scope: Scope
    summary: str
    answer: type[BaseModel]
    status: int = 200
    description: str = ""
    body: type[BaseModel] | None = None
    parameters: type[BaseModel] | None = None
    codes: Sequence[Code] = ()
    is_idempotent: bool = False
    mode_is_test: bool = False


#: Refusals that every operation has; MISSING_SCOPE names the scope.
COMMON_CODES = (
    Code.INVALID_REQUEST,
    Code.UNSUPPORTED_VERSION,
    Code.UNAUTHORIZED,
    Code.MISSING_SCOPE,
    Code.RATE_LIMITED,
    Code.SERVER_ERROR,
    Code.UNAVAILABLE,
)
_BODY_CODES = (
    Code.INVALID_JSON,
    Code.TOO_SLOW,
    Code.TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_FIELDS,
)
_IDEMPOTENT_CODES = (Code.INVALID_IDEMPOTENCY_KEY, Code.REQUEST_IN_PROGRESS, Code.IDEMPOTENCY_KEY_REUSED)

OPERATIONS = (
    Operation(
        name="create_verification",
        method="POST",
        path="/v1/verifications",
        scope=Scope.VERIFICATIONS_WRITE,
        summary="Create a verification",
        description="Send the person to link.url: it opens once, for a while. Repeat a request that was not "
        "answered with the same Idempotency-Key: it gives the same answer, the same link included. A subject "
        "has one open verification of a policy.",
        body=schemas.CreateVerification,
        answer=schemas.FullVerificationView,
        status=201,
        codes=(Code.POLICY_NOT_ALLOWED, Code.RETURN_URL_NOT_ALLOWED, Code.VERIFICATION_OPEN),
        is_idempotent=True,
    ),
    Operation(
        name="list_verifications",
        method="GET",
        path="/v1/verifications",
        scope=Scope.VERIFICATIONS_READ,
        summary="List verifications, newest first",
        parameters=schemas.ListParameters,
        answer=schemas.VerificationList,
        codes=(Code.INVALID_CURSOR,),
    ),
    Operation(
        name="search_verifications",
        method="POST",
        path="/v1/verifications/search",
        scope=Scope.VERIFICATIONS_READ,
        summary="List the verifications of one subject, newest first",
        body=schemas.SearchVerifications,
        answer=schemas.VerificationList,
        codes=(Code.INVALID_CURSOR,),
    ),
    Operation(
        name="get_verification",
        method="GET",
        path=ONE,
        scope=Scope.VERIFICATIONS_READ,
        summary="Get a verification",
        answer=schemas.FullVerificationView,
        codes=(Code.NOT_FOUND,),
    ),
    Operation(
        name="cancel_verification",
        method="POST",
        path=f"{ONE}/cancel",
        scope=Scope.VERIFICATIONS_WRITE,
        summary="Cancel an open verification",
        description="A result that arrives later is discarded. One that is canceled already stays so.",
        answer=schemas.VerificationView,
        codes=(Code.NOT_FOUND, Code.WRONG_STATE),
        is_idempotent=True,
    ),
    Operation(
        name="redact_verification",
        method="POST",
        path=f"{ONE}/redact",
        scope=Scope.VERIFICATIONS_WRITE,
        summary="Delete the personal data of a verification that has ended",
        description="Deletes subject, metadata, claims that were not collected, the person's sessions, "
        "results and images. The outcome stays. One that is redacted already stays so.",
        answer=schemas.VerificationView,
        codes=(Code.NOT_FOUND, Code.WRONG_STATE),
        is_idempotent=True,
    ),
    Operation(
        name="create_link",
        method="POST",
        path=f"{ONE}/link",
        scope=Scope.VERIFICATIONS_WRITE,
        summary="Make a new link, with which the person continues",
        description="The link before it opens nothing from then on.",
        answer=schemas.VerificationView,
        status=201,
        codes=(Code.NOT_FOUND, Code.WRONG_STATE),
        is_idempotent=True,
    ),
    Operation(
        name="collect_claims",
        method="POST",
        path=f"{ONE}/claims",
        scope=Scope.CLAIMS_READ,
        summary="Collect the released attributes of the person, once",
        answer=schemas.CollectedClaims,
        codes=(Code.NOT_FOUND, Code.WRONG_STATE, Code.CLAIMS_GONE),
    ),
    Operation(
        name="decide_review",
        method="POST",
        path=f"{ONE}/decision",
        scope=Scope.REVIEWS_WRITE,
        summary="Decide a review",
        body=schemas.DecideReview,
        answer=schemas.VerificationView,
        codes=(Code.NOT_FOUND, Code.WRONG_STATE),
        is_idempotent=True,
    ),
    Operation(
        name="list_events",
        method="GET",
        path="/v1/events",
        scope=Scope.EVENTS_READ,
        summary="List events in the order in which they happened",
        description="For those who poll, alone or alongside webhooks: keep next_cursor and send it the next "
        "time. No event is skipped.",
        parameters=schemas.EventParameters,
        answer=schemas.EventList,
        codes=(Code.INVALID_CURSOR,),
    ),
    Operation(
        name="simulate_outcome",
        method="POST",
        path="/v1/test/verifications/{id}/simulate",
        scope=Scope.VERIFICATIONS_WRITE,
        summary="Bring a verification of mode test to any outcome",
        description="Without a browser and a vendor, by the rules and with the events of a real one.",
        body=schemas.SimulateOutcome,
        answer=schemas.VerificationView,
        codes=(Code.NOT_FOUND, Code.WRONG_STATE, Code.TEST_KEY_REQUIRED),
        mode_is_test=True,
    ),
)


def codes_of(operation: Operation) -> list[Code]:
    """Return every code with which the operation can be refused."""
    found = [*COMMON_CODES, *operation.codes]
    if operation.method == "POST":
        found += _BODY_CODES
    if operation.is_idempotent:
        found += _IDEMPOTENT_CODES
    return found
