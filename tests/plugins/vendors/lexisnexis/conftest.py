"""Answers of LexisNexis, made by hand with invented values, and who is asked about."""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from typing import Any

import httpx

import proofing_lexisnexis
from proofing.contracts.applicant import ACCEPTED_TYPES, Applicant
from proofing.contracts.circumstances import Circumstances, Wanted
from proofing.contracts.images import Side
from proofing.contracts.proofers import ProofingRequest
from proofing.rules.image_check import inspect_image
from proofing.testing.images import make_jpeg
from proofing.testing.vendor_fakes import FakeVendor, ask, make_context, make_process
from proofing_lexisnexis.settings import LexisNexisSettings

#: Places whose verdict our adapters leave to the workflow's, to why.
OPEN_PLACES = {
    "Products.*.ProductStatus": "the workflow decides, and says so in TransactionStatus; products say why"
}
ACCOUNT = {
    "hmac": {"key_id": "demo-key-id-1", "secret_key": "demo-secret-key-1"},
    "basic": {"username": "demo-user-1", "password": "demo-password-1"},
}
SECTION: dict[str, Any] = {
    "rdp": {"base_url": "https://rdp.example.test", "request_mode": "testing"},
    "identity": {
        "account_id": "acct1",
        "instant_verify_workflow": "iv.workflow",
        "phone_finder_workflow": "pf.workflow",
        **ACCOUNT,
    },
    "true_id": {
        "account_id": "acct2",
        "liveness_cropping_workflow": "live.crop",
        "liveness_nocropping_workflow": "live.nocrop",
        "noliveness_cropping_workflow": "crop",
        "noliveness_nocropping_workflow": "nocrop",
        **ACCOUNT,
    },
    "ddp": {
        "base_url": "https://ddp.example.test",
        "api_key": "demo-api-key-1",
        "org_id": "org-of-ours-1",
        "instant_verify_policy": "policy-iv-1",
        "phone_finder_policy": "policy-pf-1",
        "threat_metrix_policy": "policy-tmx-1",
        "true_id_liveness_policy": "policy-live-1",
        "true_id_noliveness_policy": "policy-still-1",
    },
}
ADA = Applicant(
    first_name="Ada",
    last_name="Quill",
    dob="1985-03-07",
    ssn="900123456",
    address1="9 Elm St",
    city="Troy",
    state="NY",
    zipcode="12180-1234",
    phone="7035550100",
    email="ada@quill.example",
    state_id_number="Q-123 456",
    state_id_jurisdiction=" NY ",
    uuid="0b6e",
    uuid_prefix="77",
)
#: How Ada came to a question.
KNOWN = Circumstances(
    locale="es", ip_address="192.0.2.33", device_session_id="7f5c6b1a0123456789abcdef01234567"
)
NOTHING = object()
_SIGNED = re.compile(
    r"HMAC-SHA256 keyid=(?P<keyid>[^,]+), ts=(?P<ts>\d{13}), nonce=(?P<nonce>[0-9a-f-]{36}), "
    r"bodyHash=(?P<body>[^,]+), signature=(?P<signature>[^,]+)"
)


def section(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with other values in some of their sections."""
    return {name: {**values, **changes.get(name, {})} for name, values in SECTION.items()}


def descriptor_of(name: str):
    """Return the descriptor of a proofer."""
    return next(one for one in proofing_lexisnexis.proofing_proofers() if one.name == f"lexisnexis:{name}")


async def put(name: str, answer: Any, *, settings: dict[str, Any] | None = None, **changes: Any):
    """Ask a proofer about Ada, and return its answer and what the vendor was sent.

    *answer* is a response, or plain values that come with HTTP 200; *changes* replace attributes of Ada, or
    whole fields of the question.
    """
    descriptor = descriptor_of(name)
    values = LexisNexisSettings.model_validate(settings or SECTION)
    fields = {key: changes.pop(key) for key in ("images", "wanted", "circumstances") if key in changes}
    question = ProofingRequest(**{"applicant": replace(ADA, **changes), "circumstances": KNOWN, **fields})
    response = answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)
    vendor = FakeVendor(lambda _request: response)
    proofer = descriptor.make(values, make_process())
    result = await ask(proofer, question.reduce(descriptor), make_context(vendor, descriptor, values))
    return result, vendor.requests[0]


def body(request: httpx.Request) -> Any:
    """Return what a request holds."""
    return json.loads(request.content)


def mac(secret: bytes, message: bytes) -> str:
    """Return what the Risk Defense Platform computes."""
    return base64.b64encode(hmac.digest(secret, message, hashlib.sha256)).decode()


def signed_parts(header: str) -> dict[str, str]:
    """Return the parts of a header that signs a request."""
    found = _SIGNED.fullmatch(header)
    assert found is not None
    return found.groupdict()


def assert_signed(request: httpx.Request, base_url: str = "https://rdp.example.test") -> None:
    """Fail unless *request* is signed: the very bytes, the path, and the host with its port."""
    found = signed_parts(request.headers["authorization"])
    secret = b"demo-secret-key-1"
    assert found["keyid"] == "demo-key-id-1"
    assert found["body"] == mac(secret, request.content)
    lines = (found["ts"], found["nonce"], base_url.removeprefix("https://"), request.url.path, found["body"])
    assert found["signature"] == mac(secret, "\n".join(lines).encode())


def rdp(verdict: str, *products: dict[str, Any], code: str | None = None, **more: Any) -> dict[str, Any]:
    """Return an answer of the Risk Defense Platform."""
    status: dict[str, Any] = {
        "ConversationId": "81",
        "RequestId": "5",
        "TransactionStatus": verdict,
        "Reference": "77:0b6e",
    }
    if code is not None:
        status["TransactionReasonCode"] = {"Code": code}
    return {"Status": status, "Products": list(products), **more}


def ddp(nested: Any, policy: str, service: str, **more: Any) -> dict[str, Any]:
    """Return an answer of the Dynamic Decision Platform that carries *nested*, unless that is NOTHING."""
    block = {"tps_was_timeout": "no", "tps_http_status_code": "200", "tps_result": "ok", "tps_vendor": "1"}
    if nested is not NOTHING:
        block["tps_vendor_raw_response"] = nested
    return {
        "request_id": "r-1",
        "request_result": "success",
        "review_status": "reject",
        "integration_hub_results": {f"org-of-ours-1:{policy}": {service: block}},
        **more,
    }


def item(name: str, status: str = "pass", code: str | None = None) -> dict[str, Any]:
    """Return one check."""
    return {"ItemName": name, "ItemStatus": status, **({"ItemReason": {"Code": code}} if code else {})}


def instant_verify(
    status: str, *items: dict[str, Any], product_type: str = "InstantVerify"
) -> dict[str, Any]:
    """Return the product of Instant Verify."""
    return {
        "ProductType": product_type,
        "ExecutedStepName": "Execute Instant Verify",
        "ProductConfigurationName": "iv",
        "ProductStatus": status,
        "Items": list(items),
    }


def parameters(group: str, **values: Any) -> list[dict[str, Any]]:
    """Return the details of a group; a list is several values, None is an empty one."""
    return [
        {
            "Group": group,
            "Name": name,
            "Values": [
                {} if one is None else {"Value": one}
                for one in (value if isinstance(value, list) else [value])
            ],
        }
        for name, value in values.items()
    ]


LICENSE = {
    "Fields_FirstName": "ADA",
    "Fields_MiddleName": "B",
    "Fields_Surname": "QUILL",
    "Fields_DOB_Year": "1985",
    "Fields_DOB_Month": "3",
    "Fields_DOB_Day": "7",
    "Fields_AddressLine1": "9 ELM ST",
    "Fields_City": "TROY",
    "Fields_State": "NY",
    "Fields_PostalCode": "12180-1234",
    "Fields_Height": "5' 9\"",
    "Fields_IssueDate_Year": "2019",
    "Fields_IssueDate_Month": "12",
    "Fields_IssueDate_Day": "31",
    "Fields_ExpirationDate_Year": "2099",
    "Fields_ExpirationDate_Month": "12",
    "Fields_xpirationDate_Day": "31",
    "Fields_IssuingStateCode": "NY",
    "Fields_DocumentNumber": "Q123456",
    "Fields_CountryCode": "USA",
}
PASSPORT = {
    "Fields_GivenName": "ADA",
    "Fields_Surname": "QUILL",
    "Fields_DOB_Year": "1985",
    "Fields_DOB_Month": "03",
    "Fields_DOB_Day": "07",
    "Fields_DocumentNumber": "900000001",
    "Fields_CountryCode": "USA",
    "Fields_NationalityCode": "USA",
    "Fields_BirthPlace": "NEW YORK",
    "Fields_ExpirationDate_Year": "2099",
    "Fields_ExpirationDate_Month": "1",
    "Fields_xpirationDate_Day": "2",
    "Fields_MRZ": "P<USAQUILL<<ADA<<<<",
}
METRICS = {
    "Side": ["Front", "Back"],
    "HorizontalResolution": ["600", "600"],
    "VerticalResolution": ["600", "600"],
    "SharpnessMetric": ["65", "70"],
    "GlareMetric": ["100", "100"],
}
RESULT = {
    "DocAuthResult": "Passed",
    "DocClassName": "Drivers License",
    "DocIssuerType": "StateProvince",
    "Sex": "Female",
}


def alerts(*found: tuple[str, str | None]) -> dict[str, Any]:
    """Return the keys of alerts, numbered from 1."""
    keys: dict[str, Any] = {}
    for number, (name, result) in enumerate(found, 1):
        keys |= {f"Alert_{number}_AlertName": name, f"Alert_{number}_AuthenticationResult": result}
    return keys


def true_id(
    status: str = "pass",
    *,
    result: dict[str, Any] | None = None,
    fields: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    portrait: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the product of TrueID; a license of Ada's where nothing else is said."""
    return {
        "ProductType": "TrueID",
        "ExecutedStepName": "True_ID_Step",
        "ProductConfigurationName": "trueid",
        "ProductStatus": status,
        "ParameterDetails": [
            *parameters("AUTHENTICATION_RESULT", **{**RESULT, **(result or {})}),
            *parameters("IDAUTH_FIELD_DATA", **(LICENSE if fields is None else fields)),
            *parameters("IMAGE_METRICS_RESULT", **(METRICS if metrics is None else metrics)),
            *parameters("PORTRAIT_MATCH_RESULT", **(portrait or {})),
        ],
    }


def images(*sides: Side):
    """Return images of these sides."""
    return {side: inspect_image(make_jpeg(comment=side.value.encode())) for side in sides}


CARD = images(Side.FRONT, Side.BACK)
WANTED = Wanted(document_types=ACCEPTED_TYPES)
WANTED_SELFIE = replace(WANTED, selfie=True)
