"""Answers of Lookup, made by hand with invented values, and what asks the adapter."""

import httpx

from proofing.contracts.applicant import Applicant
from proofing.contracts.proofers import ProofingRequest
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing_twilio import TwilioSettings, proofing_proofers

SECTION = {
    "api_key_sid": "SK" + "0123456789abcdef" * 2,
    "api_key_secret": "an-invented-secret-of-a-key",
}
PHONE = "7035550100"
REQUEST_ID = "RQ00000000000000000000000000000001"
APPLICANT = Applicant(
    first_name="Fakey",
    last_name="McFakerson",
    phone=PHONE,
    address1="1 Fake Rd",
    address2="Apt 2 & 3",
    city="Great Falls",
    state="MT",
    zipcode="59010-1234",
)
IDENTITY = {
    "first_name_match": "exact_match",
    "last_name_match": "high_partial_match",
    "address_line_match": "exact_match",
    "city_match": "exact_match",
    "state_match": "exact_match",
    "postal_code_match": "exact_match",
    "address_country_match": "exact_match",
    "national_id_match": None,
    "date_of_birth_match": None,
    "summary_score": 100,
    "error_code": None,
    "error_message": None,
}
LINE = {
    "mobile_country_code": "310",
    "mobile_network_code": "456",
    "carrier_name": "Invented Wireless",
    "type": "mobile",
    "error_code": None,
}


def lookup(phone=PHONE, identity=IDENTITY, line=LINE, **changes):
    """Return what Lookup answers."""
    return {
        "calling_country_code": "1",
        "country_code": "US",
        "phone_number": f"+1{phone}",
        "national_format": f"({phone[:3]}) {phone[3:6]}-{phone[6:]}",
        "valid": True,
        "validation_errors": [],
        "caller_name": None,
        "sim_swap": None,
        "call_forwarding": None,
        "line_status": None,
        "line_type_intelligence": line,
        "identity_match": identity,
        "reassigned_number": None,
        "sms_pumping_risk": None,
        "phone_number_quality_score": None,
        "pre_fill": None,
        "url": f"https://lookups.twilio.com/v2/PhoneNumbers/+1{phone}",
        **changes,
    }


def matching(**levels):
    """Return an answer with these results of the comparison."""
    return lookup(identity={**IDENTITY, **levels})


def response(body, status=200):
    """Return a body as Lookup sends it."""
    return httpx.Response(status, json=body, headers={"twilio-request-id": REQUEST_ID})


async def ask(body, section=SECTION, applicant=APPLICANT, status=200, **options):
    """Ask about *applicant*; return result and vendor."""
    (offer,) = proofing_proofers()
    settings = TwilioSettings.model_validate({**SECTION, **section})
    fake = FakeVendor(lambda _request: response(body, status))
    context = make_context(fake, offer, settings, **options)
    proofer = offer.make(settings, make_process())
    return await proofer.proof(ProofingRequest(applicant=applicant), context), fake
