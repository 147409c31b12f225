"""The tables of identity assurance: kinds of evidence, ways to verify them, and what a level can lack.

Source: NIST SP 800-63A-4 (August 2025); each row names its section. What the text leaves open is judged so
that a level is rather missed than reached wrongly: docs/adr/0042. The reference is made from these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from proofing.contracts.evidence import EvidenceKind, EvidencePiece, Strength, ValidatedBy, VerifiedBy


class Level(IntEnum):
    """What evidence supports. Whether a service has a level is for its operator and its assessor to say."""

    #: No identity proofing.
    NONE = 0
    IAL1 = 1
    IAL2 = 2
    IAL3 = 3

    @property
    def label(self) -> str:
        """The name in logs and reports."""
        return self.name.lower()


class Pathway(StrEnum):
    """How the pieces were verified at IAL2, in the order in which one is named where several would do."""

    #: Section 4.2.6.2.
    DIGITAL = "digital_evidence"
    #: Section 4.2.6.3.
    BIOMETRIC = "biometric"
    #: Section 4.2.6.1.
    NON_BIOMETRIC = "non_biometric"


class ProofingType(StrEnum):
    """Where the person is, and whether an agent is with them; section 2.1.3."""

    REMOTE_UNATTENDED = "remote_unattended"
    REMOTE_ATTENDED = "remote_attended"
    ON_SITE_UNATTENDED = "on_site_unattended"
    ON_SITE_ATTENDED = "on_site_attended"

    @property
    def is_attended(self) -> bool:
        """Whether an agent is with them."""
        return self in {ProofingType.REMOTE_ATTENDED, ProofingType.ON_SITE_ATTENDED}

    @property
    def is_remote(self) -> bool:
        """Whether they use their own device."""
        return self in {ProofingType.REMOTE_UNATTENDED, ProofingType.REMOTE_ATTENDED}


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of evidence.

    Attributes:
        strength: the highest it can have; None: it is no evidence.
        validated_by: what can find it genuine.
        verified_by: what can find it to be the person's.
        signed_portrait: its issuer signs the portrait, too.
    """

    strength: Strength | None
    validated_by: frozenset[ValidatedBy] = frozenset()
    verified_by: frozenset[VerifiedBy] = frozenset()
    signed_portrait: bool = False


_INSPECTED = frozenset({ValidatedBy.SCAN, ValidatedBy.AGENT})
_SIGNED = frozenset({ValidatedBy.SIGNATURE})
_ACCOUNT = frozenset({ValidatedBy.ACCOUNT, ValidatedBy.SIGNATURE})
_FACE = frozenset({VerifiedBy.FACE_AGENT, VerifiedBy.FACE_AUTO})

#: Appendix A, and section 2.4.1. A passport card is not listed there: like a license, and never superior.
KINDS: Mapping[EvidenceKind, KindRow] = MappingProxyType(
    {
        EvidenceKind.DRIVERS_LICENSE: KindRow(
            Strength.STRONG, _INSPECTED | _SIGNED, _FACE | {VerifiedBy.CODE_POST}
        ),
        EvidenceKind.STATE_ID_CARD: KindRow(
            Strength.STRONG, _INSPECTED | _SIGNED, _FACE | {VerifiedBy.CODE_POST}
        ),
        EvidenceKind.MOBILE_DRIVERS_LICENSE: KindRow(
            Strength.SUPERIOR, _SIGNED, frozenset({VerifiedBy.WALLET, VerifiedBy.LOGIN}), signed_portrait=True
        ),
        EvidenceKind.PASSPORT: KindRow(Strength.SUPERIOR, _INSPECTED | _SIGNED, _FACE, signed_portrait=True),
        EvidenceKind.PASSPORT_CARD: KindRow(Strength.STRONG, _INSPECTED, _FACE),
        EvidenceKind.PHONE_ACCOUNT: KindRow(
            Strength.FAIR, _ACCOUNT, frozenset({VerifiedBy.CODE_PHONE, VerifiedBy.LOGIN})
        ),
        EvidenceKind.FINANCIAL_ACCOUNT: KindRow(
            Strength.FAIR, _ACCOUNT, frozenset({VerifiedBy.LOGIN, VerifiedBy.MICROTRANSACTION})
        ),
        EvidenceKind.OTHER: KindRow(None),
    }
)


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One way to verify a piece.

    Attributes:
        strengths: of the pieces that it verifies at IAL2. At IAL1 it verifies those of any strength.
        pathways: to which it belongs at IAL2.
        clause: its section.
    """

    strengths: frozenset[Strength]
    pathways: frozenset[Pathway]
    clause: str


#: Sections 4.1.6 and 4.2.6.
METHODS: Mapping[VerifiedBy, MethodRow] = MappingProxyType(
    {
        VerifiedBy.CODE_PHONE: MethodRow(
            frozenset({Strength.FAIR}), frozenset({Pathway.DIGITAL, Pathway.NON_BIOMETRIC}), "4.2.6.1(2)"
        ),
        VerifiedBy.CODE_POST: MethodRow(
            frozenset({Strength.FAIR, Strength.STRONG}), frozenset({Pathway.NON_BIOMETRIC}), "4.2.6.1(3)"
        ),
        VerifiedBy.MICROTRANSACTION: MethodRow(
            frozenset({Strength.FAIR}), frozenset({Pathway.DIGITAL}), "4.2.6.2(2)"
        ),
        VerifiedBy.LOGIN: MethodRow(
            frozenset({Strength.FAIR, Strength.STRONG}), frozenset({Pathway.DIGITAL}), "4.2.6.2(2)"
        ),
        VerifiedBy.WALLET: MethodRow(
            frozenset({Strength.SUPERIOR}), frozenset({Pathway.DIGITAL}), "4.2.6.2(4)"
        ),
        VerifiedBy.FACE_AGENT: MethodRow(
            frozenset(Strength), frozenset({Pathway.NON_BIOMETRIC}), "4.2.6.1(3)"
        ),
        VerifiedBy.FACE_AUTO: MethodRow(frozenset(Strength), frozenset({Pathway.BIOMETRIC}), "4.2.6.3"),
    }
)

#: Section 3.8: a code has that many digits at least, and is valid that long.
MIN_CODE_DIGITS = 6
MAX_CODE_SECONDS: Mapping[VerifiedBy, float] = MappingProxyType(
    {VerifiedBy.CODE_PHONE: 10 * 60.0, VerifiedBy.CODE_POST: 21 * 24 * 3600.0}
)


class Need(StrEnum):
    """What a level lacks. Each has its row in `NEEDS`."""

    EVIDENCE = "evidence"
    SECOND_PIECE = "second_piece"
    STRONG_PIECE = "strong_piece"
    VALIDATION = "validation"
    ACCOUNT = "account"
    SIGNATURE = "signature"
    LIVE_CAPTURE = "live_capture"
    PRESENCE = "presence"
    BARCODE = "barcode"
    VOUCHED_VENDOR = "vouched_vendor"
    NOT_EXPIRED = "not_expired"
    VERIFICATION = "verification"
    LIVENESS = "liveness"
    CONSENT = "consent"
    CODE = "code"
    PORTRAIT = "portrait"
    LOCAL_ACTIVATION = "local_activation"
    ADDRESS_SOURCE = "address_source"
    ADDRESS_FROM_PIECE = "address_from_piece"
    IDENTIFIER = "identifier"
    ATTRIBUTES = "attributes"
    DEATH_CHECK = "death_check"
    NOTIFICATION_ADDRESS = "notification_address"
    ON_SITE_ATTENDED = "on_site_attended"
    STRONGEST_BY_FACE = "strongest_by_face"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Row:
    """What a need, a flag or a reason to stop says.

    Attributes:
        clause: the section that it comes from.
        text: what is to be done, or what is so; a sentence without its end.
    """

    clause: str
    text: str


NEEDS: Mapping[Need, Row] = MappingProxyType(
    {
        Need.EVIDENCE: Row("2.4.1, 4.1.2", "Present a piece of evidence"),
        Need.SECOND_PIECE: Row(
            "4.2.2", "Present a second piece, fair or strong, or one superior piece in place of this one"
        ),
        Need.STRONG_PIECE: Row("4.2.2", "Present a strong or a superior piece"),
        Need.VALIDATION: Row(
            "2.4.2.1, 4.1.4", "Have the piece found genuine, or withdraw it where others suffice"
        ),
        Need.ACCOUNT: Row("2.4.2.2", "Have the issuer of the account confirm it, in the person's name"),
        Need.SIGNATURE: Row("4.2.4(2)", "Verify the issuer's signature, up to a trust anchor"),
        Need.LIVE_CAPTURE: Row("3.13a(3)", "Take the images while the document is inspected"),
        Need.PRESENCE: Row("3.13a(4)", "Detect documents that are only shown on a screen or a copy"),
        Need.BARCODE: Row("3.13a(2)", "Compare barcode or machine-readable zone with the print"),
        Need.VOUCHED_VENDOR: Row(
            "2.4.2.4, 3.11a(6), 3.13a(6)",
            "Check who found the piece genuine, and name them in assurance_vendors",
        ),
        Need.NOT_EXPIRED: Row("2.4.2", "Present a piece that has not expired"),
        Need.VERIFICATION: Row(
            "4.1.6, 4.2.6", "Have the piece found to be the person's, or withdraw it where others suffice"
        ),
        Need.LIVENESS: Row("3.11b(2)", "Detect presentation attacks when faces are compared"),
        Need.CONSENT: Row("3.11a(2)", "Record the person's consent to the comparison of faces"),
        Need.CODE: Row("3.8", "Have a code of six digits or more returned before it expires"),
        Need.PORTRAIT: Row(
            "4.2.6.3(1)", "Compare the face with a portrait that is signed, or on a card that was inspected"
        ),
        Need.LOCAL_ACTIVATION: Row("63B 3.1.7.3", "Have the person activate the wallet locally"),
        Need.ADDRESS_SOURCE: Row(
            "4.2.6.1(3)", "Have an authoritative source confirm the address that the code is mailed to"
        ),
        Need.ADDRESS_FROM_PIECE: Row("4.2.6.1(3)", "Mail the code to the address on the piece"),
        Need.IDENTIFIER: Row("2.2", "Have a source confirm a government identifier"),
        Need.ATTRIBUTES: Row("2.4.2.3, 4.1.3, 4.1.5", "Have a source confirm each core attribute"),
        Need.DEATH_CHECK: Row("3.2.1(8)", "Look for a death record"),
        Need.NOTIFICATION_ADDRESS: Row(
            "3.10(1)", "Confirm an address at which the person is notified: postal, or of a phone"
        ),
        Need.ON_SITE_ATTENDED: Row("4.3.1", "Proof on site, with an agent"),
        Need.STRONGEST_BY_FACE: Row("4.3.6", "Verify the strongest piece by the person's face"),
        Need.SAMPLE: Row("4.3.3(2)", "Take and keep a biometric sample"),
    }
)


class Flag(StrEnum):
    """What a verdict is to be read with. Each has its row in `FLAGS`."""

    FORGED_EVIDENCE = "forged_evidence"
    DEATH_RECORD = "death_record"
    ATTRIBUTE_MISMATCH = "attribute_mismatch"
    EXPIRED_BY_POLICY = "expired_by_policy"
    NOTIFICATION_DUE = "notification_due"
    REDRESS_DUE = "redress_due"


FLAGS: Mapping[Flag, Row] = MappingProxyType(
    {
        Flag.FORGED_EVIDENCE: Row("2.4.2", "A piece was found not to be genuine; nothing is supported"),
        Flag.DEATH_RECORD: Row("3.2.1(8)", "There is a death record; nothing is supported"),
        Flag.ATTRIBUTE_MISMATCH: Row("4.2.5(2)", "A source disagrees with an attribute"),
        Flag.EXPIRED_BY_POLICY: Row("2.4.2", "A piece has expired, and a policy accepts it"),
        Flag.NOTIFICATION_DUE: Row("3.10", "Nothing here notifies the person: the operator must"),
        Flag.REDRESS_DUE: Row("3.6", "Nothing here handles complaints: the operator must"),
    }
)
#: With these there is no level, whatever else there is.
STOPS = frozenset({Flag.FORGED_EVIDENCE, Flag.DEATH_RECORD})


def strength_of(piece: EvidencePiece) -> Strength | None:
    """Return how strong *piece* is, None when it is no evidence.

    A superior piece whose signature was not verified is a strong one (4.2.4(2)).
    """
    highest = KINDS[piece.kind].strength
    if highest is Strength.SUPERIOR and piece.validated_by is not ValidatedBy.SIGNATURE:
        return Strength.STRONG
    return highest
