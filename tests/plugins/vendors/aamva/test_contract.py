"""AAMVA keeps the state ID contract: every answer that DLDV 2.1 documents, and what comes in place of one."""

import base64
from collections.abc import Callable
from typing import ClassVar

import httpx
from lxml import etree
from tests.plugins.vendors.aamva.fake_aamva import (
    VERIFICATION_URL,
    authentication_token,
    bare_answer,
    fault,
    indicators,
    make_section,
    reply,
    security_token,
    soap_answer,
    verify_authenticate_request,
    verify_security_token_request,
)

from proofing.plugin import Cause, Match, Outcome
from proofing.testing.vendors import Example, StateIDProoferContract

MATCH, MISMATCH = Match.MATCH, Match.MISMATCH
REQUIRED = ("DriverLicenseNumber", "PersonBirthDate", "PersonFirstNameExact", "PersonLastNameExact")
MATCHED = dict.fromkeys(
    (
        *("state_id_number", "state_id_issued", "state_id_expiration", "document_type_received", "dob"),
        *("first_name", "middle_name", "last_name", "name_suffix", "height", "weight", "sex", "eye_color"),
        *("address1", "address2", "city", "state", "zipcode"),
    ),
    MATCH,
)
#: The state has no record of what was sent; the canary has no suffix.
UNAVAILABLE = {**dict.fromkeys(MATCHED, Match.UNAVAILABLE), "name_suffix": Match.NOT_CHECKED}
SERVER_SECRET = b"a secret that the server made up"


def verification(
    content: bytes, status: int = 200, *, success: str = "<Success>true</Success>"
) -> Callable[[httpx.Request], httpx.Response]:
    """Return what authenticates everybody, and answers verifications with *content*."""

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == VERIFICATION_URL:
            return reply(content, status)
        return authentication(request, authentication_token("a token that was made up", success))

    return answer


def authentication(request: httpx.Request, token: bytes) -> httpx.Response:
    """Answer one of the two calls of authentication; *token* is the answer to the second one."""
    if b"RequestSecurityToken" in request.content:
        return reply(security_token("urn:uuid:made-up", base64.b64encode(SERVER_SECRET).decode()))
    return reply(token)


def unknown_client(request: httpx.Request) -> httpx.Response:
    """Refuse the credentials."""
    return authentication(request, authentication_token("", "<Success>false</Success>"))


class TestAAMVA(StateIDProoferContract):
    """The contract suite."""

    plugin = "proofing_aamva"
    section: ClassVar = make_section()
    answers: ClassVar = {
        "yes": Example(verification(soap_answer(indicators())), Outcome.PASSED, MATCHED),
        "little on record, and another address": Example(
            verification(
                bare_answer(indicators("AddressLine1", only=(*REQUIRED, "AddressLine1"))),
                # The token says so, too.
                success="",
            ),
            Outcome.PASSED,
            {
                **UNAVAILABLE,
                **dict.fromkeys(("state_id_number", "dob", "first_name", "last_name"), MATCH),
                "address1": MISMATCH,
            },
        ),
        "another birth date": Example(
            verification(soap_answer(indicators("PersonBirthDate"))),
            Outcome.FAILED,
            {**MATCHED, "dob": MISMATCH},
            ("dob_mismatch",),
        ),
        "another expiration date": Example(
            verification(soap_answer(indicators("DriverLicenseExpirationDate"))),
            Outcome.FAILED,
            {**MATCHED, "state_id_expiration": MISMATCH},
            ("state_id_expiration_mismatch",),
        ),
        "no birth date on record": Example(
            verification(soap_answer(indicators(without=("PersonBirthDate",)))),
            Outcome.FAILED,
            {**MATCHED, "dob": Match.UNAVAILABLE},
            ("dob_unavailable",),
        ),
        "an unknown number": Example(
            verification(bare_answer(indicators("DriverLicenseNumber", only=("DriverLicenseNumber",)))),
            Outcome.FAILED,
            {**UNAVAILABLE, "state_id_number": MISMATCH},
            ("state_id_number_not_found",),
        ),
        "the state is down": Example(verification(fault("0001")), Cause.SOURCE_DOWN),
        "the state failed": Example(verification(fault("0002")), Cause.SOURCE_DOWN),
        "the state is late": Example(verification(fault("0047"), 500), Cause.SOURCE_TIMEOUT),
        "a refused token": Example(
            verification(fault(subcode="InvalidSecurityToken"), 500), Cause.AUTHENTICATION
        ),
        "an unknown client": Example(unknown_client, Cause.AUTHENTICATION),
        "a malformed message": Example(verification(fault()), Cause.BAD_REQUEST),
        "a failure": Example(verification(fault(code="Receiver"), 500), Cause.UNREACHABLE),
    }

    def assert_signed(self, request: httpx.Request) -> None:
        """Verify the two calls of authentication by libxmlsec; the second needs the first one's secret."""
        if str(request.url) == VERIFICATION_URL:
            return
        root = etree.fromstring(request.content)
        if b"RequestSecurityToken" in request.content:
            self._client_secret = verify_security_token_request(root)
        else:
            verify_authenticate_request(root, self._client_secret, SERVER_SECRET)
