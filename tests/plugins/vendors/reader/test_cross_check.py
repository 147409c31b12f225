"""The reader alongside another vendor: what it makes of that vendor's reading."""

import base64
from datetime import UTC, datetime

import pytest
from tests.plugins.vendors.reader.barcodes import LICENSE, TODAY, barcode

from proofing.contracts.applicant import Applicant
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import FindingCode, Outcome
from proofing_reader.aamva import read_barcode
from proofing_reader.cross_check import CrossChecker
from proofing_reader.proofer import CardReader
from proofing_reader.settings import ReaderSettings

PAYLOAD = barcode(LICENSE)
READING = read_barcode(PAYLOAD, today=TODAY).applicant


class Context:
    """Answers for the children: the barcode of the license, or none."""

    def __init__(self, payload=PAYLOAD):
        self._payload = payload

    def now(self):
        return datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)

    def remaining_seconds(self):
        return 20.0

    async def cpu(self, _function, _data, _args, *, seconds, megabytes, cpu_seconds):
        if self._payload is None:
            return {"reading": "absent", "payload": None, "quality": None}
        return {"reading": "read", "payload": base64.b64encode(self._payload).decode(), "quality": None}


async def check(other, context=None):
    """Return outcome and findings alongside a vendor that has read *other*."""
    request = ProofingRequest(applicant=other, images={Side.BACK: Image(b"", "image/jpeg")})
    result = await CrossChecker(CardReader(ReaderSettings())).proof(request, context or Context())
    return result.outcome, [(one.code, one.vendor_code, one.is_advice) for one in result.findings]


async def test_the_same_reading_has_no_findings():
    """Both have read the same card."""
    assert await check(READING) == (Outcome.PASSED, [])


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        ({"dob": "1986-06-07"}, "birth_date", "reading_birth_date_major"),
        ({"state_id_number": "T64235780"}, "document_number", "reading_number_major"),
        ({"state_id_expiration": "2030-12-10"}, "expiration_date", "reading_expiration_major"),
        ({"last_name": "SIMPLE"}, "name", "reading_family_name_major"),
        ({"state_id_jurisdiction": "WV"}, "sides_differ", "reading_issuer_major"),
    ],
)
async def test_a_major_difference_counts(changes, code, why):
    """Each is a no, if the setting wants it."""
    assert await check(READING.merge(changes)) == (Outcome.FAILED, [(FindingCode(code), why, False)])


async def test_a_smaller_difference_is_advice():
    """A given name is written in many ways."""
    found = await check(READING.merge({"first_name": "MICHELE"}))
    assert found == (Outcome.PASSED, [(FindingCode.NAME, "reading_given_name_medium", True)])


async def test_a_barcode_that_cannot_be_read_is_no_difference():
    """Nothing was compared, which is advice."""
    found = await check(READING, Context(payload=None))
    assert found == (Outcome.UNKNOWN, [(FindingCode.BARCODE_UNREADABLE, "barcode_absent", True)])


async def test_what_the_vendor_did_not_read_is_not_compared():
    """Nothing is no difference."""
    assert await check(Applicant()) == (Outcome.PASSED, [])
