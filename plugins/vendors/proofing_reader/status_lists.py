"""Whether an issuer has withdrawn a card: W3C Bitstring Status List 1.0.

Lists are optional: one that cannot be fetched, or is not signed as it should be, leaves the status unknown.
"""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from proofing.plugin.support import parse_json
from proofing_reader.canonical_graphs import RDF_TYPE, Statement, canonical, iri, literal
from proofing_reader.cbor_ld import StatusEntry
from proofing_reader.issuer_keys import IssuerKeys, KeyAge, is_signature
from proofing_reader.multibase import NotDecodedError, decode_base58, decode_base64

#: Cards of one list; section "TerseBitstringStatusListEntry" of Verifiable Credential Barcodes.
LIST_LENGTH = 2**26
#: The credential of a list whose bits cannot be compressed.
MAX_BYTES = 16 * 1024 * 1024
_PURPOSE = "revocation"
_MAX_DEPTH = 5
_GZIP = 16 + zlib.MAX_WBITS
_SIGNATURE_BYTES = 64

_CREDENTIALS = "https://www.w3.org/2018/credentials#"
_STATUS = "https://www.w3.org/ns/credentials/status#"
_SECURITY = "https://w3id.org/security#"
_DATE_TIME = "http://www.w3.org/2001/XMLSchema#dateTime"
_INTEGER = "http://www.w3.org/2001/XMLSchema#integer"


class Status(StrEnum):
    """What an issuer's lists say of a card."""

    #: It is not withdrawn.
    VALID = "valid"
    #: It is.
    REVOKED = "revoked"
    #: The list could not be read.
    UNKNOWN = "unknown"
    #: The issuer keeps no list.
    NONE = "none"


@dataclass(frozen=True, slots=True, repr=False)
class StatusList:
    """A list whose signature was verified: one bit a card, the leftmost first."""

    url: str
    bits: bytes


def list_url(entry: StatusEntry) -> str:
    """Return where the list with *entry* is."""
    return f"{entry.base_url}/{_PURPOSE}/{entry.index // LIST_LENGTH}"


def status_of(entry: StatusEntry | None, lists: Mapping[str, StatusList]) -> Status:
    """Return what *lists*, by URL, say of the card with *entry*."""
    if entry is None:
        return Status.NONE
    found = lists.get(list_url(entry))
    place = entry.index % LIST_LENGTH
    if found is None or place // 8 >= len(found.bits):
        return Status.UNKNOWN
    return Status.REVOKED if found.bits[place // 8] >> (7 - place % 8) & 1 else Status.VALID


def read_status_list(content: bytes, *, url: str, keys: IssuerKeys, now: datetime) -> StatusList:
    """Return the list in the credential *content*, as it was fetched from *url*.

    Args:
        content: JSON.
        url: of the list; the credential must have it as its id.
        keys: of the issuer of the card, who must have signed the list with ``ecdsa-rdfc-2019``.
        now: with its zone.

    Raises:
        ValueError: it is not such a credential, or not valid now.
    """
    if len(content) > MAX_BYTES or keys.age(now) is KeyAge.EXPIRED:
        raise ValueError("the list is too large, or the keys are too old")
    credential = parse_json(content, max_depth=_MAX_DEPTH)
    _check_shape(credential, url, keys.did, now)
    proof = credential["proof"]
    key = keys.keys.get(proof["verificationMethod"])
    signature = _signature(proof["proofValue"])
    if key is None or not is_signature(key, signature, signed_data(credential)):
        raise ValueError("the signature of the list does not hold")
    return StatusList(url, _bits(credential["credentialSubject"]["encodedList"]))


def signed_data(credential: dict[str, Any]) -> bytes:
    """Return what is signed: two hashes of 32 bytes, of the proof's options and of the list. VC-DI-ECDSA 3.2.

    Raises:
        ValueError: a value has characters that no such credential has.
    """
    parts = (canonical(_proof_graph(credential["proof"])), canonical(_document_graph(credential)))
    return b"".join(hashlib.sha256(part).digest() for part in parts)


def _check_shape(credential: Any, url: str, did: str, now: datetime) -> None:
    match credential:
        case {
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "id": str(own_id),
            "issuer": str(issuer),
            "credentialSubject": {
                "id": str(),
                "type": "BitstringStatusList",
                "statusPurpose": "revocation",
                "encodedList": str(),
            } as subject,
            "proof": {
                "type": "DataIntegrityProof",
                "cryptosuite": "ecdsa-rdfc-2019",
                "proofPurpose": "assertionMethod",
                "verificationMethod": str(method),
                "proofValue": str(),
            } as proof,
        }:
            pass
        case _:
            raise ValueError("this is no list of revoked cards in a known form")
    known = {"@context", "type", "id", "issuer", "credentialSubject", "proof", "validFrom", "validUntil"}
    of_proof = {"type", "cryptosuite", "proofPurpose", "verificationMethod", "proofValue", "created"}
    if (
        not credential.keys() <= known
        or not proof.keys() <= of_proof
        or len(subject) > 4 + ("ttl" in subject)
    ):
        raise ValueError("the list has keys that are not known")
    if own_id != url or issuer != did or not method.startswith(f"{did}#"):
        raise ValueError("the list is another one, or of another issuer")
    times = {
        name: datetime.fromisoformat(credential[name])
        for name in ("validFrom", "validUntil")
        if name in credential
    }
    if any(time.tzinfo is None for time in times.values()):
        raise ValueError("a time of the list has no zone")
    if not times.get("validFrom", now) <= now <= times.get("validUntil", now):
        raise ValueError("the list is not valid now")


def _document_graph(credential: dict[str, Any]) -> list[Statement]:
    subject = credential["credentialSubject"]
    root, listed = iri(credential["id"]), iri(subject["id"])
    graph = [
        (root, RDF_TYPE, iri(f"{_CREDENTIALS}VerifiableCredential")),
        (root, RDF_TYPE, iri(f"{_STATUS}BitstringStatusListCredential")),
        (root, iri(f"{_CREDENTIALS}issuer"), iri(credential["issuer"])),
        (root, iri(f"{_CREDENTIALS}credentialSubject"), listed),
        (listed, RDF_TYPE, iri(f"{_STATUS}BitstringStatusList")),
        (listed, iri(f"{_STATUS}encodedList"), literal(subject["encodedList"], f"{_SECURITY}multibase")),
        (listed, iri(f"{_STATUS}statusPurpose"), literal(subject["statusPurpose"])),
    ]
    graph += [
        (root, iri(f"{_CREDENTIALS}{name}"), literal(credential[name], _DATE_TIME))
        for name in ("validFrom", "validUntil")
        if name in credential
    ]
    if "ttl" in subject:
        graph.append((listed, iri(f"{_STATUS}ttl"), literal(str(int(subject["ttl"])), _INTEGER)))
    return graph


def _proof_graph(proof: dict[str, Any]) -> list[Statement]:
    suite = literal(proof["cryptosuite"], f"{_SECURITY}cryptosuiteString")
    graph = [
        ("_:proof", RDF_TYPE, iri(f"{_SECURITY}DataIntegrityProof")),
        ("_:proof", iri(f"{_SECURITY}cryptosuite"), suite),
        ("_:proof", iri(f"{_SECURITY}proofPurpose"), iri(f"{_SECURITY}assertionMethod")),
        ("_:proof", iri(f"{_SECURITY}verificationMethod"), iri(proof["verificationMethod"])),
    ]
    if "created" in proof:
        created = literal(proof["created"], _DATE_TIME)
        graph.append(("_:proof", iri("http://purl.org/dc/terms/created"), created))
    return graph


def _signature(text: str) -> bytes:
    signature = decode_base58(text.removeprefix("z"))
    if not text.startswith("z") or len(signature) != _SIGNATURE_BYTES:
        raise ValueError("the signature of the list is not in its form")
    return signature


def _bits(text: str) -> bytes:
    """Return the bits of a list: ``u``, then base64url of what gzip makes of them."""
    try:
        packed = decode_base64(text.removeprefix("u"))
    except NotDecodedError:
        packed = b""
    if not text.startswith("u") or not packed:
        raise ValueError("the bits of the list are not in their form")
    reader = zlib.decompressobj(_GZIP)
    try:
        bits = reader.decompress(packed, LIST_LENGTH // 8)
    except zlib.error:
        raise ValueError("the bits of the list are not in their form") from None
    if reader.unconsumed_tail or not reader.eof or reader.unused_data:
        raise ValueError("the list is longer than a list can be")
    return bits
