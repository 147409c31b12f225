"""The check of a machine-readable zone, and the health check.

The service answers ``YES`` or ``NO``; everything else is no answer. The zone is sent as the document vendor
delivered it, with its line breaks or without: which form the service wants is not documented.
"""

import re
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from proofing.plugin import (
    Cause,
    DocumentType,
    Match,
    Outcome,
    PassportResult,
    ProofingContext,
    ProofingRequest,
    VendorContext,
    VendorError,
    VendorResponse,
)

if TYPE_CHECKING:
    from proofing_dos import DOSSettings

_NAME = "dos:passport"
_CORRELATION_ID = "x-correlation-id"
_CATEGORIES: Mapping[str, str] = MappingProxyType(
    {DocumentType.PASSPORT.value: "book", DocumentType.PASSPORT_CARD.value: "card"}
)
_OUTCOMES: Mapping[str, Outcome] = MappingProxyType({"YES": Outcome.PASSED, "NO": Outcome.FAILED})
_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
#: Short, so that no number of a passport is one.
_ERROR_CODE = re.compile(r"[A-Z][A-Z_]{0,39}|[0-9]{1,6}", re.ASCII)
_UP = "up"
_HEALTH_SECONDS = 5.0


class PassportCheck:
    """Asks the Department of State about passport books and cards."""

    def __init__(self, settings: "DOSSettings") -> None:
        """Take addresses and credentials from *settings*."""
        self._settings = settings

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> PassportResult:
        """Ask once."""
        mrz, category = request.applicant.mrz, _CATEGORIES.get(request.applicant.document_type_received or "")
        if not mrz or category is None:
            message = "a passport check needs the machine-readable zone of a passport book or card"
            raise VendorError(Cause.BAD_REQUEST, message, vendor_name=_NAME)
        correlation_id = str(uuid.uuid4())
        response = await context.http.post(
            self._settings.mrz_url,
            json_body={"mrz": mrz, "category": category},
            headers={
                _CORRELATION_ID: correlation_id,
                "client-id": self._settings.client_id.get_secret_value(),
                "client-secret": self._settings.client_secret.get_secret_value(),
            },
        )
        received = response.headers.get(_CORRELATION_ID, "")
        transaction_id = received if _ID.fullmatch(received) else correlation_id
        outcome = _read(response, transaction_id)
        passed = outcome is Outcome.PASSED
        return PassportResult(
            vendor_name=_NAME,
            outcome=outcome,
            attributes={"mrz": Match.MATCH if passed else Match.MISMATCH},
            reasons=() if passed else ("passport_mismatch",),
            transaction_id=transaction_id,
            reference=correlation_id,
        )

    async def check(self, context: VendorContext) -> str | None:
        """Return what the health check says is wrong, None when the service and all that it needs are up."""
        with context.unbilled():
            response = await context.http.get(self._settings.health_url, timeout_seconds=_HEALTH_SECONDS)
        return (
            None
            if _is_up(response.require_success().json())
            else "the health check does not say that all is up"
        )


def _read(response: VendorResponse, transaction_id: str) -> Outcome:
    """Return the answer. Raises `VendorError`, which holds nothing of the body but a short code."""
    try:
        response.require_success()
    except VendorError as error:
        error.codes += _error_codes(response)
        error.transaction_id = transaction_id
        raise
    body = response.json()
    answer = body.get("response") if isinstance(body, dict) and body.get("error") is None else None
    if not isinstance(answer, str) or answer not in _OUTCOMES:
        message = "the answer is neither YES nor NO"
        raise VendorError(Cause.NONSENSE, message, vendor_name=_NAME, transaction_id=transaction_id)
    return _OUTCOMES[answer]


def _error_codes(response: VendorResponse) -> tuple[str, ...]:
    """Return the code of an error body, which is an object, a text, or missing."""
    try:
        body = response.json()
    except VendorError:
        return ()
    error = body.get("error") if isinstance(body, dict) else None
    # No other type than text and number looks like a code.
    text = str(error.get("code")) if isinstance(error, dict) else ""
    return (text,) if _ERROR_CODE.fullmatch(text) else ()


def _is_up(health: Any) -> bool:
    """Return whether a service, and each one below it, is up."""
    if not isinstance(health, dict):
        return False
    status, below = health.get("status"), health.get("downstreamHealth")
    is_up = isinstance(status, str) and status.lower() == _UP
    return is_up and (below is None or (isinstance(below, list) and all(map(_is_up, below))))
