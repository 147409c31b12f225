"""What DLDV 2.1 is asked: the message of VerifyDriverLicenseData, and what of the applicant is in it."""

import re
from collections.abc import Mapping

from proofing.plugin import Applicant, parse_date
from proofing_aamva.elements import escaped
from proofing_aamva.errors import malformed
from proofing_aamva.settings import OPTIONAL, REQUIRED, AAMVASettings
from proofing_aamva.soap import SOAP, WSA

_DLDV = "http://aamva.org/dldv/wsdl/2.1"
VERIFY = f"{_DLDV}/IDLDVService21/VerifyDriverLicenseData"
_NAMESPACES = (
    f'xmlns:soap="{SOAP}" xmlns:wsa="{WSA}" xmlns:dldv="{_DLDV}" '
    'xmlns:aa="http://aamva.org/niem/extensions/1.0" xmlns:nc="http://niem.gov/niem/niem-core/2.0" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
#: Answers for every jurisdiction in the certification environment.
_TEST_JURISDICTION = "P6"
#: The parts of an address; it is one attribute where all but the second line are known.
ADDRESS = ("address1", "address2", "city", "state", "zipcode")
_ADDRESS_NEEDS = frozenset(ADDRESS) - {"address2"}
_SEXES = {"male": "1", "female": "2"}
_CATEGORIES = {
    "drivers_license": "1",
    "drivers_permit": "2",
    "state_id_card": "3",
    # As some document vendors call the former.
    "identification_card": "3",
}
_NOT_IN_NUMBERS = re.compile(r"[^A-Za-z0-9_]")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
#: South Carolina's numbers have this many digits.
_SC_DIGITS = 8
_ZIP_DIGITS = 5
_INCHES_PER_FOOT = 12


def sent_values(applicant: Applicant, settings: AAMVASettings) -> dict[str, str]:
    """Return each attribute as it is sent; one that is not known, or has no form of AAMVA's, is missing.

    Raises:
        VendorError: `Cause.BAD_REQUEST`: there is no license number, birth date, name or jurisdiction.
            Asking without would be billed and could only be answered with no.
    """
    sent = {name: value for name, value in _values(applicant, settings).items() if value and value.strip()}
    has_name = "first_name" in sent or "last_name" in sent
    if not (has_name and {"state_id_number", "dob", "state_id_jurisdiction"} <= sent.keys()):
        raise malformed("license number, birth date, a name and the jurisdiction must be known")
    return sent


def requested_attributes(sent: Mapping[str, str]) -> dict[str, bool]:
    """Return which attributes the question is about: True when sent, False when required and not known.

    The parts of an address become ``address`` when it is complete.
    """
    requested = {name: name in sent for name in (*REQUIRED, *OPTIONAL) if name in sent or name in REQUIRED}
    if sent.keys() >= _ADDRESS_NEEDS:
        requested = {name: known for name, known in requested.items() if name not in ADDRESS}
        requested["address"] = True
    return requested


def verification_request(
    sent: Mapping[str, str], token: str, *, locator: str, settings: AAMVASettings
) -> str:
    """Return the message.

    Args:
        sent: as `sent_values` returns it.
        token: of authentication.
        locator: our id of the question, which the answer repeats.
        settings: have our id, and whether this is the certification environment.
    """
    destination = _TEST_JURISDICTION if settings.cert_mode else sent["state_id_jurisdiction"]
    originator = settings.originator_id
    return (
        f"<soap:Envelope {_NAMESPACES}><soap:Header><wsa:Action>{VERIFY}</wsa:Action></soap:Header>"
        f"<soap:Body><dldv:VerifyDriverLicenseData>{_element('dldv:token', token.strip())}"
        "<dldv:verifyDriverLicenseDataRequest><aa:ControlData><aa:MessageAddress>"
        f"{_element('aa:TransactionLocatorId', locator)}{_element('aa:MessageOriginatorId', originator)}"
        f"{_element('aa:MessageDestinationId', destination)}</aa:MessageAddress></aa:ControlData>"
        f"{_license(sent)}{_person(sent)}{_address(sent)}{_description(sent)}"
        "</dldv:verifyDriverLicenseDataRequest></dldv:VerifyDriverLicenseData></soap:Body></soap:Envelope>"
    )


def _license(sent: Mapping[str, str]) -> str:
    # The type is not what it is called; AAMVA's schema wants it.
    return (
        '<nc:DriverLicenseIdentification><nc:IdentificationID xsi:type="nc:PersonNameTextType">'
        f"{escaped(sent['state_id_number'])}</nc:IdentificationID></nc:DriverLicenseIdentification>"
    )


def _person(sent: Mapping[str, str]) -> str:
    return (
        f"{_element('aa:PersonBirthDate', sent['dob'])}<nc:PersonName>"
        f"{_element('nc:PersonGivenName', sent.get('first_name', ''))}"
        f"{_element('nc:PersonSurName', sent.get('last_name', ''))}"
        f"{_optional(sent, middle_name='nc:PersonMiddleName', name_suffix='nc:PersonNameSuffixText')}"
        "</nc:PersonName>"
    )


def _address(sent: Mapping[str, str]) -> str:
    line = "nc:AddressDeliveryPointText"
    return (
        f"<aa:Address>{_element(line, sent.get('address1', ''))}{_optional(sent, address2=line)}"
        f"{_element('nc:LocationCityName', sent.get('city', ''))}"
        f"{_element('nc:LocationStateUsPostalServiceCode', sent.get('state', ''))}"
        f"{_element('nc:LocationPostalCode', sent.get('zipcode', ''))}</aa:Address>"
    )


def _description(sent: Mapping[str, str]) -> str:
    return _optional(
        sent,
        height="aa:PersonHeightMeasure",
        weight="aa:PersonWeightMeasure",
        eye_color="aa:PersonEyeColorCode",
        sex="aa:PersonSexCode",
        state_id_issued="aa:DriverLicenseIssueDate",
        state_id_expiration="aa:DriverLicenseExpirationDate",
        document_type_received="aa:DocumentCategoryCode",
    )


def _element(name: str, value: str) -> str:
    return f"<{name}>{escaped(value)}</{name}>"


def _optional(sent: Mapping[str, str], **names: str) -> str:
    """Return an element for each attribute in *names* that is sent."""
    return "".join(_element(name, sent[attribute]) for attribute, name in names.items() if attribute in sent)


def _values(applicant: Applicant, settings: AAMVASettings) -> dict[str, str | None]:
    """Return AAMVA's form of each attribute; None or empty where there is none."""
    known = applicant
    return {
        **{name: getattr(known, name) for name in ("first_name", "middle_name", "name_suffix")},
        **{name: getattr(known, name) for name in ("address1", "address2", "city", "state")},
        "last_name": _last_name(known, settings),
        "dob": _date(known.dob),
        "zipcode": (known.zipcode or "")[:_ZIP_DIGITS],
        "state_id_number": _number(known),
        "state_id_jurisdiction": known.state_id_jurisdiction,
        "height": None if known.height is None else _feet_and_inches(known.height),
        "weight": None if known.weight is None else str(known.weight),
        "eye_color": (known.eye_color or "").upper(),
        "sex": _SEXES.get(known.sex or ""),
        "state_id_issued": _date(known.state_id_issued),
        "state_id_expiration": _date(known.state_id_expiration),
        "document_type_received": _CATEGORIES.get(known.document_type_received or ""),
    }


def _last_name(applicant: Applicant, settings: AAMVASettings) -> str | None:
    words = (applicant.last_name or "").split()
    if words and applicant.state_id_jurisdiction in settings.first_word_of_last_name:
        return words[0]
    return applicant.last_name


def _number(applicant: Applicant) -> str:
    number = _NOT_IN_NUMBERS.sub("", applicant.state_id_number or "")
    if number and applicant.state_id_jurisdiction == "SC":
        return number.rjust(_SC_DIGITS, "0")
    return number


def _date(text: str | None) -> str | None:
    """Return a date as AAMVA takes it, ``YYYY-MM-DD``."""
    return parse_date(_COMPACT_DATE.sub(r"\1-\2-\3", text.strip())) if text else None


def _feet_and_inches(inches: int) -> str:
    """Return a height as AAMVA takes it: ``507`` is five feet and seven inches."""
    feet, rest = divmod(inches, _INCHES_PER_FOOT)
    return f"{feet}{rest:02d}"
