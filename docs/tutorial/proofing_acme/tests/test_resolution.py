"""Acme keeps the resolution contract, and says in its own words what we ask."""

import json

import httpx

from proofing.plugin import Cause, Match, ResolutionResult, VendorError
from proofing.testing.canary import Canary
from proofing.testing.vendors import ResolutionProoferContract


class TestAcmeResolution(ResolutionProoferContract):
    """The contract suite brings the cases; we bring Acme's answers."""

    plugin = "proofing_acme"
    section = {"base_url": "https://api.acme.example", "api_key": "a-key"}

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Say that everything matches."""
        checks = {"name": "match", "birth_date": "match", "ssn": "match", "address": "match"}
        return httpx.Response(200, json={"id": "res_1", "decision": "match", "checks": checks})

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Say that the SSN is another person's."""
        checks = {"name": "match", "ssn": "mismatch", "address": "unknown"}
        return httpx.Response(200, json={"id": "res_2", "decision": "no_match", "checks": checks})

    async def test_what_acme_is_asked(self) -> None:
        """The request has Acme's names, a five-digit ZIP code, the key and the idempotency key."""
        person = Canary().applicant
        _result, vendor = await self.ask()
        (request,) = vendor.requests
        assert str(request.url) == "https://api.acme.example/v1/resolutions"
        assert request.headers["authorization"] == "Bearer a-key"
        assert len(request.headers["idempotency-key"]) == 64
        asked = json.loads(request.content)["person"]
        assert asked["given_name"] == person.first_name
        assert asked["ssn"] == person.ssn
        assert asked["address"]["lines"] == [person.address1, person.address2]
        assert asked["address"]["zip"] == (person.zipcode or "")[:5]

    async def test_what_a_no_says(self) -> None:
        """Each check is an attribute, and what does not match is a reason."""
        result, _vendor = await self.ask(self.answer_no)
        assert isinstance(result, ResolutionResult)
        assert result.transaction_id == "res_2"
        assert result.attributes == {
            "name": Match.MATCH,
            "ssn": Match.MISMATCH,
            "address": Match.UNAVAILABLE,
        }
        assert result.reasons == ("ssn_mismatch", "address_unavailable")

    async def test_too_many_calls(self) -> None:
        """Acme's 429 says that our quota is used up."""
        error, _vendor = await self.ask(lambda _request: httpx.Response(429))
        assert isinstance(error, VendorError)
        assert error.cause is Cause.QUOTA
        assert error.codes == ("429",)
