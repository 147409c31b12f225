"""Signatures of licenses and ID cards: W3C Verifiable Credential Barcodes, draft of 2026-07-15.

A credential in an element of the issuer signs some of the elements of the barcode. What it signs is shown as
signed, and nothing else. *Authentic* means the data, not the card or its holder: a copy keeps its signature.
docs/adr/0052-signed-barcodes.md
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec

from proofing.plugin import parse_iso_date
from proofing_reader.canonical_graphs import RDF_TYPE, Statement, canonical, iri, literal
from proofing_reader.card import Card
from proofing_reader.cbor_ld import (
    Credential,
    Encoding,
    MalformedError,
    OtherFormatError,
    StatusEntry,
    SubjectType,
    decode_credential,
)
from proofing_reader.issuer_keys import IssuerKeys, KeyAge, is_signature
from proofing_reader.multibase import NotDecodedError, decode_base45, decode_base64
from proofing_reader.status_lists import Status, StatusList, status_of

#: The elements that can be signed: the 22 that are mandatory since version 04, sorted. Bit i is the i-th.
SIGNABLE = tuple(
    "DAC DAD DAG DAI DAJ DAK DAQ DAU DAY DBA DBB DBC DBD DCA DCB DCD DCF DCG DCS DDE DDF DDG".split()
)
#: Which attribute of an `Applicant` an element is.
_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "DAC": "first_name",
        "DAD": "middle_name",
        "DAG": "address1",
        "DAI": "city",
        "DAJ": "state",
        "DAK": "zipcode",
        "DAQ": "state_id_number",
        "DAU": "height",
        "DAY": "eye_color",
        "DBA": "state_id_expiration",
        "DBB": "dob",
        "DBC": "sex",
        "DBD": "state_id_issued",
        "DCG": "issuing_country_code",
        "DCS": "last_name",
    }
)
#: What singles a person and a document out.
_IDENTITY = frozenset({"last_name", "first_name", "dob", "state_id_number", "state_id_expiration"})
#: What a zone has; its signature is over all lines.
_ZONE_ATTRIBUTES = frozenset(
    "first_name middle_name last_name dob sex mrz document_number passport_expiration issuing_country_code "
    "nationality_code".split()
)
_INDEX_BITS = 24

_CREDENTIALS = "https://www.w3.org/2018/credentials#"
_BARCODES = "https://w3id.org/vc-barcodes#"
_SECURITY = "https://w3id.org/security#"
_INTEGER = "http://www.w3.org/2001/XMLSchema#integer"
#: How base64 of a credential begins, and the prefixes of multibase that it may have.
_BEGINNING, _PREFIXES = "2csd", "uUmM"
_QR_PREFIX = "VC1-R"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningProfile:
    """How an issuer signs, as it has published it.

    Attributes:
        did: who signs.
        element: of the issuer's own subfile, which has the credential; None where a QR code has it.
        encoding: of the credential.
        signs_since: cards that were issued since have a credential.
    """

    did: str
    element: str | None
    encoding: Encoding
    signs_since: date | None = None


def _california() -> SigningProfile:
    """Return the profile of California, registry entry 31000000 of CBOR-LD (2025-06)."""
    did = "did:web:credentials.dmv.ca.gov"
    urls: dict[int | bytes, str] = {b"\x01": did}
    for code in (1, 2, 3):
        urls[bytes([1 + code])] = f"https://api.credentials.dmv.ca.gov/status/dlid/{code}/status-lists"
    for key in range(1, 16):
        urls[bytes([4 + key])] = f"{did}#vm-vcb-{key}"
    # Of its user acceptance tests, so that their cards are known for those of another issuer.
    tests, lists = "did:web:uat-credentials.dmv.ca.gov", "https://api.uat-credentials.dmv.ca.gov/status/dlid"
    urls |= {b"\x14": tests, b"\x15": f"{lists}/1/status-lists"}
    urls |= {bytes([21 + key]): f"{tests}#vm-vcb-{key}" for key in range(1, 6)}
    urls |= {b"\x1b": f"{lists}/2/status-lists", b"\x1c": f"{lists}/3/status-lists"}
    encoding = Encoding(registry_id=31_000_000, contexts=(1, 2), suite=1, urls=urls)
    return SigningProfile(did=did, element="ZCE", encoding=encoding, signs_since=date(2025, 10, 1))


def _utopia() -> SigningProfile:
    """Return the profile of the draft's example, whose issuer signs with a key that its name is."""
    licensing, immigration = (
        f"did:key:{key}"
        for key in (
            "zDnaeWjKfs1ob9QcgasjYSPEMkwq31hmvSAWPVAgnrt1e9GKj",
            "zDnaeZSD9XcuULaS8qmgDUa6TMg2QjF9xABnZK42awDH3BEzj",
        )
    )
    urls: dict[int | bytes, str] = {
        170: licensing,
        172: f"{licensing}#{licensing.removeprefix('did:key:')}",
        174: immigration,
        176: f"{immigration}#{immigration.removeprefix('did:key:')}",
        178: "https://sandbox.platform.veres.dev/statuses/z19rJ4oGrbFCqf3cNTVDHSbNd/status-lists",
    }
    encoding = Encoding(registry_id=100, contexts=(32768, 32769, 32770), suite=4, own_terms=5, urls=urls)
    return SigningProfile(did=licensing, element="ZZA", encoding=encoding)


#: By issuer identification number. Other states have signatures of their vendors, with keys that no state
#: has published: their cards are unsigned.
PROFILES: Mapping[str, SigningProfile] = MappingProxyType({"636014": _california(), "000000": _utopia()})


class AlteredReason(StrEnum):
    """Why a signature does not hold."""

    #: The credential is not in the form of this issuer.
    MALFORMED = "malformed"
    #: An element that is signed is not on the card.
    ELEMENT_MISSING = "element_missing"
    #: The signature is not that of these values.
    SIGNATURE = "signature"


class UnknownReason(StrEnum):
    """Why nothing can be said about a signature."""

    #: There are no keys of this issuer.
    NO_KEYS = "no_keys"
    #: The keys were fetched too long ago.
    KEYS_EXPIRED = "keys_expired"
    #: The credential has a format that is newer or older than what is known.
    FORMAT = "format"
    #: It names another issuer than the one of the card.
    OTHER_ISSUER = "other_issuer"
    #: It names a key that is not among the issuer's, as fetched.
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentic:
    """The issuer has signed these values.

    Attributes:
        signed_elements: ids of the elements that are signed.
        signed_attributes: which of the `Applicant` they are; all others could have been changed.
        signs_identity: name, birth date, number and expiration are among them.
        status: whether the issuer has withdrawn the card.
        status_entry: where that is found out; None where the issuer does not tell.
        keys_are_old: they should be fetched again.
    """

    signed_elements: frozenset[str]
    signed_attributes: frozenset[str]
    signs_identity: bool
    status: Status
    status_entry: StatusEntry | None
    keys_are_old: bool


@dataclass(frozen=True, slots=True)
class Altered:
    """The signature is not that of these values. Nothing of the card counts."""

    reason: AlteredReason


@dataclass(frozen=True, slots=True)
class Unsigned:
    """The card has no signature.

    Attributes:
        is_expected: by the date of issue on it, it should have one.
    """

    is_expected: bool = False


@dataclass(frozen=True, slots=True)
class IssuerUnknown:
    """The card has a signature that cannot be verified here."""

    reason: UnknownReason


SignatureCheck = Authentic | Altered | Unsigned | IssuerUnknown


def check_signature(
    card: Card,
    *,
    issuers: Mapping[str, IssuerKeys],
    now: datetime,
    statuses: Mapping[str, StatusList] = MappingProxyType({}),
    profiles: Mapping[str, SigningProfile] = PROFILES,
) -> SignatureCheck:
    """Return what the signature of a license or ID card comes to.

    Args:
        card: as read from its barcode.
        issuers: keys by issuer identification number.
        now: with its zone.
        statuses: lists by URL, as far as they could be fetched; see `Authentic.status_entry`.
        profiles: how issuers sign, by issuer identification number.
    """
    profile = profiles.get(card.iin or "")
    if profile is None or profile.element is None:
        return Unsigned()
    value = card.issuer_elements.get(profile.element, b"")
    if not value.strip():
        return Unsigned(is_expected=_should_be_signed(card, profile))
    try:
        content = _decode_element(value)
    except NotDecodedError:
        return Altered(AlteredReason.MALFORMED)

    found = _credential(content, profile, issuers.get(card.iin or ""), now, SubjectType.AAMVA)
    if not isinstance(found, _Found):
        return found
    names = _signed_elements(found.credential)
    if not names <= card.elements.keys():
        return Altered(AlteredReason.ELEMENT_MISSING)
    # Raw, with trailing spaces, in the order of the ids.
    text = b"".join(name.encode() + card.elements[name] + b"\n" for name in sorted(names))
    attributes = frozenset(_ATTRIBUTES[name] for name in names if name in _ATTRIBUTES)
    return _verified(found, text, names, attributes, statuses)


def check_zone_signature(
    lines: tuple[str, ...],
    code: str,
    *,
    profile: SigningProfile,
    keys: IssuerKeys | None,
    now: datetime,
    statuses: Mapping[str, StatusList] = MappingProxyType({}),
) -> SignatureCheck:
    """Return what the signature of a machine-readable zone comes to, which is in a QR code on the card.

    Args:
        lines: of the zone, exactly as printed.
        code: the text of the QR code; anything else than ``VC1-R`` and base45 is no signature.
        profile: of the issuer.
        keys: of the issuer, if there are any.
        now: with its zone.
        statuses: as for `check_signature`.
    """
    if not code.startswith(_QR_PREFIX):
        return Unsigned()
    try:
        content = decode_base45(code.removeprefix(_QR_PREFIX))
    except NotDecodedError:
        return Altered(AlteredReason.MALFORMED)

    found = _credential(content, profile, keys, now, SubjectType.ZONE)
    if not isinstance(found, _Found):
        return found
    text = "".join(f"{line}\n" for line in lines).encode()
    return _verified(found, text, frozenset(), _ZONE_ATTRIBUTES, statuses)


@dataclass(frozen=True, slots=True)
class _Found:
    """A credential of the right issuer, and the key that it names."""

    credential: Credential
    key: ec.EllipticCurvePublicKey
    keys_are_old: bool


def _credential(
    content: bytes, profile: SigningProfile, keys: IssuerKeys | None, now: datetime, subject: SubjectType
) -> _Found | Altered | IssuerUnknown:
    if keys is None or keys.did != profile.did:
        return IssuerUnknown(UnknownReason.NO_KEYS)
    if keys.age(now) is KeyAge.EXPIRED:
        return IssuerUnknown(UnknownReason.KEYS_EXPIRED)
    try:
        credential = decode_credential(content, profile.encoding)
    except OtherFormatError:
        return IssuerUnknown(UnknownReason.FORMAT)
    except MalformedError:
        return Altered(AlteredReason.MALFORMED)
    return _of_issuer(credential, profile, keys, now, subject)


def _of_issuer(
    credential: Credential, profile: SigningProfile, keys: IssuerKeys, now: datetime, subject: SubjectType
) -> _Found | Altered | IssuerUnknown:
    """Return *credential* with its key, if it is of this issuer and signs such a subject."""
    if credential.issuer != profile.did or not credential.method.startswith(f"{profile.did}#"):
        return IssuerUnknown(UnknownReason.OTHER_ISSUER)
    if credential.subject_type is not subject or credential.component_index == bytes(3):
        return Altered(AlteredReason.MALFORMED)
    key = keys.keys.get(credential.method)
    if key is None:
        return IssuerUnknown(UnknownReason.KEY)
    return _Found(credential, key, keys_are_old=keys.age(now) is KeyAge.OLD)


def _verified(
    found: _Found,
    text: bytes,
    elements: frozenset[str],
    attributes: frozenset[str],
    statuses: Mapping[str, StatusList],
) -> Authentic | Altered:
    """Return whether the signature is that of *text*, which the credential signs as well as itself."""
    credential = found.credential
    if not is_signature(found.key, credential.signature, signed_data(credential, text)):
        return Altered(AlteredReason.SIGNATURE)
    return Authentic(
        signed_elements=elements,
        signed_attributes=attributes,
        signs_identity=attributes >= _IDENTITY or attributes == _ZONE_ATTRIBUTES,
        status=status_of(credential.status, statuses),
        status_entry=credential.status,
        keys_are_old=found.keys_are_old,
    )


def signed_data(credential: Credential, text: bytes) -> bytes:
    """Return what is signed: three hashes of 32 bytes. *text* is hashed twice, the others once.

    Source: section "Hashing (ecdsa-xi-2023)".
    """
    optical = hashlib.sha256(text).digest()
    parts = (canonical(_proof_graph(credential)), canonical(_document_graph(credential)), optical)
    return b"".join(hashlib.sha256(part).digest() for part in parts)


def _proof_graph(credential: Credential) -> list[Statement]:
    return [
        ("_:proof", RDF_TYPE, iri(f"{_SECURITY}DataIntegrityProof")),
        (
            "_:proof",
            iri(f"{_SECURITY}cryptosuite"),
            literal("ecdsa-xi-2023", f"{_SECURITY}cryptosuiteString"),
        ),
        ("_:proof", iri(f"{_SECURITY}proofPurpose"), iri(f"{_SECURITY}assertionMethod")),
        ("_:proof", iri(f"{_SECURITY}verificationMethod"), iri(credential.method)),
    ]


def _document_graph(credential: Credential) -> list[Statement]:
    graph = [
        ("_:root", RDF_TYPE, iri(f"{_CREDENTIALS}VerifiableCredential")),
        ("_:root", RDF_TYPE, iri(f"{_BARCODES}OpticalBarcodeCredential")),
        ("_:root", iri(f"{_CREDENTIALS}issuer"), iri(credential.issuer)),
        ("_:root", iri(f"{_CREDENTIALS}credentialSubject"), "_:subject"),
        ("_:subject", RDF_TYPE, iri(f"{_BARCODES}{credential.subject_type}")),
    ]
    if credential.component_index is not None:
        index = "u" + base64.urlsafe_b64encode(credential.component_index).decode()
        name = iri(f"{_BARCODES}protectedComponentIndex")
        graph.append(("_:subject", name, literal(index, f"{_SECURITY}multibase")))
    if credential.status is not None:
        number = literal(str(credential.status.index), _INTEGER)
        graph += [
            ("_:root", iri(f"{_CREDENTIALS}credentialStatus"), "_:status"),
            ("_:status", RDF_TYPE, iri(f"{_BARCODES}TerseBitstringStatusListEntry")),
            ("_:status", iri(f"{_BARCODES}terseStatusListBaseUrl"), iri(credential.status.base_url)),
            ("_:status", iri(f"{_BARCODES}terseStatusListIndex"), number),
        ]
    return graph


def _signed_elements(credential: Credential) -> frozenset[str]:
    bits = int.from_bytes(credential.component_index or b"")
    return frozenset(name for place, name in enumerate(SIGNABLE) if bits >> (_INDEX_BITS - 1 - place) & 1)


def _should_be_signed(card: Card, profile: SigningProfile) -> bool:
    issued, since = parse_iso_date(card.applicant.state_id_issued or ""), profile.signs_since
    return issued is not None and since is not None and issued >= since


def _decode_element(value: bytes) -> bytes:
    """Return the credential in an element: base64 or base64url, with or without the prefix of multibase.

    Raises:
        NotDecodedError: it is neither.
    """
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        raise NotDecodedError from None
    # The prefix is no part of how a credential begins, whatever follows.
    if text[:1] in _PREFIXES and text[1:].startswith(_BEGINNING):
        text = text[1:]
    return decode_base64(text)
