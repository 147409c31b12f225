"""The answers of the products, in the envelope that both platforms use."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proofing_sandbox.inputs import Verdict
from proofing_sandbox.specimen import specimen

#: Attribute of a no to the check that fails with it.
_CHECKS = {
    "first_name": ("SsnFullNameMatch", "identity_not_found_fail"),
    "ssn": ("SSNSSAValid", "ssn_not_valid_fail"),
    "zipcode": ("AddrDeliverable", "addr_not_deliverable_fail"),
}
_ITEMS = (
    "Addr1Zip_StateMatch",
    "SsnFullNameMatch",
    "SsnDeathMatchVerification",
    "SSNSSAValid",
    "IdentityOccupancyVerified",
    "AddrDeliverable",
    "AddrNotHighRisk",
    "DOBFullVerified",
    "DOBYearVerified",
    "LexIDDeathMatch",
)
_PHONE_ITEMS = (
    "PrepaidPhoneNumber",
    "VOIPPhone",
    "SurnameMismatch",
    "WirelessServiceType",
    "SubjectDeceased",
)
_LINE_ITEMS = {"mobile": "WirelessServiceType", "voip": "VOIPPhone"}
_SCORING = "total.scoring.model.verification.fail"


def envelope(
    status: str, reference: str | None, products: Sequence[Mapping[str, Any]], *, reason: str | None = None
) -> dict[str, Any]:
    """Return the answer of one conversation."""
    facts: dict[str, Any] = {
        "ConversationId": str(secrets.randbelow(10**14)),
        "RequestId": str(secrets.randbelow(10**9)),
        "TransactionStatus": status,
        "ServerInfo": "sandbox",
    }
    if reason is not None:
        facts["TransactionReasonCode"] = {"Code": reason, "Description": reason}
    if reference is not None:
        facts["Reference"] = reference
    return {"Status": facts, "Products": list(products)}


def error(reference: str | None, code: str) -> dict[str, Any]:
    """Return the answer of a conversation that came to nothing."""
    answer = envelope("error", reference, [], reason=code)
    answer["Information"] = [
        {"InformationType": "error-details", "Code": code, "Description": "a source did not answer"}
    ]
    del answer["Products"]
    return answer


def instant_verify(
    verdict: Verdict, wrong: str | None, reference: str | None, *, product_type: str
) -> dict[str, Any]:
    """Return the answer of Instant Verify; a no can be cured by the licensing agency, as most can."""
    failed, code = _CHECKS[wrong or "ssn"]
    is_good = verdict is Verdict.PASSED
    items = []
    for name in _ITEMS:
        item: dict[str, Any] = {"ItemName": name, "ItemStatus": "pass"}
        if not is_good and name == failed:
            item |= {"ItemStatus": "fail", "ItemReason": {"Code": code, "Description": code}}
        items.append(item)
    product: dict[str, Any] = {
        "ProductType": product_type,
        "ExecutedStepName": "Execute Instant Verify",
        "ProductConfigurationName": "sandbox",
        "ProductStatus": "pass" if is_good else "fail",
        "Items": items,
    }
    if is_good:
        return envelope("passed", reference, [product])
    product["ProductReason"] = {"Code": _SCORING}
    return envelope("failed", reference, [product], reason=_SCORING)


def phone_finder(verdict: Verdict, reference: str | None, *, line: str) -> dict[str, Any]:
    """Return the answer of Phone Finder; the *line* is an item that fails, with a passing answer, too."""
    is_good = verdict is Verdict.PASSED
    failing = {_LINE_ITEMS[line]} if is_good else {_LINE_ITEMS[line], "SurnameMismatch"}
    items: list[dict[str, Any]] = []
    for name in _PHONE_ITEMS:
        item: dict[str, Any] = {"ItemName": name, "ItemStatus": "pass"}
        if name in failing:
            severity = "LOW" if name in _LINE_ITEMS.values() else "HIGH"
            item |= {"ItemStatus": "fail", "ItemReason": {"Code": f"{name}.{severity}"}}
        items.append(item)
    finder = {
        "ProductType": "PhoneFinder",
        "ExecutedStepName": "PhoneFinder",
        "ProductConfigurationName": "sandbox",
        "ProductStatus": "pass",
        "Items": items,
        "ParameterDetails": [
            _detail("PRIMARY_PHONE", "PhoneType", "WIRELESS"),
            _detail("IDENTITY_RECORDS", "LastName", "QUILL"),
        ],
    }
    if is_good:
        return envelope("passed", reference, [finder], reason="phone_finder_pass")
    checks = {
        "ProductType": "PhoneFinder_Decision",
        "ExecutedStepName": "PhoneFinder Checks",
        "ProductConfigurationName": "sandbox",
        "ProductStatus": "fail",
        "ProductReason": {
            "Code": "phone_finder_fail",
            "Description": "Failed - Input phone number could not be verified to name",
        },
    }
    return envelope("failed", reference, [finder, checks], reason="phone_finder_fail")


def true_id(
    verdict: Verdict, reference: str | None, *, is_passport: bool, has_selfie: bool
) -> dict[str, Any]:
    """Return the answer of TrueID: a no is an altered barcode, a review a barcode that cannot be read."""
    status = "failed" if verdict is Verdict.FAILED else "passed"
    result = {Verdict.FAILED: "Failed", Verdict.REVIEW: "Attention"}.get(verdict, "Passed")
    details = [
        *_authentication(result, is_passport=is_passport),
        *_fields(is_passport=is_passport),
        *_metrics(is_passport=is_passport),
    ]
    if has_selfie:
        matches = {
            "FaceMatchResult": "Pass",
            "FaceMatchScore": "95",
            "FaceStatusCode": "1",
            "FaceErrorMessage": "Successful. Liveness: Live",
        }
        details += [_detail("PORTRAIT_MATCH_RESULT", name, value) for name, value in matches.items()]
    word = "pass" if status == "passed" else "fail"
    products: list[dict[str, Any]] = [
        {
            "ProductType": "TrueID",
            "ExecutedStepName": "True_ID_Step",
            "ProductConfigurationName": "sandbox",
            "ProductStatus": word,
            "ParameterDetails": details,
        },
        {
            "ProductType": "TrueID_Decision",
            "ExecutedStepName": "Decision",
            "ProductConfigurationName": "sandbox",
            "ProductStatus": word,
        },
    ]
    return envelope(status, reference, products, reason=f"trueid_{word}")


def _authentication(result: str, *, is_passport: bool) -> Iterable[dict[str, Any]]:
    barcode = {"Passed": "Passed", "Failed": "Failed", "Attention": "Attention"}[result]
    name = "2D Barcode Read" if result == "Attention" else "2D Barcode Content"
    values = {
        "DocAuthResult": result,
        "DocClassName": "Passport" if is_passport else "Drivers License",
        "DocClass": "Passport" if is_passport else "DriversLicense",
        "DocIssueType": "Passport" if is_passport else "Drivers License",
        "DocIssuerType": "Country" if is_passport else "StateProvince",
        "DocIssuerCode": "USA" if is_passport else specimen().state,
        "DocIsGeneric": "false",
        "OrientationChanged": "false",
        "PresentationChanged": "false",
        "Sex": "Female",
        "Age": "41",
        "Alert_1_AlertName": "Visible Pattern",
        "Alert_1_AuthenticationResult": "Passed",
        "Alert_1_Disposition": "The pattern was found",
        **(
            {}
            if is_passport
            else {
                "Alert_2_AlertName": name,
                "Alert_2_AuthenticationResult": barcode,
                "Alert_2_Disposition": "The barcode was compared",
            }
        ),
    }
    return [_detail("AUTHENTICATION_RESULT", name, value) for name, value in values.items()]


def _fields(*, is_passport: bool) -> Iterable[dict[str, Any]]:
    person = specimen()
    (born, ends, begun) = (day.split("-") for day in (person.dob, person.expires, person.issued))
    values = {
        "Fields_FirstName": person.first_name,
        "Fields_MiddleName": person.middle_name,
        "Fields_Surname": person.last_name,
        "Fields_DOB_Year": born[0],
        "Fields_DOB_Month": str(int(born[1])),
        "Fields_DOB_Day": str(int(born[2])),
        "Fields_ExpirationDate_Year": ends[0],
        "Fields_ExpirationDate_Month": str(int(ends[1])),
        # The vendor's own spelling.
        "Fields_xpirationDate_Day": str(int(ends[2])),
        "Fields_IssueDate_Year": begun[0],
        "Fields_IssueDate_Month": str(int(begun[1])),
        "Fields_IssueDate_Day": str(int(begun[2])),
        "Fields_CountryCode": "USA",
    }
    if is_passport:
        values |= {
            "Fields_DocumentNumber": person.passport_number,
            "Fields_NationalityCode": "USA",
            "Fields_BirthPlace": "NEW YORK",
            "Fields_MRZ": "".join(person.mrz),
        }
    else:
        values |= {
            "Fields_DocumentNumber": person.license_number,
            "Fields_AddressLine1": person.address1,
            "Fields_City": person.city,
            "Fields_State": person.state,
            "Fields_PostalCode": person.zipcode,
            "Fields_IssuingStateCode": person.state,
            "Fields_Height": "5' 6\"",
        }
    return [_detail("IDAUTH_FIELD_DATA", name, value) for name, value in values.items()]


def _metrics(*, is_passport: bool) -> Iterable[dict[str, Any]]:
    sides = ("Front",) if is_passport else ("Front", "Back")
    values = {
        "Side": sides,
        "ImageMetrics_Id": tuple(f"image-{side}" for side in sides),
        "HorizontalResolution": ("600",) * len(sides),
        "VerticalResolution": ("600",) * len(sides),
        "SharpnessMetric": ("85",) * len(sides),
        "GlareMetric": ("95",) * len(sides),
        "IsTampered": ("0",) * len(sides),
        "IsCropped": ("1",) * len(sides),
        "Light": ("White",) * len(sides),
        "MimeType": ("image/jpeg",) * len(sides),
    }
    return [_detail("IMAGE_METRICS_RESULT", name, *found) for name, found in values.items()]


def _detail(group: str, name: str, *values: str) -> dict[str, Any]:
    return {"Group": group, "Name": name, "Values": [{"Value": value} for value in values]}
