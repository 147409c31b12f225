"""What a signature makes of the answer, and the files of keys while a process runs."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.plugins.vendors.reader import vectors
from tests.plugins.vendors.reader.barcodes import TODAY
from tests.plugins.vendors.reader.test_signatures import DID, MULTIKEY, key_file

from proofing.contracts.results import Assurance, DocumentResult, FindingCode, Outcome
from proofing_reader.aamva import read_barcode
from proofing_reader.authenticity import with_signature
from proofing_reader.issuer_key_files import IssuerKeyFiles
from proofing_reader.signed_barcodes import (
    Altered,
    AlteredReason,
    Authentic,
    IssuerUnknown,
    UnknownReason,
    Unsigned,
    check_signature,
)
from proofing_reader.status_lists import Status

CARD = read_barcode(vectors.CALIFORNIA, today=TODAY)
READ = DocumentResult(
    vendor_name="reader",
    outcome=Outcome.PASSED,
    document_type=CARD.applicant.document_type_received,
    applicant=CARD.applicant,
    reasons=("authenticity_not_checked",),
)


def authentic(*, status=Status.UNKNOWN, signs_identity=True):
    """Return an authentic signature."""
    return Authentic(
        signed_elements=frozenset({"DAQ"}),
        signed_attributes=frozenset({"state_id_number"}),
        signs_identity=signs_identity,
        status=status,
        status_entry=None,
        keys_are_old=False,
    )


READINGS = {
    "authentic, status not known": (authentic(), Assurance.AUTHENTICATED, "signature_authentic"),
    "authentic, no status": (authentic(status=Status.NONE), Assurance.AUTHENTICATED, "signature_authentic"),
    "authentic and valid": (authentic(status=Status.VALID), Assurance.AUTHENTICATED, "signature_authentic"),
    "without a birth date": (authentic(signs_identity=False), Assurance.READ, "signature_partial"),
    "unsigned": (Unsigned(), Assurance.READ, "authenticity_not_checked"),
    "unsigned, though it should be": (Unsigned(is_expected=True), Assurance.READ, "signature_missing"),
    "no keys": (IssuerUnknown(UnknownReason.NO_KEYS), Assurance.READ, "signature_no_keys"),
    "old keys": (IssuerUnknown(UnknownReason.KEYS_EXPIRED), Assurance.READ, "signature_keys_expired"),
    "another format": (IssuerUnknown(UnknownReason.FORMAT), Assurance.READ, "signature_format"),
    "another key": (IssuerUnknown(UnknownReason.KEY), Assurance.READ, "signature_key"),
}


@pytest.mark.parametrize(("check", "assurance", "reason"), READINGS.values(), ids=READINGS)
def test_a_card_is_read_or_authenticated(check, assurance, reason):
    """Only by an authentic signature over what singles a person and a document out."""
    result = with_signature(READ, check)
    assert (result.outcome, result.assurance) == (Outcome.PASSED, assurance)
    assert reason in result.reasons
    assert ("authenticity_not_checked" in result.reasons) == (assurance is Assurance.READ)
    assert result.applicant == CARD.applicant
    assert result.findings == ()
    assert result.inspection.signature == (getattr(check, "status", None) is Status.VALID)


REFUSALS = {
    "revoked": (authentic(status=Status.REVOKED), FindingCode.ISSUER_RECORD, "signature_revoked"),
    "altered": (Altered(AlteredReason.SIGNATURE), FindingCode.NOT_GENUINE, "signature_altered_signature"),
    "malformed": (Altered(AlteredReason.MALFORMED), FindingCode.NOT_GENUINE, "signature_altered_malformed"),
    "another issuer": (
        IssuerUnknown(UnknownReason.OTHER_ISSUER),
        FindingCode.NOT_GENUINE,
        "signature_other_issuer",
    ),
}


@pytest.mark.parametrize(("check", "code", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_a_card_is_refused(check, code, reason):
    """With a finding, and without what was read."""
    result = with_signature(READ, check)
    assert (result.outcome, result.assurance, result.applicant) == (Outcome.FAILED, Assurance.READ, None)
    assert [(one.code, one.vendor_code) for one in result.findings] == [(code, reason)]


def test_a_specimen_is_never_authenticated():
    """Of Utopia, whose keys are for everybody."""
    specimen = replace(READ, applicant=CARD.applicant.merge({"issuing_country_code": "UTO"}))
    result = with_signature(specimen, authentic(status=Status.VALID))
    assert (result.outcome, result.assurance) == (Outcome.PASSED, Assurance.READ)
    assert result.reasons == ("authenticity_not_checked", "signature_partial")


def test_what_was_refused_stays_refused():
    """As a card of another country."""
    refused = replace(READ, outcome=Outcome.FAILED, reasons=("barcode_country",))
    assert with_signature(refused, authentic()) == refused


async def test_the_files_of_a_folder(tmp_path):
    """Are read by their names, and again after ten minutes."""
    files = IssuerKeyFiles(str(tmp_path))
    assert await files.keys(vectors.NOW) == {}
    (tmp_path / "636014.json").write_bytes(key_file())
    (tmp_path / "notes.txt").write_text("not a key")
    assert await files.keys(vectors.NOW + timedelta(minutes=9)) == {}
    keys = await files.keys(vectors.NOW + timedelta(minutes=10))
    assert {name: one.did for name, one in keys.items()} == {"636014": DID}
    assert await IssuerKeyFiles(None).keys(vectors.NOW) == {}


async def test_a_vector_is_verified_with_keys_of_a_file(tmp_path):
    """As the how-to page makes the file: the whole document, with keys of other kinds."""
    did = vectors.CALIFORNIA_KEYS.did
    method = {"id": f"{did}#vm-vcb-1", "type": "Multikey", "controller": did, "publicKeyMultibase": MULTIKEY}
    other = {"id": f"{did}#jwk", "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": {"kty": "EC"}}
    document = {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": did,
        "verificationMethod": [other, method],
        "assertionMethod": [f"{did}#jwk", f"{did}#vm-vcb-1"],
    }
    whole = {"fetched": "2026-11-30T00:00:00Z", "document": document}
    (tmp_path / "636014.json").write_text(json.dumps(whole))
    keys = await IssuerKeyFiles(str(tmp_path)).keys(vectors.NOW)
    found = check_signature(CARD, issuers=keys, now=vectors.NOW, profiles=vectors.CALIFORNIA_PROFILES)
    assert isinstance(found, Authentic)


async def test_files_that_are_wrong_or_old_are_logged_and_named(tmp_path, caplog):
    """Each with what to do; the others count."""
    (tmp_path / "636000.json").write_text("{}")
    (tmp_path / "636014.json").write_bytes(key_file(fetched="2026-10-01T00:00:00Z"))
    (tmp_path / "636015.json").write_bytes(key_file(fetched="2026-01-01T00:00:00Z"))
    (tmp_path / "636016.json").mkdir()
    files = IssuerKeyFiles(str(tmp_path))
    assert (await files.keys(vectors.NOW)).keys() == {"636014", "636015"}
    events = [(record.getMessage(), record.proofing_fields["name"]) for record in caplog.records]
    assert events == [
        ("issuer_keys_read_failed", "636000.json"),
        ("issuer_keys_read_failed", "636016.json"),
        ("issuer_keys_old", "636014"),
        ("issuer_keys_old", "636015"),
    ]
    problem = await files.problem(vectors.NOW)
    assert "636000.json: the file must have the keys" in problem
    assert "the keys of 636014 were fetched more than 30 days ago; fetch them again" in problem
    assert "the keys of 636015 were fetched more than 180 days ago" in problem


async def test_a_folder_that_is_in_order_or_empty(tmp_path):
    """None, or what is missing."""
    assert await IssuerKeyFiles(None).problem(vectors.NOW) is None
    assert "has no file" in await IssuerKeyFiles(str(tmp_path)).problem(vectors.NOW)
    (tmp_path / "636014.json").write_bytes(key_file())
    assert await IssuerKeyFiles(str(tmp_path)).problem(vectors.NOW) is None
    gone = IssuerKeyFiles(str(tmp_path / "gone"))
    assert await gone.keys(vectors.NOW) == {}
    assert "cannot be read" in await gone.problem(vectors.NOW)
