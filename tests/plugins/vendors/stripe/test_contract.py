"""Stripe keeps the contract of document proofers."""

import httpx
from tests.plugins.vendors.stripe.answers import SECTION, answering, refused, verified

from proofing.testing.vendors import DocumentProoferContract


class TestStripe(DocumentProoferContract):
    """A visit to Stripe's page, and its end."""

    plugin = "proofing_stripe"
    section = SECTION

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Document and face are verified."""
        return answering(verified())(request)

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """The document is not."""
        return answering(refused("document_unverified_other"))(request)
