"""Both proofers of aws_identity keep the contract of document proofers, over both wire protocols of AWS."""

import functools
import json

import botocore.model
import httpx
import pytest
from tests.plugins.vendors.aws_identity.answers import (
    LICENSE,
    MATCH,
    NO_MATCH,
    SECTION,
    TEXTRACT,
    analyzed,
    cbor,
    vendor,
)

from proofing.testing.vendor_hostility import mutations
from proofing.testing.vendors import DocumentProoferContract
from proofing_aws_identity import proofer
from proofing_aws_identity.calls import make_client, make_session

#: A few fields, because each value in the answer is bent in turn.
READ = {
    name: LICENSE[name] for name in ("ID_TYPE", "FIRST_NAME", "LAST_NAME", "DATE_OF_BIRTH", "EXPIRATION_DATE")
}


@pytest.fixture(autouse=True)
def _one_client(monkeypatch):
    """Make the clients once, not for each of some thousand questions: botocore takes a while."""
    monkeypatch.setattr(proofer, "make_session", one_session)
    # By the fixture, since the protocol of a client is chosen when it is made.
    monkeypatch.setattr(proofer, "make_client", functools.cache(make_client))


one_session = functools.cache(make_session)


class TestReading(DocumentProoferContract):
    """The document alone."""

    plugin = "proofing_aws_identity"
    proofer_name = "aws_identity"
    section = SECTION

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Everything is read."""
        return vendor(analyzed(READ))(request)

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Nothing that looks like a document."""
        return vendor(analyzed({"ID_TYPE": "", "FIRST_NAME": ""}))(request)


class TestReadingAndComparing(DocumentProoferContract):
    """Document and selfie; the verdict is in the second answer."""

    plugin = "proofing_aws_identity"
    proofer_name = "aws_identity:selfie"
    section = SECTION

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """One face in both."""
        return vendor(analyzed(READ), MATCH)(request)

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Another face."""
        return vendor(analyzed(READ), NO_MATCH)(request)


class TestReadingByCBOR(TestReading):
    """The protocol that botocore may choose instead: its model of Textract names both."""

    @pytest.fixture(autouse=True)
    def _cbor(self, monkeypatch):
        monkeypatch.setattr(botocore.model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", ("smithy-rpc-v2-cbor",))

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Everything is read."""
        assert request.headers["content-type"] == "application/cbor"
        return as_cbor(super().answer_yes(request))

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Nothing that looks like a document."""
        return as_cbor(super().answer_no(request))

    async def test_bent_answers_are_typed(self) -> None:
        """The suite bends JSON; here the same is done before an answer becomes CBOR."""
        good = vendor(analyzed(READ))(httpx.Request("POST", f"https://{TEXTRACT}"))
        faults = []
        for name, bent in mutations(good, "FAKEY MCFAKERSON"):
            fault = await self._fault(lambda _request, bent=bent: as_cbor(bent))
            faults += [f"{name}: {fault}"] if fault else []
        assert not faults, "\n".join(faults)


def as_cbor(response):
    """Return a JSON answer as the CBOR protocol of AWS carries it."""
    headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    return httpx.Response(200, headers=headers, content=cbor(json.loads(response.content)))
