"""Twilio's own SDK: it asks what the adapter asks, and reads our answers as the adapter does."""

import base64
import inspect
import json
from urllib.parse import parse_qsl, urlencode

import pytest
from tests.plugins.vendors.twilio.answers import APPLICANT, IDENTITY, LINE, SECTION, ask, lookup
from twilio.base.exceptions import TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.lookups.v2.phone_number import PhoneNumberContext, PhoneNumberInstance

from proofing_twilio.answer import LookupAnswer, _Invalid
from proofing_twilio.lookup import _SENT


class Transport(HttpClient):
    """Gives the SDK our answers, and keeps what it asked."""

    def __init__(self, body, status=200):
        """Answer *body*."""
        self.body, self.status, self.asked = body, status, []

    def request(self, method, uri, params=None, auth=None, **_options):
        """Answer one request."""
        self.asked.append((method, uri, params, auth))
        return Response(self.status, json.dumps(self.body))


def fetch(transport, **options):
    """Look the applicant up by the SDK."""
    client = Client(SECTION["api_key_sid"], SECTION["api_key_secret"], "AC" + "0" * 32, http_client=transport)
    return client.lookups.v2.phone_numbers(f"+1{APPLICANT.phone}").fetch(**options)


async def test_it_asks_what_the_adapter_asks():
    """The same address, parameters and credentials."""
    _result, fake = await ask(lookup())
    (ours,) = fake.requests
    transport = Transport(lookup())
    fetch(
        transport,
        fields="line_type_intelligence,identity_match",
        first_name=APPLICANT.first_name,
        last_name=APPLICANT.last_name,
        address_line1=APPLICANT.address1,
        address_line2=APPLICANT.address2,
        city=APPLICANT.city,
        state=APPLICANT.state,
        postal_code=APPLICANT.zipcode,
        address_country_code="US",
    )
    ((method, uri, params, auth),) = transport.asked
    assert (ours.method, f"https://{ours.url.host}{ours.url.path}") == (method, uri)
    assert sorted(parse_qsl(ours.url.query.decode())) == sorted(parse_qsl(urlencode(params)))
    sent = base64.b64decode(ours.headers["authorization"].removeprefix("Basic ")).decode()
    assert sent == ":".join(auth)


def test_it_reads_what_the_adapter_reads():
    """Our answer has the fields of its model."""
    found = fetch(Transport(lookup()))
    assert isinstance(found, PhoneNumberInstance)
    assert (found.phone_number, found.valid) == ("+17035550100", True)
    assert (found.identity_match, found.line_type_intelligence) == (IDENTITY, LINE)
    assert lookup().keys() == {name for name in vars(found) if not name.startswith("_")}
    assert LookupAnswer.model_fields.keys() <= lookup().keys()


def test_errors_are_those_of_the_sdk():
    """Its exception has the code that the adapter reads."""
    with pytest.raises(TwilioRestException) as caught:
        fetch(Transport({"code": 20404, "message": "not found", "status": 404}, 404))
    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_the_words_are_those_of_the_sdk():
    """What is wrong with a number, and the names of the parameters."""
    errors = {name for name in vars(PhoneNumberInstance.ValidationError) if name.isupper()}
    assert errors == set(_Invalid.__args__)
    source = inspect.getsource(PhoneNumberContext)
    assert all(f'"{parameter}"' in source for parameter in _SENT.values())
