"""Credentials in barcodes: the one shape of CBOR-LD 1.0 that the vocabulary of barcodes has.

CBOR-LD writes terms as numbers, which follow from the sorted terms of each JSON-LD context as it becomes
active. For a fixed shape they are constants, so neither JSON-LD nor a document loader is needed.

Source: W3C CBOR-LD 1.0 (draft); W3C Verifiable Credential Barcodes (draft of 2026-07-15), Test Vectors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cbor2

#: Larger than any credential in a barcode; California's have 144 bytes.
MAX_BYTES = 300
#: The tag of every credential; older formats have others.
CBOR_LD_TAG = 51997
#: Numbers of terms in the contexts credentials/v2 and vc-barcodes/v1, in both of which they are sorted.
_CONTEXT, _TYPE, _TYPES = 1, 156, 157
_DATA_INTEGRITY_PROOF, _VERIFIABLE_CREDENTIAL, _OPTICAL_BARCODE_CREDENTIAL = 108, 118, 164
_AAMVA, _ZONE, _STATUS_ENTRY, _COMPONENT_INDEX = 160, 162, 166, 168
#: Numbers behind those of an issuer's own contexts, of which each has two.
_STATUS, _SUBJECT, _ISSUER, _PROOF = 174, 176, 180, 182
_STATUS_BASE, _STATUS_INDEX = 196, 198
_SUITE, _PURPOSE, _VALUE, _METHOD, _ASSERTION = 200, 210, 212, 214, 216
#: The terms of a status entry come before those of a proof.
_SHIFT_BY_STATUS = 4
_INDEX_BYTES, _SIGNATURE_BYTES = 3, 64
_MAX_STATUS_INDEX = 2**32 - 1
#: The pair, the map, and the maps in it.
_MAX_DEPTH = 3


class OtherFormatError(ValueError):
    """It is a credential of another registry entry or version than the profile's, or none."""


class MalformedError(ValueError):
    """It claims to be a credential of the profile, and is not in its shape."""


class SubjectType(StrEnum):
    """What a credential signs."""

    #: Elements of a PDF417 barcode.
    AAMVA = "AamvaDriversLicenseScannableInformation"
    #: The lines of a machine-readable zone.
    ZONE = "MachineReadableZone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How an issuer's credentials are encoded.

    Attributes:
        registry_id: of its entry in the registry of CBOR-LD.
        contexts: the numbers of its contexts, in order.
        suite: the number of ``ecdsa-xi-2023``.
        urls: URLs and DIDs by their code: a byte string of a table, or the number of a term.
        own_terms: how many terms its own contexts define.
    """

    registry_id: int
    contexts: tuple[int, ...]
    suite: int
    urls: Mapping[int | bytes, str]
    own_terms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEntry:
    """Where the status of a card is: the list of which base, and its bit over all lists."""

    base_url: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A credential as the barcode has it.

    Attributes:
        issuer: its DID.
        subject_type: what is signed.
        component_index: which elements are signed, 24 bits; None for a zone.
        status: None where the issuer keeps none.
        method: of verification: the DID of the issuer, and the name of the key.
        signature: r and s, 64 bytes.
    """

    issuer: str
    subject_type: SubjectType
    component_index: bytes | None
    status: StatusEntry | None
    method: str
    signature: bytes


def decode_credential(content: bytes, encoding: Encoding) -> Credential:
    """Return the credential that *content* is.

    Raises:
        OtherFormatError: it is of another registry entry, or no CBOR-LD.
        MalformedError: anything in it is missing, is superfluous, or has another form.
    """
    if len(content) > MAX_BYTES:
        raise MalformedError
    registry_id, body = _opened(content)
    if registry_id != encoding.registry_id:
        raise OtherFormatError
    shift = 2 * encoding.own_terms
    has_status = _STATUS + shift in body
    keys = {_CONTEXT, _TYPES, _SUBJECT + shift, _ISSUER + shift, _PROOF + shift}
    _require(body.keys() == (keys | {_STATUS + shift} if has_status else keys))
    _require(body[_CONTEXT] == list(encoding.contexts))
    _require(body[_TYPES] == [_VERIFIABLE_CREDENTIAL, _OPTICAL_BARCODE_CREDENTIAL])
    subject_type, component_index = _subject(body[_SUBJECT + shift])
    method, signature = _proof(
        body[_PROOF + shift], encoding, shift + (_SHIFT_BY_STATUS if has_status else 0)
    )
    return Credential(
        issuer=_url(body[_ISSUER + shift], encoding),
        subject_type=subject_type,
        component_index=component_index,
        status=_status(body[_STATUS + shift], encoding, shift) if has_status else None,
        method=method,
        signature=signature,
    )


def _opened(content: bytes) -> tuple[int, dict[Any, Any]]:
    try:
        value = cbor2.loads(content)
    # It raises others than its own on input like this, too.
    except (cbor2.CBORDecodeError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
        raise OtherFormatError from None
    if not isinstance(value, cbor2.CBORTag) or value.tag != CBOR_LD_TAG:
        raise OtherFormatError
    # Whatever has a second spelling is refused: duplicate keys, longer numbers, bytes behind the end.
    try:
        if cbor2.dumps(value) != content:
            raise MalformedError
    except (cbor2.CBOREncodeError, TypeError, ValueError, RecursionError):
        raise MalformedError from None
    match _plain(value.value, _MAX_DEPTH):
        case [int(registry_id), dict(body)]:
            return registry_id, body
    raise MalformedError


def _plain(value: Any, depth: int) -> Any:
    """Return *value* as numbers, bytes, lists, and dicts with numbers for keys.

    Nothing else is in a credential. Simple values of CBOR would equal numbers, and so would true.

    Raises:
        MalformedError: something else is in it, or it nests deeper than *depth*.
    """
    if depth and isinstance(value, Mapping) and all(type(key) is int for key in value):
        return {key: _plain(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    if type(value) not in {int, bytes}:
        raise MalformedError
    return value


def _subject(value: Any) -> tuple[SubjectType, bytes | None]:
    match value:
        case {156: 160, 168: bytes(index)} if len(value) == 2 and index[:1] == b"u":  # noqa: PLR2004
            # The last two bits belong to no element.
            _require(len(index) == 1 + _INDEX_BYTES and not index[-1] & 0b11)
            return SubjectType.AAMVA, index[1:]
        case {156: 162} if len(value) == 1:
            return SubjectType.ZONE, None
    raise MalformedError


def _status(value: Any, encoding: Encoding, shift: int) -> StatusEntry:
    base, index = _STATUS_BASE + shift, _STATUS_INDEX + shift
    _require(isinstance(value, dict) and value.keys() == {_TYPE, base, index})
    _require(value[_TYPE] == _STATUS_ENTRY)
    number = value[index]
    _require(isinstance(number, int) and 0 <= number <= _MAX_STATUS_INDEX)
    return StatusEntry(base_url=_url(value[base], encoding), index=number)


def _proof(value: Any, encoding: Encoding, shift: int) -> tuple[str, bytes]:
    """Return the method of verification, and the signature."""
    suite, purpose, signature, method = (one + shift for one in (_SUITE, _PURPOSE, _VALUE, _METHOD))
    _require(isinstance(value, dict) and value.keys() == {_TYPE, suite, purpose, signature, method})
    _require(value[_TYPE] == _DATA_INTEGRITY_PROOF and value[suite] == encoding.suite)
    _require(value[purpose] == _ASSERTION + shift)
    content = value[signature]
    _require(isinstance(content, bytes) and content[:1] == b"z" and len(content) == 1 + _SIGNATURE_BYTES)
    return _url(value[method], encoding), content[1:]


def _url(value: Any, encoding: Encoding) -> str:
    _require(isinstance(value, bytes | int))
    url = encoding.urls.get(value)
    if url is None:
        raise MalformedError
    return url


def _require(holds: object) -> None:
    if not holds:
        raise MalformedError
