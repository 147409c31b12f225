"""The forms that the fields of a person have in requests, which differ between platforms and versions.

========  ===================================  ===========================
field     Risk Defense Platform                Dynamic Decision Platform
========  ===================================  ===========================
dob       parts: texts in v2, integers in v3   ``YYYYMMDD``
zipcode   five digits                          with its extension
ssn       nine digits                          nine digits
unknown   the empty text                       the empty text
========  ===================================  ===========================
"""

import re
from datetime import date
from typing import Any

from proofing.plugin import Applicant, Cause, VendorError, parse_iso_date, parse_phone, parse_ssn

_NOT_WORD = re.compile(r"\W", re.ASCII)


def refuse(missing: str, vendor_name: str) -> VendorError:
    """Return the error of a question that is not sent, because it lacks *missing*, named without a value."""
    return VendorError(
        Cause.BAD_REQUEST, f"the question has no {missing}", vendor_name=vendor_name, billed=False
    )


def require_phone(applicant: Applicant, vendor_name: str) -> str:
    """Return the ten national digits of the phone. Raises `VendorError`: there is none."""
    phone = parse_phone(applicant.phone or "")
    if phone is None:
        raise refuse("phone number", vendor_name)
    return phone


def rdp_person(applicant: Applicant, vendor_name: str, *, integer_dates: bool = False) -> dict[str, Any]:
    """Return name, SSN and birth date for the Risk Defense Platform. Raises `VendorError`: one is not known.

    One name is enough: not everybody has two.
    """
    ssn = parse_ssn(applicant.ssn or "")
    born = parse_iso_date(applicant.dob or "")
    if not (applicant.first_name or applicant.last_name):
        raise refuse("name", vendor_name)
    if ssn is None:
        raise refuse("SSN", vendor_name)
    if born is None:
        raise refuse("birth date", vendor_name)
    return {
        "Name": {"FirstName": applicant.first_name or "", "LastName": applicant.last_name or ""},
        "SSN": {"Number": ssn, "Type": "ssn9"},
        "DateOfBirth": _parts(born) if integer_dates else {k: str(v) for k, v in _parts(born).items()},
    }


def rdp_address(applicant: Applicant) -> dict[str, str]:
    """Return the home address for the Risk Defense Platform."""
    five = re.match(r"[0-9]{5}", applicant.zipcode or "")
    return {
        "StreetAddress1": applicant.address1 or "",
        "StreetAddress2": applicant.address2 or "",
        "City": applicant.city or "",
        "State": applicant.state or "",
        "Zip5": five[0] if five else "",
        "Country": "US",
        "Context": "primary",
    }


def ddp_identity(applicant: Applicant) -> dict[str, str]:
    """Return name, birth date, SSN and references for the Dynamic Decision Platform."""
    ssn = parse_ssn(applicant.ssn or "")
    born = parse_iso_date(applicant.dob or "")
    return {
        "account_first_name": applicant.first_name or "",
        "account_last_name": applicant.last_name or "",
        "account_date_of_birth": born.isoformat().replace("-", "") if born else "",
        "national_id_number": ssn or "",
        "national_id_type": "US_SSN" if ssn else "",
        **ddp_references(applicant),
    }


def ddp_references(applicant: Applicant) -> dict[str, str]:
    """Return our references of partner and person for the Dynamic Decision Platform."""
    return {"local_attrib_1": applicant.uuid_prefix or "", "local_attrib_3": applicant.uuid or ""}


def ddp_person(applicant: Applicant) -> dict[str, str]:
    """Return identity, address and license for the Dynamic Decision Platform. The phone is never sent."""
    number = _NOT_WORD.sub("", applicant.state_id_number or "")
    return {
        **ddp_identity(applicant),
        "account_address_street1": applicant.address1 or "",
        "account_address_street2": applicant.address2 or "",
        "account_address_city": applicant.city or "",
        "account_address_state": applicant.state or "",
        "account_address_zip": applicant.zipcode or "",
        "account_address_country": "US" if applicant.state else "",
        "account_telephone": "",
        "account_drivers_license_number": number,
        "account_drivers_license_type": "us_dl" if number else "",
        "account_drivers_license_issuer": (applicant.state_id_jurisdiction or "").strip(),
    }


def _parts(day: date) -> dict[str, int]:
    return {"Year": day.year, "Month": day.month, "Day": day.day}
