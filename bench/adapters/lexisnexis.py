"""The products of LexisNexis: one for each shape of request and answer."""

import json
import os
from typing import Any

from bench.adapters.case import PERSON, Case
from proofing.contracts.applicant import ACCEPTED_TYPES
from proofing.contracts.circumstances import Circumstances, Wanted
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest

_IMAGE_BYTES = 2 * 1024 * 1024
_ACCOUNT = {"account_id": "1", "hmac": {"key_id": "id", "secret_key": "key"}}
_SECTION: dict[str, Any] = {
    "rdp": {"base_url": "https://rdp.example.test", "request_mode": "testing"},
    "identity": {"instant_verify_workflow": "iv", "phone_finder_workflow": "pf", **_ACCOUNT},
    "true_id": {"noliveness_cropping_workflow": "crop", **_ACCOUNT},
    "ddp": {
        "base_url": "https://ddp.example.test",
        "api_key": "key",
        "org_id": "org",
        "threat_metrix_policy": "tmx",
        "true_id_noliveness_policy": "still",
    },
}
_REQUEST = ProofingRequest(
    applicant=PERSON,
    circumstances=Circumstances(device_session_id="0123456789", ip_address="192.0.2.1"),
    images={Side.PASSPORT: Image(os.urandom(_IMAGE_BYTES), "image/jpeg")},
    wanted=Wanted(document_types=ACCEPTED_TYPES),
)


def _answer(*products: dict[str, Any]) -> dict[str, Any]:
    return {"Status": {"ConversationId": "81", "TransactionStatus": "passed"}, "Products": list(products)}


def _product(name: str, checks: int) -> dict[str, Any]:
    """Return a product with as many checks as real ones have."""
    items = [
        {"ItemName": f"Check{number}", "ItemStatus": "pass", "ItemReason": {"Code": f"Check{number}.LOW"}}
        for number in range(checks)
    ]
    return {"ProductType": name, "ExecutedStepName": name, "ProductStatus": "pass", "Items": items}


def _true_id() -> dict[str, Any]:
    """Return the details of a document: 300 values and a portrait."""
    result = {"DocAuthResult": "Passed", "DocClassName": "Passport", "Portrait": "A" * 40_000}
    result |= {f"Alert_{number}_AlertName": f"Check {number}" for number in range(30)}
    result |= {f"Alert_{number}_AuthenticationResult": "Passed" for number in range(30)}
    fields = {f"Fields_{number}": "text" for number in range(240)}
    details = [
        {"Group": group, "Name": name, "Values": [{"Value": value}]}
        for group, values in (("AUTHENTICATION_RESULT", result), ("IDAUTH_FIELD_DATA", fields))
        for name, value in values.items()
    ]
    return {"ProductType": "TrueID", "ProductStatus": "pass", "ParameterDetails": details}


def _ddp(policy: str, service: str, nested: dict[str, Any]) -> dict[str, Any]:
    results = {f"org:{policy}": {service: {"tps_vendor_raw_response": nested}}}
    return {"request_id": "r", "request_result": "success", "integration_hub_results": results}


def _case(product: str, answer: dict[str, Any], limit_milliseconds: float) -> Case:
    return Case(
        plugin="proofing_lexisnexis",
        proofer=f"lexisnexis:{product}",
        section=_SECTION,
        request=_REQUEST,
        answers={"*": json.dumps(answer).encode()},
        limit_milliseconds=limit_milliseconds,
    )


CASES = [
    _case("instant_verify", _answer(_product("InstantVerify", 12)), 1),
    _case("phone_finder", _answer(_product("PhoneFinder", 45)), 1),
    _case("phone_finder_v3", _answer(_product("PhoneFinder", 45)), 1),
    _case(
        "threat_metrix",
        {"request_id": "r", "request_result": "success", "review_status": "pass"}
        | {f"account_lex_id_{number}_score": "1" for number in range(180)},
        1,
    ),
    _case("true_id", _answer(_true_id()), 30),
    _case("true_id_ddp", _ddp("still", "Authentication", _answer(_true_id())), 30),
]
