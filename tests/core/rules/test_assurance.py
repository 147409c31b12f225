"""Properties of the assurance rules over any evidence, and what a verdict says of itself."""

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    Strength,
    ValidatedBy,
    Validity,
    Verification,
    VerifiedBy,
)
from proofing.rules.assurance import Missing, assess
from proofing.rules.assurance_table import (
    FLAGS,
    KINDS,
    METHODS,
    NEEDS,
    Flag,
    Level,
    Need,
    ProofingType,
    strength_of,
)

#: Half of the pieces that are drawn are good, or most evidence would support nothing.
_OFTEN = st.sampled_from([True, True, True, False])
GOOD_VERIFICATIONS = [
    Verification(
        method=method, liveness=True, vouched=True, digits=6, age_seconds=60, address_from_piece=True
    )
    for method in VerifiedBy
]
GOOD_INSPECTION = Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH)
GOOD = Evidence(
    confirmed=dict.fromkeys(CoreAttribute, frozenset({Source.AUTHORITATIVE})),
    death=Death.CLEAR,
    biometric_consent=True,
    notify=frozenset({Channel.POST}),
)

verifications = st.builds(
    Verification,
    method=st.sampled_from(VerifiedBy),
    liveness=_OFTEN,
    vouched=_OFTEN,
    digits=st.sampled_from([None, 5, 6, 8]),
    age_seconds=st.sampled_from([None, -1.0, 30.0, 601.0, 1e7]),
    address_from_piece=_OFTEN,
)
inspections = st.builds(
    Inspection, live_capture=_OFTEN, presence=_OFTEN, barcode=st.sampled_from([Barcode.MATCH, *Barcode])
)
pieces = st.builds(
    EvidencePiece,
    kind=st.sampled_from(EvidenceKind),
    validity=st.sampled_from([Validity.OK, *Validity]),
    validated_by=st.sampled_from(
        [one for one in ValidatedBy if one is not ValidatedBy.FAILED] * 4 + [ValidatedBy.FAILED]
    ),
    inspection=st.one_of(st.just(GOOD_INSPECTION), inspections),
    vouched=_OFTEN,
    verified_by=st.lists(st.one_of(st.sampled_from(GOOD_VERIFICATIONS), verifications), max_size=3).map(
        tuple
    ),
)
confirmed = st.one_of(
    st.just(GOOD.confirmed),
    st.dictionaries(
        st.sampled_from(CoreAttribute), st.frozensets(st.sampled_from(Source)), max_size=len(CoreAttribute)
    ),
)
evidence = st.builds(
    Evidence,
    pieces=st.lists(pieces, max_size=4, unique_by=lambda piece: piece.kind).map(tuple),
    confirmed=confirmed,
    mismatched=st.frozensets(st.sampled_from(CoreAttribute)),
    death=st.sampled_from([Death.CLEAR, Death.CLEAR, *Death]),
    biometric_consent=_OFTEN,
    notify=st.frozensets(st.sampled_from(Channel)),
)
circumstances = st.fixed_dictionaries(
    {"proofing_type": st.sampled_from(ProofingType), "sample_kept": st.booleans()}
)
many = settings(max_examples=200, deadline=None)


@pytest.fixture(scope="module")
def complete_pieces():
    """Return each kind of piece, in each way in which it is valid and verified at IAL2."""
    found = []
    for kind, known in KINDS.items():
        for validated_by in known.validated_by:
            for way in GOOD_VERIFICATIONS:
                piece = EvidencePiece(
                    kind=kind,
                    validated_by=validated_by,
                    inspection=GOOD_INSPECTION,
                    vouched=True,
                    verified_by=(way,),
                )
                alone = assess(replace(GOOD, pieces=(piece,)))
                if alone.level >= Level.IAL1 and strength_of(piece) in METHODS[way.method].strengths:
                    found.append(piece)
    return found


def test_pieces_of_every_strength_can_be_complete(complete_pieces):
    """The next property is about all of them."""
    assert {strength_of(piece) for piece in complete_pieces} == set(Strength)


@many
@given(evidence, circumstances, st.data())
def test_a_further_piece_that_is_complete_never_lowers(complete_pieces, before, around, data):
    """What is valid, and verified as IAL2 asks, adds to whatever else there is."""
    added = data.draw(st.sampled_from(complete_pieces))
    if added.kind in {piece.kind for piece in before.pieces}:
        return
    more = replace(before, pieces=(*before.pieces, added), biometric_consent=True)
    before = replace(before, biometric_consent=True)
    around |= {"sample_kept": False}
    assert assess(more, **around).level >= assess(before, **around).level


@many
@given(evidence, circumstances, verifications, st.data())
def test_a_further_verification_never_lowers(before, around, way, data):
    """However bad it is: it does not undo another one."""
    if before.pieces:
        kind = data.draw(st.sampled_from([piece.kind for piece in before.pieces]))
        assert assess(before.verified(kind, way), **around).level >= assess(before, **around).level


@many
@given(evidence, circumstances, st.sampled_from(CoreAttribute), st.sampled_from(Source))
def test_a_further_source_never_lowers(before, around, name, source):
    """Nor does the first one."""
    sources = before.confirmed.get(name, frozenset()) | {source}
    after = replace(before, confirmed={**before.confirmed, name: sources})
    assert assess(after, **around).level >= assess(before, **around).level


@many
@given(evidence, circumstances, st.data())
def test_what_failed_never_raises(before, around, data):
    """A forged piece and a death record stop everything; a mismatch changes no level."""
    level = assess(before, **around).level
    assert assess(replace(before, death=Death.HIT), **around).level is Level.NONE
    disagreed = replace(before, mismatched=frozenset(CoreAttribute))
    assert assess(disagreed, **around).level == level
    assert Flag.ATTRIBUTE_MISMATCH in assess(disagreed, **around).flags
    if before.pieces:
        number = data.draw(st.integers(0, len(before.pieces) - 1))
        changed = list(before.pieces)
        changed[number] = replace(changed[number], validated_by=ValidatedBy.FAILED)
        assert assess(replace(before, pieces=tuple(changed)), **around).level is Level.NONE


@many
@given(evidence, circumstances, st.data())
def test_what_is_unknown_never_counts(before, around, data):
    """To know less of any one thing supports no higher level."""
    level = assess(before, **around).level
    for unknown in (
        {"confirmed": {}},
        {"death": Death.UNKNOWN},
        {"biometric_consent": False},
        {"notify": frozenset()},
    ):
        if "death" in unknown and before.death is Death.HIT:
            continue
        assert assess(replace(before, **unknown), **around).level <= level
    empty = EvidencePiece(kind=EvidenceKind.OTHER)
    for number, piece in enumerate(before.pieces):
        if piece.validated_by is ValidatedBy.FAILED:
            continue
        name = data.draw(st.sampled_from(["validated_by", "inspection", "vouched", "verified_by"]))
        changed = list(before.pieces)
        changed[number] = replace(piece, **{name: getattr(empty, name)})
        assert assess(replace(before, pieces=tuple(changed)), **around).level <= level


@given(circumstances)
def test_nothing_supports_nothing(around):
    """Nor do all checks together, without a piece."""
    assert assess(Evidence(), **around).level is Level.NONE
    assert assess(GOOD, **around).level is Level.NONE


@many
@given(evidence, circumstances)
def test_a_verdict_agrees_with_itself(found, around):
    """It has a pathway from IAL2 on, something missing below IAL3, and never certifies."""
    verdict = assess(found, **around)
    assert bool(verdict.pathways) is bool(verdict.methods) is (verdict.level >= Level.IAL2)
    assert bool(verdict.missing) is (verdict.level is not Level.IAL3 and not verdict.is_stopped)
    assert len(set(verdict.missing)) == len(verdict.missing)
    assert verdict.summary.startswith("supports ")
    assert "certif" not in verdict.summary
    due = {Flag.NOTIFICATION_DUE, Flag.REDRESS_DUE}
    assert due.isdisjoint(verdict.flags) is (verdict.level is Level.NONE)


def test_words_of_a_verdict():
    """Codes name kinds and attributes; explanations say what to do, and where that is asked for."""
    license_missing = Missing(Need.VERIFICATION, EvidenceKind.DRIVERS_LICENSE)
    assert license_missing.code == "verification:drivers_license"
    assert "person's" in license_missing.explanation
    assert "(drivers license) (4.1.6, 4.2.6)" in license_missing.explanation
    address = Missing(Need.ATTRIBUTES, attributes=(CoreAttribute.NAME, CoreAttribute.ADDRESS))
    assert address.code == "attributes:name:address"
    assert "(name, address) (2.4.2.3" in address.explanation
    chip = Missing(Need.SECOND_PIECE, instead=(Need.SIGNATURE,))
    assert "; or: Verify the issuer's signature" in chip.explanation
    death = assess(replace(GOOD, death=Death.HIT))
    assert death.summary == "supports no level: There is a death record; nothing is supported"


def test_every_word_has_its_row():
    """Nothing is judged that no table explains."""
    assert set(KINDS) == set(EvidenceKind)
    assert set(METHODS) == set(VerifiedBy)
    assert set(NEEDS) == set(Need)
    assert set(FLAGS) == set(Flag)
    for row in (*NEEDS.values(), *FLAGS.values()):
        assert row.clause[0].isdigit()
        assert not row.text.endswith(".")


def test_evidence_of_two_jobs_is_one():
    """A piece that is presented again replaces the one before; a death record outweighs a clear answer."""
    first = EvidencePiece(kind=EvidenceKind.PASSPORT)
    again = replace(first, vouched=True)
    phone = EvidencePiece(kind=EvidenceKind.PHONE_ACCOUNT)
    name = {CoreAttribute.NAME: frozenset({Source.CREDIBLE})}
    document = Evidence(pieces=(first, phone), confirmed=name, death=Death.HIT, biometric_consent=True)
    later = Evidence(
        pieces=(again,),
        confirmed={CoreAttribute.NAME: frozenset({Source.AUTHORITATIVE})},
        mismatched=frozenset({CoreAttribute.ADDRESS}),
        death=Death.CLEAR,
        notify=frozenset({Channel.PHONE}),
    )
    both = document | later
    assert set(both.pieces) == {again, phone}
    assert both.confirmed == {CoreAttribute.NAME: frozenset({Source.CREDIBLE, Source.AUTHORITATIVE})}
    assert (both.death, both.biometric_consent, both.notify) == (Death.HIT, True, later.notify)
    assert both.mismatched == later.mismatched
    assert {one.name for one in fields(Evidence)} == {
        *("pieces", "confirmed", "mismatched", "death", "biometric_consent", "notify")
    }
