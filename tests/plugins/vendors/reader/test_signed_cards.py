"""The proofer and signatures: from the payload of a photo to the answer, with keys, old keys and none."""

import base64
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
import zxingcpp
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image as Pixels
from tests.plugins.vendors.reader import vectors
from tests.plugins.vendors.reader.barcodes import LICENSE, barcode, changed
from tests.plugins.vendors.reader.photos import encoded, on_table
from tests.plugins.vendors.reader.test_signatures import DID, KEY, METHOD, sign

from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Assurance, FindingCode, Outcome
from proofing_reader.proofer import CardReader
from proofing_reader.settings import ReaderSettings
from proofing_reader.specimens.cards import draw_barcode
from proofing_reader.specimens.layouts import LAYOUTS
from proofing_reader.vision import read_back


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the key that signs here, fetched just now."""
    point = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    method = {
        "id": METHOD,
        "type": "Multikey",
        "controller": DID,
        "publicKeyMultibase": "z" + vectors.encode_base58(b"\x80\x24" + point),
    }
    document = {"id": DID, "verificationMethod": [method], "assertionMethod": [METHOD]}
    whole = {"fetched": vectors.NOW.isoformat(), "document": document}
    (tmp_path / "636014.json").write_text(json.dumps(whole))
    return tmp_path


async def ask(payload, folder=None, *, now=vectors.NOW):
    """Return the answer about a photo with *payload* in its barcode."""

    async def cpu(_function, _content, _options, **_limits):
        found = base64.b64encode(payload).decode()
        return {"payload": found, "reading": "read", "quality": None}

    return await ask_about(b"", folder, cpu=cpu, now=now)


async def search(_function, content, options, **_limits):
    """Search *content* here, as a CPU child would."""
    return read_back(content, options)


async def ask_about(content, folder, *, cpu=search, now=vectors.NOW):
    """Return the answer about the photo *content*."""
    context = SimpleNamespace(cpu=cpu, now=lambda: now, remaining_seconds=lambda: 10.0)
    request = ProofingRequest(images={Side.BACK: Image(content, "image/jpeg")})
    settings = ReaderSettings(issuer_keys=None if folder is None else str(folder))
    return await CardReader(settings).proof(request, context)


async def test_a_signed_card_is_authenticated(folder):
    """And its applicant is who the barcode says."""
    result = await ask(sign(), folder)
    assert (result.outcome, result.assurance) == (Outcome.PASSED, Assurance.AUTHENTICATED)
    assert result.applicant.last_name == "SAMPLE"
    assert result.reasons == ("signature_authentic", "status_unknown")
    # Revocation was not checked.
    assert not result.inspection.signature


async def test_what_is_not_signed_is_named(folder):
    """A copy with another date of issue or color of eyes has the same signature, and cannot hide that."""
    signed = "DAC DAD DAG DAI DAJ DAK DAQ DAU DBA DBB DBC DCG DCS".split()
    payload = sign(signed=signed).replace(b"DBD06062020", b"DBD06072020", 1).replace(b"DAYBRO", b"DAYBLU", 1)
    result = await ask(payload, folder)
    assert result.assurance is Assurance.AUTHENTICATED
    assert (result.applicant.state_id_issued, result.applicant.eye_color) == ("2020-06-07", "BLU")
    unsigned = [code for code in result.vendor_codes if code.startswith("unsigned_")]
    assert unsigned == ["unsigned_document_type_received", "unsigned_eye_color", "unsigned_state_id_issued"]
    read = await ask(payload)
    assert read.assurance is Assurance.READ
    assert not any(code.startswith("unsigned_") for code in read.vendor_codes)


@pytest.mark.parametrize("name", ["DAC", "DAG", "DAQ", "DBA", "DBB", "DCS"])
async def test_an_altered_card_is_refused(folder, name):
    """Whatever of it was changed."""
    value = {"DBA": "12102029", "DBB": "06061987"}.get(name, "Q1234567")
    payload = sign().replace(name.encode() + LICENSE[name].encode(), name.encode() + value.encode(), 1)
    length = len(barcode()) - 31 + len(value) - len(LICENSE[name])
    payload = payload.replace(b"DL00410225", f"DL0041{length:04d}".encode(), 1)
    result = await ask(payload, folder)
    assert (result.outcome, result.applicant) == (Outcome.FAILED, None)
    assert [finding.code for finding in result.findings] == [FindingCode.NOT_GENUINE]


@pytest.mark.parametrize(
    ("payload", "days", "with_keys", "reason"),
    [
        (sign(), 0, False, "signature_no_keys"),
        (sign(), 181, True, "signature_keys_expired"),
        (sign(method=b"\x06"), 0, True, "signature_key"),
        (barcode(), 0, True, None),
        (barcode(changed(LICENSE, DBD="10022025"), iin="636014", version=10), 0, True, "signature_missing"),
    ],
)
async def test_any_other_card_is_read(folder, payload, days, with_keys, reason):
    """And no more."""
    later = vectors.NOW + timedelta(days=days)
    result = await ask(payload, folder if with_keys else None, now=later)
    assert (result.outcome, result.assurance) == (Outcome.PASSED, Assurance.READ)
    assert result.reasons == ("authenticity_not_checked", *([reason] if reason else []))


@pytest.fixture
def utopia(tmp_path):
    """Return a folder with the key of the draft's example."""
    whole = {"fetched": vectors.NOW.isoformat(), "document": vectors.UTOPIA_DOCUMENT}
    (tmp_path / "000000.json").write_text(json.dumps(whole))
    return tmp_path


#: The license of the draft, and what a photo of it comes to: with its key or without.
IMAGES = {
    "as published": (vectors.UTOPIA, True, Outcome.PASSED, "signature_partial"),
    "with base64url": (vectors.UTOPIA_URL, True, Outcome.PASSED, "signature_partial"),
    "without the key": (vectors.UTOPIA, False, Outcome.PASSED, "signature_no_keys"),
    "altered": (
        vectors.UTOPIA.replace(b"DCSSMITH", b"DCSSMYTH", 1),
        True,
        Outcome.FAILED,
        "signature_altered_signature",
    ),
    "unsigned": (barcode(LICENSE, iin=vectors.UTOPIA_IIN), True, Outcome.PASSED, "authenticity_not_checked"),
    "in the encoding of older drafts": (
        # Tag 1636 of CBOR in place of 51997.
        vectors.UTOPIA.replace(b"ZZZZA2csd", b"ZZZZA2QZk", 1),
        True,
        Outcome.PASSED,
        "signature_format",
    ),
    "of California's tests": (vectors.CALIFORNIA, True, Outcome.PASSED, "signature_no_keys"),
}


@pytest.mark.parametrize(("payload", "with_keys", "outcome", "reason"), IMAGES.values(), ids=IMAGES)
async def test_photos_of_published_cards(utopia, payload, with_keys, outcome, reason):
    """From the pixels to the answer; Utopia's, which signs no birth date and is a specimen, is only read."""
    photo = encoded(photographed(payload))
    result = await ask_about(photo, utopia if with_keys else None)
    assert (result.outcome, result.assurance) == (outcome, Assurance.READ)
    assert reason in result.reasons
    if outcome is Outcome.FAILED:
        assert [finding.code for finding in result.findings] == [FindingCode.NOT_GENUINE]


def photographed(payload):
    """Return an image of a card with *payload*, on something gray and turned a little."""
    code = draw_barcode(payload, LAYOUTS[34], 14)
    card = Pixels.new("RGBA", (code.width + 160, code.height * 2), "#f4f1ea")
    card.paste(code, (80, code.height // 2))
    return on_table(card, turn=7)


async def test_a_photo_of_a_qr_code_has_no_barcode(utopia):
    """Documents with a zone have their signature in one, and are not among those that people can choose."""
    bits = zxingcpp.create_barcode(vectors.UTOPIA_CODE, zxingcpp.BarcodeFormat.QRCode).to_image(scale=6)
    code = Pixels.frombytes("L", (bits.shape[1], bits.shape[0]), bytes(bits)).convert("RGBA")
    result = await ask_about(encoded(on_table(code)), utopia)
    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("barcode_absent",))


async def test_the_check_names_keys_that_are_old(folder):
    """For `proofing check --deep`."""
    reader = CardReader(ReaderSettings(issuer_keys=str(folder)))
    assert await reader.check(SimpleNamespace(now=lambda: vectors.NOW)) is None
    old = await reader.check(SimpleNamespace(now=lambda: vectors.NOW + timedelta(days=31)))
    assert "fetch them again" in old
    assert await CardReader(ReaderSettings()).check(SimpleNamespace(now=lambda: vectors.NOW)) is None


def test_the_folder_is_an_absolute_path():
    """A relative one would depend on where a process was started."""
    with pytest.raises(ValueError, match="issuer_keys"):
        ReaderSettings(issuer_keys="keys")
