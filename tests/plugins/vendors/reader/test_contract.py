"""The reader keeps the contract of document proofers; what its answers come to, one by one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from PIL import Image as Pixels
from tests.plugins.vendors.reader.passport_photos import passport, usual_page
from tests.plugins.vendors.reader.photos import back_photo, encoded, on_table, specimen, today

from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Assurance, Finding, FindingCode, Outcome
from proofing.plugin import Cause
from proofing.rules.image_check import inspect_image
from proofing.testing.vendors import DocumentProoferContract, Example
from proofing_reader.aamva import read_barcode

READ = ("authenticity_not_checked",)


def show(side: Side, image: Image) -> Callable[[ProofingRequest], ProofingRequest]:
    """Ask with another photo of *side*."""
    return lambda asked: replace(asked, images={**asked.images, side: image})


def no(code: FindingCode, reason: str, image: Image, side: Side = Side.BACK) -> Example:
    """Return the example of a photo in which something is found."""
    found = (Finding(code=code, side=side, vendor_code=reason),)
    return Example(None, Outcome.FAILED, reasons=(reason,), facts={"findings": found}, ask=show(side, image))


def photo(pixels: Pixels.Image) -> Image:
    """Return *pixels* as a photo that passed the check of images."""
    return inspect_image(encoded(pixels))


def yes(kind: DocumentType, at: int) -> Example:
    """Return the example of a card that is read."""
    facts = {"document_type": kind, "assurance": Assurance.READ, "billed": False}
    return Example(None, Outcome.PASSED, reasons=READ, facts=facts, ask=show(Side.BACK, back_photo(at)))


class TestReader(DocumentProoferContract):
    """The barcode of a license, and all that speaks against a photo of it."""

    plugin = "proofing_reader"
    proofer_name = "reader"
    #: What is not read is searched for no longer than the suite needs.
    section: ClassVar = {"search_seconds": 0.4}
    calls_out = False
    answers: ClassVar = {
        "a license": yes(DocumentType.DRIVERS_LICENSE, 34),
        "an ID card": yes(DocumentType.STATE_ID_CARD, 35),
        "no barcode": no(
            FindingCode.BARCODE_UNREADABLE, "barcode_absent", photo(Pixels.new("RGB", (900, 600), "#8d8a83"))
        ),
        "not an image": no(
            FindingCode.IMAGE_UNREADABLE, "barcode_undecodable", Image(b"\xff\xd8\xff", "image/jpeg")
        ),
        "dates that contradict each other": no(
            FindingCode.BARCODE_CONTENT,
            "barcode_implausible",
            photo(on_table(specimen(issued=today() + timedelta(days=30)).card.back)),
        ),
        "a passport": no(
            FindingCode.UNSUPPORTED_DOCUMENT, "passport_not_read", back_photo(), side=Side.PASSPORT
        ),
        "no back": Example(
            None, Cause.BAD_REQUEST, ask=lambda asked: replace(asked, images={Side.FRONT: back_photo()})
        ),
    }

    async def test_what_was_read_is_the_persons(self) -> None:
        """Values of the barcode, in the form of an applicant."""
        result: Any
        result, _vendor = await self.ask("a license")
        person = specimen().person
        assert (result.applicant.first_name, result.applicant.last_name) == (person.given, person.family)
        assert result.applicant.dob == person.birth.isoformat()


def front_of(**changes: Any) -> Image:
    """Return a photo of the front of the specimen that the back belongs to, with *changes* of the person."""
    return photo(on_table(specimen(**changes).card.front))


def differing(**changes: Any) -> Callable[[ProofingRequest], ProofingRequest]:
    """Show a front that says something else than the back."""

    def ask(asked: ProofingRequest) -> ProofingRequest:
        return replace(asked, images={Side.FRONT: front_of(**changes), Side.BACK: back_photo()})

    return ask


def advice(code: FindingCode, vendor_code: str) -> Finding:
    """Return what is worth a look on the front."""
    return Finding(code=code, side=Side.FRONT, vendor_code=vendor_code, is_advice=True)


def compared(ask: Callable[[ProofingRequest], ProofingRequest], *found: Finding) -> Example:
    """Return the example of a card that is read, of which the front says *found* differently."""
    facts = {"document_type": DocumentType.DRIVERS_LICENSE, "assurance": Assurance.READ, "findings": found}
    return Example(None, Outcome.PASSED, reasons=READ, facts=facts, ask=ask)


# Minutes of a core, and ten people at once need their time on a machine that does nothing else.
@pytest.mark.security
class TestReaderWithOCR(DocumentProoferContract):
    """The same, and the print: zones of passports, and fronts that the barcode is compared with."""

    plugin = "proofing_reader"
    proofer_name = "reader:ocr"
    section: ClassVar = {"search_seconds": 0.4, "timeout_seconds": 30}
    calls_out = False
    answers: ClassVar = {
        "a license": compared(differing()),
        "a front with another birth date": compared(
            differing(birth=specimen().person.birth - timedelta(days=31)),
            advice(FindingCode.BIRTH_DATE, "print_birth_date_major"),
        ),
        "a passport": Example(
            None,
            Outcome.PASSED,
            reasons=READ,
            facts={"document_type": DocumentType.PASSPORT, "assurance": Assurance.READ, "findings": ()},
            ask=show(Side.PASSPORT, usual_page()),
        ),
        "a page that nobody can read": no(
            FindingCode.UNREADABLE,
            "mrz_zone",
            photo(Pixels.new("RGB", (900, 600), "#8d8a83")),
            side=Side.PASSPORT,
        ),
        "no back": Example(
            None, Cause.BAD_REQUEST, ask=lambda asked: replace(asked, images={Side.FRONT: back_photo()})
        ),
    }

    async def test_what_was_read_is_the_persons(self) -> None:
        """Values of the zone, in the form of an applicant."""
        result: Any
        result, _vendor = await self.ask("a passport")
        made, person = passport()
        assert result.applicant.last_name == person.family
        assert result.applicant.dob == person.birth.isoformat()
        assert result.applicant.mrz == "".join(made.lines)


def alongside(reading: Applicant, image: Image) -> Callable[[ProofingRequest], ProofingRequest]:
    """Ask alongside a vendor that has read *reading*."""
    return lambda asked: replace(asked, applicant=reading, images={Side.BACK: image})


def on_card() -> Applicant:
    """Return what the back of the specimen says."""
    return read_barcode(specimen().card.payload, today=today()).applicant


class TestCrossCheck(DocumentProoferContract):
    """The barcode, and what another vendor has read of the card."""

    plugin = "proofing_reader"
    proofer_name = "reader:cross_check"
    section: ClassVar = {"search_seconds": 0.4}
    calls_out = False
    answers: ClassVar = {
        "the same reading": Example(
            None,
            Outcome.PASSED,
            reasons=READ,
            facts={"document_type": DocumentType.DRIVERS_LICENSE, "findings": ()},
            ask=alongside(on_card(), back_photo()),
        ),
        "another birth date": Example(
            None,
            Outcome.FAILED,
            reasons=READ,
            facts={
                "findings": (Finding(code=FindingCode.BIRTH_DATE, vendor_code="reading_birth_date_major"),)
            },
            ask=alongside(on_card().merge({"dob": "1950-01-02"}), back_photo()),
        ),
        "no back": Example(None, Cause.BAD_REQUEST, ask=lambda asked: replace(asked, images={})),
    }
