"""Twilio keeps the contract of phone proofers."""

import re

import httpx
from tests.plugins.vendors.twilio.answers import IDENTITY, SECTION, lookup, response

from proofing.testing.vendors import PhoneProoferContract


class TestTwilio(PhoneProoferContract):
    """One lookup."""

    plugin = "proofing_twilio"
    section = SECTION

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """The number is the applicant's."""
        return response(lookup(asked(request)))

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """It is somebody else's."""
        no = {**IDENTITY, "first_name_match": "no_match", "last_name_match": "no_match", "summary_score": 0}
        return response(lookup(asked(request), no))


def asked(request):
    """Return the number that was asked about."""
    return re.fullmatch(r"/v2/PhoneNumbers/\+1(\d{10})", request.url.path)[1]
