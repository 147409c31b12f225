"""Worked cases of the assurance rules; the table is in assurance_cases.md alongside."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from proofing.contracts.evidence import (
    Barcode,
    Channel,
    CoreAttribute,
    Death,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Inspection,
    Source,
    ValidatedBy,
    Validity,
    Verification,
    VerifiedBy,
)
from proofing.rules.assurance import assess
from proofing.rules.assurance_table import NEEDS, Flag, Level, Need, Pathway, ProofingType

TABLE = Path(__file__).with_name("assurance_cases.md").read_text()
LINES = [line for line in TABLE.splitlines() if line.startswith("|")]
CASES = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES[2:]]
PATHWAYS = {"D": Pathway.DIGITAL, "B": Pathway.BIOMETRIC, "N": Pathway.NON_BIOMETRIC}
METHODS = {"mailed": VerifiedBy.CODE_POST, "visual": VerifiedBy.FACE_AGENT}
DAY = 24 * 3600

SCANNED = Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH)
L = EvidencePiece(
    kind=EvidenceKind.DRIVERS_LICENSE, validated_by=ValidatedBy.SCAN, inspection=SCANNED, vouched=True
)
P = EvidencePiece(kind=EvidenceKind.PHONE_ACCOUNT, validated_by=ValidatedBy.ACCOUNT, vouched=True)
PIECES = {
    "L": L,
    "card": replace(L, kind=EvidenceKind.STATE_ID_CARD),
    "book": replace(L, kind=EvidenceKind.PASSPORT),
    "passport-card": replace(L, kind=EvidenceKind.PASSPORT_CARD),
    "mdl": EvidencePiece(kind=EvidenceKind.MOBILE_DRIVERS_LICENSE, validated_by=ValidatedBy.SIGNATURE),
    "P": P,
    "bank": replace(P, kind=EvidenceKind.FINANCIAL_ACCOUNT),
    "other": EvidencePiece(kind=EvidenceKind.OTHER),
}
FACE = Verification(method=VerifiedBy.FACE_AUTO, liveness=True, vouched=True)
AGENT = Verification(method=VerifiedBy.FACE_AGENT, liveness=True)
CODE = Verification(method=VerifiedBy.CODE_PHONE, digits=6, age_seconds=60)
POST = Verification(method=VerifiedBy.CODE_POST, digits=6, age_seconds=5 * DAY, address_from_piece=True)
WAYS = {
    "face": FACE,
    "face-not-live": replace(FACE, liveness=False),
    "face-unvouched": replace(FACE, vouched=False),
    "agent": AGENT,
    "agent-not-live": replace(AGENT, liveness=False),
    "code": CODE,
    "code-short": replace(CODE, digits=5),
    "code-just": replace(CODE, age_seconds=600),
    "code-late": replace(CODE, age_seconds=660),
    "code-ageless": replace(CODE, age_seconds=None),
    "post": POST,
    "post-typed": replace(POST, address_from_piece=False),
    "post-late": replace(POST, age_seconds=22 * DAY),
    "login": Verification(method=VerifiedBy.LOGIN),
    "amount": Verification(method=VerifiedBy.MICROTRANSACTION),
    "wallet": Verification(method=VerifiedBy.WALLET),
}


def changed(**fields) -> Callable[[EvidencePiece], EvidencePiece]:
    """Return what changes the *fields* of a piece."""
    return lambda piece: replace(piece, **fields)


def inspected(**fields) -> Callable[[EvidencePiece], EvidencePiece]:
    """Return what changes how a piece was inspected."""
    return lambda piece: replace(piece, inspection=replace(piece.inspection, **fields))


CHANGES = {
    "unvalidated": changed(validated_by=ValidatedBy.NONE),
    "scanned": changed(validated_by=ValidatedBy.SCAN, inspection=SCANNED),
    "signed": changed(validated_by=ValidatedBy.SIGNATURE),
    "forged": changed(validated_by=ValidatedBy.FAILED),
    "unvouched": changed(vouched=False),
    "expired": changed(validity=Validity.EXPIRED),
    "expired-by-policy": changed(validity=Validity.BY_POLICY),
    "uploaded": inspected(live_capture=False),
    "presence-unchecked": inspected(presence=False),
    "barcode-differs": inspected(barcode=Barcode.DIFFERS),
    "barcode-unread": inspected(barcode=Barcode.UNREAD),
    "barcode-unchecked": inspected(barcode=Barcode.NOT_CHECKED),
    "barcode-absent": inspected(barcode=Barcode.ABSENT),
}
KNOWN = dict.fromkeys(CoreAttribute, frozenset({Source.AUTHORITATIVE}))
AT_C = frozenset({Source.CREDIBLE})


def without(attribute):
    """Return that all but one attribute is confirmed."""
    return {"confirmed": {name: sources for name, sources in KNOWN.items() if name is not attribute}}


AROUND = {
    "no-source": {"confirmed": {}},
    "no-identifier": without(CoreAttribute.GOVERNMENT_IDENTIFIER),
    "no-birth-date": without(CoreAttribute.BIRTH_DATE),
    "address-at-C": {"confirmed": KNOWN | {CoreAttribute.ADDRESS: AT_C}},
    "identifier-at-C": {"confirmed": KNOWN | {CoreAttribute.GOVERNMENT_IDENTIFIER: AT_C}},
    "signed-only": {"confirmed": dict.fromkeys(CoreAttribute, frozenset({Source.SIGNED}))},
    "disagreement": {"mismatched": frozenset({CoreAttribute.ADDRESS})},
    "no-consent": {"biometric_consent": False},
    "no-death-check": {"death": Death.UNKNOWN},
    "death-record": {"death": Death.HIT},
    "nowhere": {"notify": frozenset()},
    "email-only": {"notify": frozenset({Channel.EMAIL})},
    "post-only": {"notify": frozenset({Channel.POST})},
}
HOW = {
    "on-site": {"proofing_type": ProofingType.ON_SITE_ATTENDED},
    "kiosk": {"proofing_type": ProofingType.ON_SITE_UNATTENDED},
    "video": {"proofing_type": ProofingType.REMOTE_ATTENDED},
    "sample": {"sample_kept": True},
}


def piece_of(words):
    """Return the piece that the *words* of a row describe."""
    name, *rest = words.split()
    piece = PIECES[name]
    for word in rest:
        piece = piece.verified(WAYS[word]) if word in WAYS else CHANGES[word](piece)
    return piece


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1]}")
def test_case(case):
    """Level, pathways and what the next level lacks are those of the row."""
    _number, _what, pieces, circumstances, result, lacks, clause = case
    around = {"confirmed": KNOWN, "death": Death.CLEAR, "biometric_consent": True}
    around["notify"] = frozenset({Channel.POST, Channel.PHONE})
    how = {}
    for word in circumstances.split():
        (around if word in AROUND else how).update((AROUND | HOW)[word])
    found = assess(
        Evidence(pieces=tuple(piece_of(words) for words in pieces.split(",") if words.strip()), **around),
        **how,
    )
    level, *words = result.split()
    assert found.level == Level(int(level))
    assert found.pathways == tuple(PATHWAYS[word] for word in words if word in PATHWAYS)
    assert {missing.need for missing in found.missing} == set(map(Need, lacks.split()))
    assert {METHODS[word] for word in words if word in METHODS} == found.methods & set(METHODS.values())
    flags = {Flag(word) for word in words if word not in PATHWAYS and word not in METHODS}
    due = {Flag.NOTIFICATION_DUE, Flag.REDRESS_DUE}
    assert set(found.flags) - due == flags
    if lacks and found.level < Level.IAL2:
        asked = [one for need in lacks.split() for one in NEEDS[Need(need)].clause.split(", ")]
        assert clause.startswith(tuple(asked))


def test_the_table_is_whole():
    """Its rows are numbered, and every level, pathway, need, word of a piece, and circumstance has one."""
    assert {int(case[0].rstrip("ab")) for case in CASES} == set(range(1, 83))
    words = {word for case in CASES for cell in case[2:6] for word in cell.replace(",", " ").split()}
    assert words >= {*"0123", *PATHWAYS, *METHODS, *Need}
    assert words >= {*PIECES, *WAYS, *CHANGES, *AROUND, *HOW}
