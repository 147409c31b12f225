"""What proofing found out of a person, in the words of NIST SP 800-63A-4, and without a value of theirs.

A job hands over `Evidence`: the pieces that were presented, which attributes a source confirmed, and a few
checks. It is made in one place, `proofing.rules.evidence`, from what vendors answered. How strong a piece is,
which level all of it supports and what is missing is never stored: `proofing.rules.assurance` judges that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self


class EvidenceKind(StrEnum):
    """What a piece of evidence is. How strong each kind can be: `proofing.rules.assurance_table`."""

    #: A plastic driver's license.
    DRIVERS_LICENSE = "drivers_license"
    #: An ID card of a state.
    STATE_ID_CARD = "state_id_card"
    #: A driver's license on a phone, or another credential that its issuer signed for a wallet.
    MOBILE_DRIVERS_LICENSE = "mobile_drivers_license"
    #: A passport book.
    PASSPORT = "passport"
    #: A passport card.
    PASSPORT_CARD = "passport_card"
    #: An account with a phone carrier.
    PHONE_ACCOUNT = "phone_account"
    #: An account with a bank.
    FINANCIAL_ACCOUNT = "financial_account"
    #: Anything else; it counts for nothing.
    OTHER = "other"


class Strength(StrEnum):
    """How strong a piece is; section 2.4.1."""

    FAIR = "fair"
    STRONG = "strong"
    SUPERIOR = "superior"


class ValidatedBy(StrEnum):
    """How a piece was found to be genuine; section 2.4.2."""

    #: Its issuer's signature verifies up to a trust anchor, and it is not revoked.
    SIGNATURE = "signature"
    #: Its security features were checked by a machine, in images.
    SCAN = "scan"
    #: A trained person inspected it.
    AGENT = "agent"
    #: The issuer of an account, or a source that sees the account, confirms it in the person's name.
    ACCOUNT = "account"
    #: It was not; also where nobody knows.
    NONE = "none"
    #: It was found not to be genuine.
    FAILED = "failed"


class Validity(StrEnum):
    """Whether a piece has expired."""

    #: It has not.
    OK = "ok"
    #: It has, and is accepted by a policy.
    BY_POLICY = "by_policy"
    #: It has.
    EXPIRED = "expired"


class Barcode(StrEnum):
    """How the barcode or machine-readable zone of a document compares with its print."""

    #: They agree.
    MATCH = "match"
    #: They do not.
    DIFFERS = "differs"
    #: There is one, and it could not be read.
    UNREAD = "unread"
    #: Documents of this kind have none.
    ABSENT = "absent"
    #: Nobody compared them.
    NOT_CHECKED = "not_checked"


class VerifiedBy(StrEnum):
    """How a piece was found to be the person's; section 2.5.1. Knowledge, email and SSN are no such way."""

    #: A code was sent to the number of the account, and returned.
    CODE_PHONE = "code_phone"
    #: A code was mailed to the address of the piece, and returned.
    CODE_POST = "code_post"
    #: The person knew an amount that was moved on the account.
    MICROTRANSACTION = "microtransaction"
    #: The person logged in to the account, at AAL2 or FAL2.
    LOGIN = "login"
    #: A wallet that the person activated locally signed the presentation.
    WALLET = "wallet"
    #: A trained person compared the face with the portrait.
    FACE_AGENT = "face_agent"
    #: A machine compared the face with the portrait.
    FACE_AUTO = "face_auto"


class CoreAttribute(StrEnum):
    """The attributes that single a person out; section 2.2."""

    #: Social Security number, or the number of a license or passport.
    GOVERNMENT_IDENTIFIER = "government_identifier"
    #: First and last name; of a person with one name, that.
    NAME = "name"
    #: Birth date.
    BIRTH_DATE = "birth_date"
    #: Postal address.
    ADDRESS = "address"


class Source(StrEnum):
    """Who confirmed an attribute; section 2.4.2.4."""

    #: The issuer, or somebody with direct access to its records.
    AUTHORITATIVE = "authoritative"
    #: A regulated source, or one that correlates several.
    CREDIBLE = "credible"
    #: The issuer's signature on the piece itself.
    SIGNED = "signed"


class Death(StrEnum):
    """What a death record check came to."""

    #: There is no record.
    CLEAR = "clear"
    #: There is one.
    HIT = "hit"
    #: Nobody looked, or not in a way that finds all.
    UNKNOWN = "unknown"


class Channel(StrEnum):
    """Where a person can be notified, at an address that was confirmed."""

    POST = "post"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was done to find a document genuine; what is not said was not done.

    Attributes:
        signature: the issuer's signature was verified up to a trust anchor, and revocation was checked.
        live_capture: the images were taken by the process that inspected them; no file was uploaded.
        presence: a screen, a copy, or an image of the document would have been found.
        barcode: how barcode or machine-readable zone compares with the print.
        liveness: the face was checked for presentation attacks: screen, paper, mask.
        holder_key: the wallet proved a key that is bound to the document, with an activation by its holder,
            for this question only.
    """

    signature: bool = False
    live_capture: bool = False
    presence: bool = False
    barcode: Barcode = Barcode.NOT_CHECKED
    liveness: bool = False
    holder_key: bool = False

    def __post_init__(self) -> None:
        """Refuse in the adapter what is not of its type, which Python does not check."""
        facts = (self.signature, self.live_capture, self.presence, self.liveness, self.holder_key)
        if not all(isinstance(fact, bool) for fact in facts) or not isinstance(self.barcode, Barcode):
            raise TypeError("an inspection is of bools and a Barcode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One way in which a piece was found to be the person's.

    Attributes:
        method: which.
        liveness: of a face: presentation attacks would have been found.
        vouched: of a face that a machine compared: the operator vouches for that machine's error rates.
        digits, age_seconds: of a code: how long it is, and how old it was when it was returned.
        address_from_piece: of a mailed code: the address was read from the piece, not typed.
    """

    method: VerifiedBy
    liveness: bool = False
    vouched: bool = False
    digits: int | None = None
    age_seconds: float | None = None
    address_from_piece: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePiece:
    """One piece that a person presented.

    Its strength is no field: the kind and how it was validated decide it, by
    `proofing.rules.assurance_table.strength_of`.

    Attributes:
        kind: what it is.
        issuer: code of the state or country that issued it; None when it is not known, or an account.
        validity: whether it has expired.
        validated_by: how it was found to be genuine.
        inspection: of a document, what was done for that.
        vouched: the operator vouches for who validated it: for error rates, or access to the account.
        verified_by: how it was found to be the person's.
    """

    kind: EvidenceKind
    issuer: str | None = None
    validity: Validity = Validity.OK
    validated_by: ValidatedBy = ValidatedBy.NONE
    inspection: Inspection = field(default_factory=Inspection)
    vouched: bool = False
    verified_by: tuple[Verification, ...] = ()

    def verified(self, verification: Verification) -> Self:
        """Return the piece as verified in one more way."""
        return replace(self, verified_by=(*self.verified_by, verification))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one job, or all jobs of a session, found out.

    Attributes:
        pieces: what was presented.
        confirmed: which sources confirmed a core attribute; one that is absent was confirmed by none.
        mismatched: core attributes with which a source disagreed.
        death: what a death record check came to.
        biometric_consent: the person agreed to a comparison of faces, and that is on record.
        notify: where the person can be notified.
    """

    pieces: tuple[EvidencePiece, ...] = ()
    confirmed: Mapping[CoreAttribute, frozenset[Source]] = field(default_factory=dict)
    mismatched: frozenset[CoreAttribute] = frozenset()
    death: Death = Death.UNKNOWN
    biometric_consent: bool = False
    notify: frozenset[Channel] = frozenset()

    def verified(self, kind: EvidenceKind, verification: Verification) -> Self:
        """Return it with the pieces of this *kind* verified in one more way."""
        pieces = tuple(piece.verified(verification) if piece.kind is kind else piece for piece in self.pieces)
        return replace(self, pieces=pieces)

    def __or__(self, later: "Evidence") -> "Evidence":
        """Return both together. A piece of *later* replaces one of the same kind: it was presented again."""
        pieces = {piece.kind: piece for piece in (*self.pieces, *later.pieces)}
        names = {*self.confirmed, *later.confirmed}
        return Evidence(
            pieces=tuple(pieces.values()),
            confirmed={
                name: self.confirmed.get(name, frozenset()) | later.confirmed.get(name, frozenset())
                for name in CoreAttribute
                if name in names
            },
            mismatched=self.mismatched | later.mismatched,
            death=max(self.death, later.death, key=(Death.UNKNOWN, Death.CLEAR, Death.HIT).index),
            biometric_consent=self.biometric_consent or later.biometric_consent,
            notify=self.notify | later.notify,
        )
