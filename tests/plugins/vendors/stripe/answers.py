"""Answers of Stripe, made by hand with invented values, and what asks the adapter."""

import httpx

from proofing.contracts.applicant import ACCEPTED_TYPES
from proofing.contracts.circumstances import Wanted
from proofing.contracts.continuation import Returned
from proofing.contracts.proofers import ProofingRequest
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing_stripe import StripeSettings, proofing_proofers

QUESTION = "q" * 48
SECTION = {
    "api_key": "rk_test_InventedKeyOfTheTests0001",
    "webhook_secret": "whsec_InventedSecretOfTheTests01",
}
PAGE = "https://verify.stripe.com/start/test_invented1"
SESSION = "vs_1Invented000000000000001"

DOCUMENT = {
    "status": "verified",
    "type": "driving_license",
    "issuing_country": "US",
    "first_name": "Fakey",
    "last_name": "McFakerson",
    "dob": {"day": 6, "month": 10, "year": 1938},
    "number": "1111111111111",
    "address": {
        "line1": "1 Fake Rd",
        "line2": "Apt 2",
        "city": "Great Falls",
        "state": "MT",
        "postal_code": "59010",
        "country": "US",
    },
    "issued_date": {"day": 31, "month": 12, "year": 2019},
    "expiration_date": {"day": 31, "month": 12, "year": 2099},
    "sex": "male",
    "files": ["file_1Invented01"],
    "error": None,
}
FACE = {"status": "verified", "document": "file_1Invented01", "selfie": "file_1Invented02", "error": None}


def session(status="requires_input", **changes):
    """Return a session as the API answers it."""
    return {
        "id": SESSION,
        "object": "identity.verification_session",
        "client_reference_id": None,
        "client_secret": None,
        "created": 1796000000,
        "last_error": None,
        "last_verification_report": None,
        "livemode": False,
        "metadata": {"question_id": QUESTION},
        "options": {"document": {"require_matching_selfie": True}},
        "redaction": None,
        "status": status,
        "type": "document",
        "url": PAGE if status == "requires_input" else None,
        "verified_outputs": None,
        **changes,
    }


def report(document=DOCUMENT, selfie=FACE, **changes):
    """Return a report as the API expands it."""
    return {
        "id": "vr_1Invented01",
        "object": "identity.verification_report",
        "created": 1796000100,
        "livemode": False,
        "options": {"document": {"require_matching_selfie": True}},
        "type": "document",
        "document": {**document, **changes} if document else None,
        "selfie": selfie,
    }


def verified(*arguments, **changes):
    """Return a verified session with such a report."""
    return session("verified", last_verification_report=report(*arguments, **changes))


def refused(code):
    """Return a session that Stripe refused with *code*."""
    return session(last_error={"code": code, "reason": "Fakey McFakerson could not be verified."})


def answering(body, status=200):
    """Return a function that opens a session, and later answers *body*."""

    def answer(request):
        if request.method == "POST":
            return httpx.Response(200, json=session())
        return httpx.Response(status, json=body, headers={"request-id": "req_Invented01"})

    return answer


class Asked:
    """One question: what was opened, and what comes of it."""

    def __init__(self, answer, section=SECTION, **options):
        """Ask a vendor that answers by *answer*."""
        (self.offer,) = proofing_proofers()
        self.settings = StripeSettings.model_validate(section)
        self.fake = FakeVendor(answer)
        self.context = make_context(self.fake, self.offer, self.settings, **options)
        self.proofer = self.offer.make(self.settings, make_process())
        self.request = ProofingRequest(wanted=Wanted(document_types=ACCEPTED_TYPES))

    async def open(self):
        """Open the session."""
        return await self.proofer.proof(self.request, self.context)

    async def resume(self, because=None):
        """Open the session, and come back."""
        return await self.proofer.resume(self.request, await self.open(), because or Returned(), self.context)


async def resume(body, because=None, section=SECTION, **options):
    """Return what the adapter makes of the session *body*."""
    return await Asked(answering(body), section, **options).resume(because)
