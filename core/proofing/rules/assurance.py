"""What the evidence of a person supports: level and pathway, and what the next level lacks.

Pure functions over `Evidence` by the tables of `proofing.rules.assurance_table`. What is not known, not
checked or not declared counts as missing. The verdict is on one proofing: it says what its evidence supports,
and certifies nothing; what else a service owes is its operator's. docs/explanation/assurance.md
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proofing.contracts.evidence import (
    Barcode,
    Channel,
    CoreAttribute,
    Death,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Source,
    Strength,
    ValidatedBy,
    Validity,
    Verification,
    VerifiedBy,
)
from proofing.rules.assurance_table import (
    FLAGS,
    KINDS,
    MAX_CODE_SECONDS,
    METHODS,
    MIN_CODE_DIGITS,
    NEEDS,
    STOPS,
    Flag,
    Level,
    Need,
    Pathway,
    ProofingType,
    strength_of,
)

_FACE = frozenset({VerifiedBy.FACE_AGENT, VerifiedBy.FACE_AUTO})
_ORDER = tuple(Strength)


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a level lacks.

    Attributes:
        need: what.
        piece: whose it is; None for the proofing as a whole.
        attributes: which ones no source has confirmed.
        instead: what would do as well.
    """

    need: Need
    piece: EvidenceKind | None = None
    attributes: tuple[CoreAttribute, ...] = ()
    instead: tuple[Need, ...] = ()

    @property
    def code(self) -> str:
        """The name in logs, such as ``verification:drivers_license``."""
        return ":".join((self.need, *([self.piece] if self.piece else []), *self.attributes))

    @property
    def explanation(self) -> str:
        """What is to be done, in a sentence with the section that asks for it."""
        others = "".join(f"; or: {NEEDS[need].text} ({NEEDS[need].clause})" for need in self.instead)
        return f"{explain(self.code).removesuffix('.')}{others}."


def explain(code: str) -> str:
    """Return what is to be done about the code of something missing, with the section that asks for it.

    Returns:
        A sentence; empty for a code that this version does not know.
    """
    need, *names = code.split(":")
    row = NEEDS.get(Need(need)) if need in set(Need) else None
    if row is None:
        return ""
    about = f" ({', '.join(name.replace('_', ' ') for name in names)})" if names else ""
    return f"{row.text}{about} ({row.clause})."


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the evidence of one proofing supports.

    Attributes:
        level: the highest level of which nothing is missing.
        pathways: of `Level.IAL2` and above: the one that covers all pieces, else those that do together.
        methods: how the pieces were verified that count.
        missing: what the next level lacks; empty when there is none, or when a flag stops everything.
        flags: what the verdict is to be read with.
    """

    level: Level
    pathways: tuple[Pathway, ...] = ()
    methods: frozenset[VerifiedBy] = frozenset()
    missing: tuple[Missing, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def is_stopped(self) -> bool:
        """Whether a forged piece or a death record rules out every level."""
        return not STOPS.isdisjoint(self.flags)

    @property
    def pathway(self) -> str:
        """The pathways in one word for logs and metrics; empty where there is none."""
        return "+".join(self.pathways)

    @property
    def summary(self) -> str:
        """The verdict in a few words; it never says more than that a level is supported."""
        if self.is_stopped:
            return f"supports no level: {'; '.join(FLAGS[flag].text for flag in self.flags if flag in STOPS)}"
        if self.level is Level.NONE:
            return "supports no level"
        by = f" ({self.pathway.replace('_', ' ').replace('+', ' and ')})" if self.pathways else ""
        return f"supports {self.level.name}{by}"


def assess(
    evidence: Evidence,
    *,
    proofing_type: ProofingType = ProofingType.REMOTE_UNATTENDED,
    sample_kept: bool = False,
) -> Assessment:
    """Judge what *evidence* supports.

    Args:
        evidence: all of one proofing.
        proofing_type: where it took place.
        sample_kept: whether a biometric sample was taken and is kept.
    """
    flags = tuple(_flags(evidence))
    if not STOPS.isdisjoint(flags):
        return Assessment(level=Level.NONE, flags=flags)
    proofing = _Proofing(evidence, proofing_type, sample_kept=sample_kept)
    level, missing = Level.NONE, proofing.lacks(Level.IAL1)
    while not missing:
        level = Level(level + 1)
        if level is Level.IAL3:
            break
        missing = proofing.lacks(Level(level + 1))
    if level is not Level.NONE:
        flags = (*flags, Flag.NOTIFICATION_DUE, Flag.REDRESS_DUE)
    pathways, methods = proofing.pathways() if level >= Level.IAL2 else ((), frozenset())
    return Assessment(level=level, pathways=pathways, methods=methods, missing=tuple(missing), flags=flags)


def _flags(evidence: Evidence) -> Iterable[Flag]:
    if any(piece.validated_by is ValidatedBy.FAILED for piece in evidence.pieces):
        yield Flag.FORGED_EVIDENCE
    if evidence.death is Death.HIT:
        yield Flag.DEATH_RECORD
    if evidence.mismatched:
        yield Flag.ATTRIBUTE_MISMATCH
    if any(piece.validity is Validity.BY_POLICY for piece in evidence.pieces):
        yield Flag.EXPIRED_BY_POLICY


class _Proofing:
    """The evidence of one proofing, and how it was gathered."""

    def __init__(self, evidence: Evidence, proofing_type: ProofingType, *, sample_kept: bool) -> None:
        self._evidence = evidence
        self._type = proofing_type
        self._sample_kept = sample_kept
        #: What is no evidence is ignored.
        self._pieces = [(piece, strength) for piece in evidence.pieces if (strength := strength_of(piece))]

    def lacks(self, level: Level) -> list[Missing]:
        """Return what *level* lacks, besides what the levels below it do."""
        missing = [*self._evidence_lacks(level), *self._validation_lacks(), *self._verification_lacks(level)]
        missing += self._gates(level)
        if level is Level.IAL3:
            missing += self._sample_lacks()
        return list(dict.fromkeys(missing))

    def pathways(self) -> tuple[tuple[Pathway, ...], frozenset[VerifiedBy]]:
        """Return by which pathways the pieces were verified at IAL2, and by which methods of these."""
        found: list[list[VerifiedBy]] = []
        for piece, _strength in self._to_be_verified():
            ways = [one.method for one in piece.verified_by if not self._lacks_of(piece, one, Level.IAL2)]
            found.append(ways)
        options = [frozenset[Pathway]().union(*(METHODS[way].pathways for way in ways)) for ways in found]
        covering = [one for one in Pathway if all(one in option for option in options)]
        firsts = {next(one for one in Pathway if one in option) for option in options}
        taken = (covering[0],) if covering else tuple(one for one in Pathway if one in firsts)
        methods = {way for ways in found for way in ways if not METHODS[way].pathways.isdisjoint(taken)}
        return taken, frozenset(methods)

    def _evidence_lacks(self, level: Level) -> Iterable[Missing]:
        """Yield what the combination of pieces lacks; sections 4.1.2 and 4.2.2."""
        strengths = [strength for _piece, strength in self._pieces]
        if not strengths:
            yield Missing(Need.EVIDENCE)
        elif level is not Level.IAL1 and Strength.SUPERIOR not in strengths:
            if Strength.STRONG not in strengths:
                yield Missing(Need.STRONG_PIECE)
            elif len(strengths) == 1:
                piece = self._pieces[0][0]
                has_signature = KINDS[piece.kind].strength is Strength.SUPERIOR
                yield Missing(Need.SECOND_PIECE, instead=(Need.SIGNATURE,) if has_signature else ())

    def _validation_lacks(self) -> Iterable[Missing]:
        """Yield what keeps pieces from being valid: each one that was presented must be."""
        for piece, _strength in self._pieces:
            yield from (Missing(need, piece.kind) for need in _invalid(piece))

    def _verification_lacks(self, level: Level) -> Iterable[Missing]:
        """Yield what keeps pieces from being verified; sections 4.1.6, 4.2.6 and 4.3.6."""
        if level is Level.IAL1:
            of_each = [(self._unverified(piece, level), piece) for piece, _strength in self._pieces]
            if of_each:
                # One piece is enough: the one that lacks least.
                needs, piece = min(of_each, key=lambda one: len(one[0]))
                yield from (Missing(need, piece.kind) for need in needs)
            return
        for piece, _strength in self._to_be_verified():
            yield from (Missing(need, piece.kind) for need in self._unverified(piece, level))

    def _to_be_verified(self) -> Sequence[tuple[EvidencePiece, Strength]]:
        """Return the pieces that must be verified at IAL2: with an agent on site, the strongest."""
        if self._type is not ProofingType.ON_SITE_ATTENDED or not self._pieces:
            return self._pieces
        return [min(self._strongest(), key=lambda one: len(self._unverified(one[0], Level.IAL2)))]

    def _unverified(self, piece: EvidencePiece, level: Level) -> Sequence[Need]:
        """Return what keeps *piece* from being verified at *level*; of several ways, the one nearest."""
        known = KINDS[piece.kind].verified_by
        tried = [self._lacks_of(piece, one, level) for one in piece.verified_by if one.method in known]
        return min(tried, key=len, default=(Need.VERIFICATION,))

    def _lacks_of(self, piece: EvidencePiece, way: Verification, level: Level) -> Sequence[Need]:
        """Return what one *way* to verify *piece* lacks."""
        if way.method not in KINDS[piece.kind].verified_by:
            return (Need.VERIFICATION,)
        strength = strength_of(piece)
        if level is not Level.IAL1 and strength not in METHODS[way.method].strengths:
            is_wallet = strength is Strength.SUPERIOR and way.method is VerifiedBy.LOGIN
            return (Need.LOCAL_ACTIVATION if is_wallet else Need.VERIFICATION,)
        if way.method in _FACE:
            return tuple(self._face_lacks(piece, way))
        return tuple(self._code_lacks(way, level)) if way.method in MAX_CODE_SECONDS else ()

    def _face_lacks(self, piece: EvidencePiece, way: Verification) -> Iterable[Need]:
        """Yield what a comparison of faces lacks; sections 3.11 and 4.2.6."""
        is_automatic = way.method is VerifiedBy.FACE_AUTO
        if not way.liveness and (self._type.is_remote if is_automatic else not self._type.is_attended):
            yield Need.LIVENESS
        if is_automatic:
            if not self._evidence.biometric_consent:
                yield Need.CONSENT
            if not way.vouched:
                yield Need.VOUCHED_VENDOR
        elif not (self._type.is_attended or piece.inspection.presence):
            yield Need.PRESENCE
        is_signed = piece.validated_by is ValidatedBy.SIGNATURE and KINDS[piece.kind].signed_portrait
        if not (is_signed or piece.validated_by in {ValidatedBy.SCAN, ValidatedBy.AGENT}):
            yield Need.PORTRAIT

    def _code_lacks(self, way: Verification, level: Level) -> Iterable[Need]:
        """Yield what a returned code lacks; sections 3.8 and 4.2.6.1."""
        is_late = way.age_seconds is None or not 0 <= way.age_seconds <= MAX_CODE_SECONDS[way.method]
        if is_late or way.digits is None or way.digits < MIN_CODE_DIGITS:
            yield Need.CODE
        if way.method is VerifiedBy.CODE_POST:
            if not way.address_from_piece:
                yield Need.ADDRESS_FROM_PIECE
            sources = self._evidence.confirmed.get(CoreAttribute.ADDRESS, ())
            if level is not Level.IAL1 and Source.AUTHORITATIVE not in sources:
                yield Need.ADDRESS_SOURCE

    def _gates(self, level: Level) -> Iterable[Missing]:
        """Yield what is missing besides pieces of evidence."""
        unconfirmed = [one for one in CoreAttribute if not self._is_confirmed(one)]
        if CoreAttribute.GOVERNMENT_IDENTIFIER in unconfirmed:
            yield Missing(Need.IDENTIFIER)
        if others := [one for one in unconfirmed if one is not CoreAttribute.GOVERNMENT_IDENTIFIER]:
            yield Missing(Need.ATTRIBUTES, attributes=tuple(others))
        if self._evidence.death is not Death.CLEAR:
            yield Missing(Need.DEATH_CHECK)
        enough = frozenset(Channel) if level is Level.IAL1 else {Channel.POST, Channel.PHONE}
        if self._evidence.notify.isdisjoint(enough):
            yield Missing(Need.NOTIFICATION_ADDRESS)

    def _is_confirmed(self, attribute: CoreAttribute) -> bool:
        """Return whether a source confirmed *attribute*; a signature does so on a superior piece only."""
        sources = set(self._evidence.confirmed.get(attribute, ()))
        superior = (strength is Strength.SUPERIOR and not _invalid(piece) for piece, strength in self._pieces)
        if Source.SIGNED in sources and not any(superior):
            sources.remove(Source.SIGNED)
        return bool(sources)

    def _sample_lacks(self) -> Iterable[Missing]:
        """Yield what IAL3 asks for besides; section 4.3."""
        if self._type is not ProofingType.ON_SITE_ATTENDED:
            yield Missing(Need.ON_SITE_ATTENDED)
        tried = [(piece, way) for piece, _strength in self._strongest() for way in piece.verified_by]
        faces = [(piece, way) for piece, way in tried if way.method in _FACE]
        if all(self._lacks_of(piece, way, Level.IAL3) for piece, way in faces):
            yield Missing(Need.STRONGEST_BY_FACE)
        if not self._sample_kept:
            yield Missing(Need.SAMPLE)

    def _strongest(self) -> Sequence[tuple[EvidencePiece, Strength]]:
        """Return the pieces of the highest strength."""
        highest = max((strength for _piece, strength in self._pieces), key=_ORDER.index, default=None)
        return [one for one in self._pieces if one[1] is highest]


def _invalid(piece: EvidencePiece) -> Sequence[Need]:
    """Return what keeps *piece* from being valid; sections 2.4.2 and 3.13."""
    known = KINDS[piece.kind].validated_by
    needs: list[Need] = [Need.NOT_EXPIRED] if piece.validity is Validity.EXPIRED else []
    if piece.validated_by not in known:
        if ValidatedBy.ACCOUNT in known:
            return [*needs, Need.ACCOUNT]
        return [*needs, Need.SIGNATURE if known == {ValidatedBy.SIGNATURE} else Need.VALIDATION]
    if piece.validated_by is ValidatedBy.SCAN:
        done = piece.inspection
        needs += [] if done.live_capture else [Need.LIVE_CAPTURE]
        needs += [] if done.presence else [Need.PRESENCE]
        needs += [] if done.barcode in {Barcode.MATCH, Barcode.ABSENT} else [Need.BARCODE]
    if piece.validated_by in {ValidatedBy.SCAN, ValidatedBy.ACCOUNT} and not piece.vouched:
        needs.append(Need.VOUCHED_VENDOR)
    return needs
