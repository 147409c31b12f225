"""From vendors' answers to evidence: what counts, what does not, and that nothing of a person is in it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.base.typed_json import read_typed, write_typed
from proofing.contracts.applicant import ATTRIBUTES, Applicant, DocumentType
from proofing.contracts.evidence import (
    Barcode,
    Channel,
    CoreAttribute,
    Death,
    Evidence,
    EvidenceKind,
    Inspection,
    Source,
    ValidatedBy,
    Validity,
    VerifiedBy,
)
from proofing.contracts.images import Side
from proofing.contracts.job_results import DocumentJobResult, PhoneJobResult
from proofing.contracts.results import (
    Assurance,
    Check,
    DocumentResult,
    Finding,
    FindingCode,
    Match,
    Outcome,
    PassportResult,
    PhoneResult,
    ResolutionResult,
    SelfieCheck,
    StateIDResult,
)
from proofing.rules.assurance import assess
from proofing.rules.assurance_table import Level, Need
from proofing.rules.documents import judge_document, judge_with_passport
from proofing.rules.evidence import (
    document_evidence,
    evidence_codes,
    passport_evidence,
    phone_evidence,
    resolution_evidence,
)

A, C, SIGNED = (frozenset({source}) for source in Source)
NAME, BIRTH_DATE = CoreAttribute.NAME, CoreAttribute.BIRTH_DATE
IDENTIFIER, ADDRESS = CoreAttribute.GOVERNMENT_IDENTIFIER, CoreAttribute.ADDRESS
PERSON = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    dob="1938-10-06",
    ssn="900123456",
    address1="1 FAKE RD",
    city="GREAT FALLS",
    state="MT",
    zipcode="59010",
    state_id_number="1111111111111",
    state_id_jurisdiction="ND",
    state_id_expiration="2099-12-31",
)
PASSPORT = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    dob="1938-10-06",
    mrz="P<USA",
    issuing_country_code="USA",
    document_number="X9999999",
)
INSPECTION = Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH, liveness=True)
LICENSE = DocumentResult(
    vendor_name="v",
    outcome=Outcome.PASSED,
    assurance=Assurance.AUTHENTICATED,
    document_type=DocumentType.DRIVERS_LICENSE,
    applicant=PERSON,
    selfie=SelfieCheck.MATCH,
    inspection=INSPECTION,
)
BOOK = replace(LICENSE, document_type=DocumentType.PASSPORT, applicant=PASSPORT)
WALLET = replace(
    LICENSE,
    document_type=DocumentType.MOBILE_DRIVERS_LICENSE,
    selfie=SelfieCheck.NOT_CHECKED,
    inspection=Inspection(signature=True, holder_key=True),
)
PARTS = dict.fromkeys(("first_name", "last_name", "dob", "ssn"), Match.MATCH)
HOME = dict.fromkeys(("address1", "city", "state", "zipcode"), Match.MATCH)
RESOLVED = ResolutionResult(
    vendor_name="v", outcome=Outcome.PASSED, attributes=PARTS | HOME, death=Death.CLEAR
)
AGENCY = StateIDResult(
    vendor_name="v",
    outcome=Outcome.PASSED,
    attributes={"state_id_number": Match.MATCH, "dob": Match.MATCH},
    verified_attributes=frozenset({"state_id_number", "dob", "address"}),
)
OWNED = PhoneResult(vendor_name="v", outcome=Outcome.PASSED, account=Match.MATCH)


def judged(answer, *, requires=Assurance.AUTHENTICATED):
    """Return the verdict on *answer*."""
    marks = {Side.FRONT: "f", Side.BACK: "b", Side.SELFIE: "s"}
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return judge_document(answer, fingerprints=marks, now=now, requires=requires)


def evidence_of(answer, passport=None, *, vouched=True, requires=Assurance.AUTHENTICATED):
    """Return the evidence of a document."""
    verdict = judged(answer, requires=requires)
    if passport is not None:
        verdict = judge_with_passport(verdict, passport, fingerprints={Side.PASSPORT: "p"})
    return document_evidence(answer, verdict, passport, vouched=vouched, biometric_consent=True)


def piece_of(answer, passport=None, **options):
    """Return its one piece."""
    (piece,) = evidence_of(answer, passport, **options).pieces
    return piece


def test_an_authenticated_license_is_a_scanned_piece():
    """With its issuer, how it was inspected, and the face; nothing of it confirms an attribute."""
    piece = piece_of(LICENSE)
    assert (piece.kind, piece.issuer) == (EvidenceKind.DRIVERS_LICENSE, "ND")
    assert (piece.validated_by, piece.validity) == (ValidatedBy.SCAN, Validity.OK)
    assert (piece.inspection, piece.vouched) == (INSPECTION, True)
    (face,) = piece.verified_by
    assert (face.method, face.liveness, face.vouched) == (VerifiedBy.FACE_AUTO, True, True)
    assert evidence_of(LICENSE).confirmed == {}
    assert evidence_of(LICENSE).biometric_consent


@pytest.mark.parametrize("kind", DocumentType)
def test_every_document_is_some_kind_of_evidence(kind):
    """A permit, and what is not accepted, is none that counts."""
    of_no_worth = {DocumentType.DRIVERS_PERMIT, DocumentType.OTHER}
    counts = piece_of(replace(LICENSE, document_type=kind)).kind is not EvidenceKind.OTHER
    assert counts is (kind not in of_no_worth)


def test_a_document_without_a_type_is_no_evidence():
    """Nobody knows what was presented."""
    assert evidence_of(replace(LICENSE, document_type=None)) == Evidence()


@pytest.mark.parametrize(
    "changed",
    [
        {"assurance": Assurance.READ},
        {"outcome": Outcome.REVIEW},
        {"outcome": Outcome.UNKNOWN},
        {"outcome": Outcome.FAILED},
        {"outcome": Outcome.FAILED, "findings": (Finding(code=FindingCode.BLUR),)},
        {"findings": (Finding(code=FindingCode.NAME),)},
        {"passport_check": Match.MISMATCH},
        {"applicant": None},
    ],
)
def test_a_document_that_does_not_pass_is_not_valid(changed):
    """Nor is its face the person's."""
    piece = piece_of(replace(LICENSE, **changed))
    assert piece.validated_by is ValidatedBy.NONE
    assert piece.verified_by == ()


def test_a_document_that_was_only_read_is_not_valid():
    """Also where the settings let it pass; the comparison of faces is reported, and lacks a portrait."""
    evidence = evidence_of(replace(LICENSE, assurance=Assurance.READ), requires=Assurance.READ)
    assert evidence.pieces[0].validated_by is ValidatedBy.NONE
    needs = {missing.need for missing in assess(evidence).missing}
    assert {Need.VALIDATION, Need.PORTRAIT} <= needs


def test_a_document_that_is_not_genuine_is_forged():
    """By a vendor's no; a finding that its yes outweighs, or a person has to judge, is none."""
    findings = (Finding(code=FindingCode.NOT_GENUINE),)
    refused = replace(LICENSE, outcome=Outcome.FAILED, findings=findings)
    assert piece_of(refused).validated_by is ValidatedBy.FAILED
    assert assess(evidence_of(refused)).is_stopped
    assert piece_of(replace(LICENSE, outcome=Outcome.REVIEW, findings=findings)).validated_by is (
        ValidatedBy.NONE
    )


def test_an_expired_document_says_so():
    """It is refused, and stays on record as expired."""
    old = replace(LICENSE, applicant=replace(PERSON, state_id_expiration="2020-01-01"))
    assert piece_of(old).validity is Validity.EXPIRED


def test_an_unreadable_barcode_outweighs_what_the_adapter_says():
    """The person confirms what was read, which compares nothing."""
    unread = replace(LICENSE, findings=(Finding(code=FindingCode.BARCODE_UNREADABLE),))
    assert piece_of(unread).inspection.barcode is Barcode.UNREAD


@pytest.mark.parametrize("check", [one for one in SelfieCheck if one is not SelfieCheck.MATCH])
def test_only_a_face_that_matches_verifies(check):
    """Not checked is no match."""
    assert piece_of(replace(LICENSE, selfie=check)).verified_by == ()


def test_a_wallet_verifies_what_its_issuer_signed():
    """The signature confirms what was read; a key of the holder without it verifies nothing."""
    evidence = evidence_of(WALLET)
    assert evidence.pieces[0].validated_by is ValidatedBy.SIGNATURE
    assert [one.method for one in evidence.pieces[0].verified_by] == [VerifiedBy.WALLET]
    assert evidence.confirmed == dict.fromkeys(CoreAttribute, SIGNED)
    unsigned = replace(WALLET, inspection=Inspection(holder_key=True))
    assert piece_of(unsigned).verified_by == ()
    age_only = replace(WALLET, applicant=replace(PERSON, state_id_number=None, ssn=None))
    assert evidence_of(age_only).confirmed == {}


def test_the_issuer_of_a_passport_is_authoritative():
    """Asked by core or by the vendor; its record has no address."""
    yes = Check(result=PassportResult(vendor_name="v", outcome=Outcome.PASSED))
    known = dict.fromkeys((IDENTIFIER, NAME, BIRTH_DATE), A)
    assert evidence_of(BOOK, yes).confirmed == known
    assert piece_of(BOOK, yes).issuer == "USA"
    assert evidence_of(replace(BOOK, passport_check=Match.MATCH)).confirmed == known
    assert passport_evidence(yes.result).confirmed == known
    assert passport_evidence(replace(yes.result, outcome=Outcome.FAILED)).confirmed == {}


@pytest.mark.parametrize(
    "check",
    [
        Check(skipped="PassportCheckOff"),
        Check(error=VendorError(Cause.TIMEOUT, "late")),
        Check(result=PassportResult(vendor_name="v", outcome=Outcome.FAILED)),
        Check(result=PassportResult(vendor_name="v", outcome=Outcome.REVIEW)),
    ],
)
def test_an_issuer_that_did_not_say_yes_confirms_nothing(check):
    """A check that was skipped passes, and is none."""
    assert evidence_of(BOOK, check).confirmed == {}


def resolved(resolution=RESOLVED, state_id=None, *, person=PERSON, passed=True, vouched=True):
    """Return the evidence of a resolution."""
    return resolution_evidence(person, resolution, state_id, passed=passed, vouched=vouched)


def test_sources_confirm_attribute_by_attribute():
    """A resolution vendor is credible if the operator vouches for it; the agency has the records."""
    assert resolved().confirmed == dict.fromkeys(CoreAttribute, C)
    assert resolved().death is Death.CLEAR
    assert resolved().notify == {Channel.POST}
    unknown = resolved(vouched=False)
    assert (unknown.confirmed, unknown.death, unknown.notify) == ({}, Death.UNKNOWN, frozenset())
    agency = resolved(None, AGENCY, vouched=False)
    assert agency.confirmed == dict.fromkeys((IDENTIFIER, BIRTH_DATE, ADDRESS), A)
    both = resolved(RESOLVED, AGENCY)
    assert both.confirmed[BIRTH_DATE] == A | C
    assert both.confirmed[NAME] == C


@pytest.mark.parametrize("match", [Match.MISMATCH, Match.UNAVAILABLE, Match.NOT_CHECKED])
@pytest.mark.parametrize(
    ("name", "attribute"),
    [("ssn", IDENTIFIER), ("last_name", NAME), ("dob", BIRTH_DATE), ("city", ADDRESS)],
)
def test_an_attribute_is_confirmed_as_a_whole(name, attribute, match):
    """A part that does not match leaves it unconfirmed; only a mismatch is reported."""
    evidence = resolved(replace(RESOLVED, attributes={**RESOLVED.attributes, name: match}))
    assert attribute not in evidence.confirmed
    assert evidence.mismatched == ({attribute} if match is Match.MISMATCH else set())


def test_a_person_with_one_name_has_a_name():
    """The other one is not asked for."""
    matches = {"last_name": Match.MATCH}
    one_name = replace(PERSON, first_name=None)
    assert NAME in resolved(replace(RESOLVED, attributes=matches), person=one_name).confirmed
    assert NAME not in resolved(replace(RESOLVED, attributes=matches)).confirmed
    nameless = replace(one_name, last_name=None)
    assert NAME not in resolved(replace(RESOLVED, attributes=matches), person=nameless).confirmed


def test_a_no_confirms_nothing():
    """Whatever attributes agree; a death record counts from anybody."""
    hit = replace(RESOLVED, outcome=Outcome.FAILED, death=Death.HIT)
    evidence = resolved(hit, AGENCY, passed=False, vouched=False)
    assert evidence.confirmed == {}
    assert evidence.death is Death.HIT
    assert resolved(None).confirmed == {}


def test_an_account_in_the_name_of_the_person_is_a_piece():
    """Verified by nothing yet, and a way to notify them if the operator vouches for the vendor."""
    evidence = phone_evidence(OWNED, vouched=True)
    (piece,) = evidence.pieces
    assert (piece.kind, piece.validated_by) == (EvidenceKind.PHONE_ACCOUNT, ValidatedBy.ACCOUNT)
    assert (piece.verified_by, evidence.notify) == ((), {Channel.PHONE})
    assert not phone_evidence(OWNED, vouched=False).pieces[0].vouched
    assert phone_evidence(OWNED, vouched=False).notify == frozenset()


@pytest.mark.parametrize("account", [Match.MISMATCH, Match.UNAVAILABLE, Match.NOT_CHECKED])
def test_a_number_without_an_account_is_no_evidence(account):
    """A directory's yes, a number on the Internet, somebody else's account."""
    assert phone_evidence(replace(OWNED, account=account), vouched=True) == Evidence()


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REVIEW, Outcome.UNKNOWN])
def test_a_phone_that_does_not_pass_is_no_evidence(outcome):
    """Nor is one that nobody was asked about."""
    assert phone_evidence(replace(OWNED, outcome=outcome), vouched=True) == Evidence()
    assert phone_evidence(None, vouched=True) == Evidence()


@pytest.mark.parametrize("answer", [LICENSE, BOOK, WALLET])
def test_evidence_comes_back_and_names_nobody(answer):
    """From the sealed result, with its types; no value of the person but the code of the issuer is in it."""
    evidence = evidence_of(answer) | resolved() | phone_evidence(OWNED, vouched=True)
    written = write_typed(PhoneJobResult(evidence=evidence))
    assert read_typed(PhoneJobResult, written).evidence == evidence
    allowed = {evidence.pieces[0].issuer, None}
    for name in ATTRIBUTES:
        for person in (PERSON, PASSPORT):
            value = getattr(person, name)
            assert value in allowed or str(value).encode() not in written, name
    assert "issuer" not in " ".join(evidence_codes(evidence))


@pytest.mark.parametrize(
    "text",
    [
        '{"evidence": 1}',
        '{"evidence": {"pieces": [{"kind": "library_card"}]}}',
        '{"evidence": {"pieces": [{"kind": "passport", "vouched": "yes"}]}}',
        '{"evidence": {"pieces": [{"kind": "passport", "inspection": {"presence": 1}}]}}',
        '{"evidence": {"confirmed": {"name": ["hearsay"]}}}',
        '{"evidence": {"confirmed": {"shoe_size": ["credible"]}}}',
        '{"evidence": {"death": "maybe"}}',
        '{"evidence": {"notify": "post"}}',
    ],
)
def test_anything_else_is_refused(text):
    """Types are strict."""
    with pytest.raises(ValueError, match="not a DocumentJobResult"):
        read_typed(DocumentJobResult, text.encode())


def test_words_for_logs():
    """Kind, strength, and how it was validated and verified; sources; what speaks against it."""
    evidence = evidence_of(LICENSE) | resolved(replace(RESOLVED, attributes={"ssn": Match.MISMATCH}))
    assert evidence_codes(evidence) == [
        "drivers_license:strong:scan:face_auto",
        "government_identifier:mismatch",
        "death:clear",
    ]
    assert evidence_codes(evidence_of(WALLET))[0] == "mobile_drivers_license:superior:signature:wallet"
    other = replace(LICENSE, document_type=DocumentType.OTHER)
    assert evidence_codes(evidence_of(other)) == ["other:none:none"]
    assert evidence_codes(resolved(RESOLVED, AGENCY))[1] == "birth_date:authoritative:credible"


def test_a_whole_flow():
    """A wallet and a resolution support IAL2; a license with a face needs a second piece."""
    assert assess(evidence_of(WALLET) | resolved()).level is Level.IAL2
    licensed = evidence_of(LICENSE) | resolved(RESOLVED, AGENCY) | phone_evidence(OWNED, vouched=True)
    verdict = assess(licensed)
    assert verdict.level is Level.IAL1
    assert [missing.code for missing in verdict.missing] == ["verification:phone_account"]
