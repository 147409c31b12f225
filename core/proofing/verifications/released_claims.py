"""The attributes that a policy releases, as claims of OpenID Connect. Pure.

Sources: OpenID Connect Core 1.0, section 5.1 (standard claims); login.gov for `social_security_number`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from proofing.contracts.evidence import CoreAttribute, Evidence, EvidenceKind, ValidatedBy

_SIMPLE: Final = MappingProxyType(
    {
        "given_name": "first_name",
        "middle_name": "middle_name",
        "family_name": "last_name",
        "birthdate": "dob",
        "email": "email",
        "social_security_number": "ssn",
    }
)
#: Attributes of the address, by whose it is; the home address goes before that of the document.
_ADDRESSES: Final = (
    ("address1", "address2", "city", "state", "zipcode"),
    (
        "identity_doc_address1",
        "identity_doc_address2",
        "identity_doc_city",
        "identity_doc_address_state",
        "identity_doc_zipcode",
    ),
)
#: What each scope asks for, as far as we have it. Core, section 5.4.
SCOPES: Final = MappingProxyType(
    {
        "openid": (),
        "profile": ("name", "given_name", "middle_name", "family_name", "birthdate"),
        "email": ("email",),
        "address": ("address",),
        "phone": ("phone_number",),
        "social_security_number": ("social_security_number",),
    }
)
#: All claims about the person that can be returned.
CLAIMS: Final = ("name", *_SIMPLE, "address", "phone_number")
#: Which core attribute a source must have confirmed before a claim counts as verified. A confirmed name is
#: first and last name; of a middle name nothing is known.
_CONFIRMED_AS: Final = MappingProxyType(
    {
        "given_name": CoreAttribute.NAME,
        "family_name": CoreAttribute.NAME,
        "birthdate": CoreAttribute.BIRTH_DATE,
        "address": CoreAttribute.ADDRESS,
    }
)
#: Claims that may be in `verified_claims`.
VERIFIABLE: Final = (*_CONFIRMED_AS, "phone_number")


def claims_of(released: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims that the *released* attributes of an applicant give; what is not known is absent."""
    claims = {claim: released[name] for claim, name in _SIMPLE.items() if released.get(name)}
    if names := [claims[part] for part in ("given_name", "middle_name", "family_name") if part in claims]:
        claims["name"] = " ".join(names)
    if address := next(filter(None, (_address(released, names) for names in _ADDRESSES)), None):
        claims["address"] = address
    if phone := released.get("phone"):
        claims["phone_number"] = f"+1{phone}"
    return {name: claims[name] for name in CLAIMS if name in claims}


def verified_claims_of(released: Mapping[str, Any], evidence: Evidence) -> dict[str, Any]:
    """Return those claims of *released* that *evidence* verifies: a source confirmed them, none disagreed."""
    names = _verified_names(evidence)
    if not released.get("address1"):
        # What sources confirm is the home address; the address of a document may be an older one.
        names.discard("address")
    return {name: value for name, value in claims_of(released).items() if name in names}


def _verified_names(evidence: Evidence) -> set[str]:
    names = {
        claim
        for claim, attribute in _CONFIRMED_AS.items()
        if evidence.confirmed.get(attribute) and attribute not in evidence.mismatched
    }
    if any(
        piece.kind is EvidenceKind.PHONE_ACCOUNT and piece.validated_by is ValidatedBy.ACCOUNT
        for piece in evidence.pieces
    ):
        names.add("phone_number")
    return names


def _address(released: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str] | None:
    """Return the address claim of section 5.1.1; None where no line of it is known."""
    line1, line2, city, state, zipcode = (released.get(name) for name in names)
    if not line1:
        return None
    parts = {
        "street_address": "\n".join(filter(None, (line1, line2))),
        "locality": city,
        "region": state,
        "postal_code": zipcode,
        "country": "US",
    }
    return {name: value for name, value in parts.items() if value}
