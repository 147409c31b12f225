"""An honest vendor: a wallet answers with claims that are signed for one nonce."""

import hashlib
import hmac
import json
from datetime import timedelta

from pydantic import SecretStr

from proofing.plugin import (
    Answered,
    Applicant,
    Assurance,
    Cause,
    DocumentResult,
    DocumentType,
    Exchange,
    Outcome,
    Pending,
    PluginSettings,
    ProoferDescriptor,
    ProoferKind,
    VendorError,
    hookimpl,
)

NAME = "wallet"
OUTCOMES = {"valid": Outcome.PASSED, "revoked": Outcome.FAILED}


class Settings(PluginSettings):
    """The section."""

    issuer_secret: SecretStr


class Vendor:
    """Offers a request, and verifies what is presented."""

    def __init__(self, settings):
        self.key = settings.issuer_secret.get_secret_value().encode()

    async def proof(self, request, context):
        """Ask the wallet."""
        nonce = hashlib.sha256(context.question_id.encode()).hexdigest()
        return Pending(
            state={"nonce": nonce},
            then=Exchange(requests={"openid4vp": {"nonce": nonce, "response_uri": context.answer_url}}),
            expires_at=context.now() + timedelta(minutes=10),
        )

    async def resume(self, request, pending, because, context):
        """Verify the presentation."""
        if not isinstance(because, Answered):
            raise VendorError(Cause.ABANDONED, "the wallet did not answer", vendor_name=NAME)
        try:
            posted = json.loads(because.body)
            claims, proof = posted["claims"], bytes.fromhex(posted["proof"])
            signed = json.dumps(claims, sort_keys=True).encode() + pending.state["nonce"].encode()
            is_genuine = hmac.compare_digest(hmac.new(self.key, signed, "sha256").digest(), proof)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise VendorError(Cause.NONSENSE, "no presentation", vendor_name=NAME) from None
        if not is_genuine:
            raise VendorError(Cause.NONSENSE, "not signed for this question", vendor_name=NAME)
        return self.result(claims)

    def result(self, claims):
        """Return verified claims in our words."""
        if claims.get("status") not in OUTCOMES:
            raise VendorError(Cause.NONSENSE, "an unknown status", vendor_name=NAME)
        return DocumentResult(
            vendor_name=NAME,
            outcome=OUTCOMES[claims["status"]],
            assurance=Assurance.AUTHENTICATED,
            document_type=DocumentType.MOBILE_DRIVERS_LICENSE,
            applicant=Applicant(first_name=claims["given"], last_name=claims["family"]),
            transaction_id=claims["id"],
        )


@hookimpl
def proofing_settings():
    """Return the schema."""
    return Settings


@hookimpl
def proofing_proofers():
    """Return the one product."""
    return [
        ProoferDescriptor(
            name=NAME,
            kind=ProoferKind.DOCUMENT,
            make=lambda settings, _process: Vendor(settings),
            timeout_seconds=lambda _settings: 10.0,
            continues=frozenset({Exchange}),
        )
    ]
