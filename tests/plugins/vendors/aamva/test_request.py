"""What AAMVA is asked: the exact message, and each attribute's form."""

import re
from dataclasses import replace

import pytest
from lxml import etree
from tests.plugins.vendors.aamva.asking import PERSON, Worker
from tests.plugins.vendors.aamva.fake_aamva import VERIFICATION_URL, FakeAAMVA, make_section

from proofing.contracts.applicant import Applicant
from proofing.plugin import Cause, VendorError
from proofing.testing.vendor_checks import caused_by
from proofing_aamva import AAMVASettings
from proofing_aamva.request import requested_attributes, sent_values, verification_request

SETTINGS = AAMVASettings.model_validate(make_section(first_word_of_last_name=["TX"]))
#: As in the message for the person, whose spaces between elements are for the eyes.
MESSAGE = """
<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"
 xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:dldv="http://aamva.org/dldv/wsdl/2.1"
 xmlns:aa="http://aamva.org/niem/extensions/1.0" xmlns:nc="http://niem.gov/niem/niem-core/2.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soap:Header>
  <wsa:Action>http://aamva.org/dldv/wsdl/2.1/IDLDVService21/VerifyDriverLicenseData</wsa:Action>
 </soap:Header>
 <soap:Body>
  <dldv:VerifyDriverLicenseData>
   <dldv:token>a&lt;token&gt;</dldv:token>
   <dldv:verifyDriverLicenseDataRequest>
    <aa:ControlData>
     <aa:MessageAddress>
      <aa:TransactionLocatorId>our-id</aa:TransactionLocatorId>
      <aa:MessageOriginatorId>ABC</aa:MessageOriginatorId>
      <aa:MessageDestinationId>ND</aa:MessageDestinationId>
     </aa:MessageAddress>
    </aa:ControlData>
    <nc:DriverLicenseIdentification>
     <nc:IdentificationID xsi:type="nc:PersonNameTextType">1111111111</nc:IdentificationID>
    </nc:DriverLicenseIdentification>
    <aa:PersonBirthDate>1938-10-06</aa:PersonBirthDate>
    <nc:PersonName>
     <nc:PersonGivenName>FAKEY</nc:PersonGivenName>
     <nc:PersonSurName>MCFAKERSON SMITH</nc:PersonSurName>
     <nc:PersonMiddleName>ZOË</nc:PersonMiddleName>
     <nc:PersonNameSuffixText>JR</nc:PersonNameSuffixText>
    </nc:PersonName>
    <aa:Address>
     <nc:AddressDeliveryPointText>1 FAKE RD</nc:AddressDeliveryPointText>
     <nc:AddressDeliveryPointText>Apt. &lt;3&gt; &amp; more</nc:AddressDeliveryPointText>
     <nc:LocationCityName>GREAT FALLS</nc:LocationCityName>
     <nc:LocationStateUsPostalServiceCode>MT</nc:LocationStateUsPostalServiceCode>
     <nc:LocationPostalCode>59010</nc:LocationPostalCode>
    </aa:Address>
    <aa:PersonHeightMeasure>507</aa:PersonHeightMeasure>
    <aa:PersonWeightMeasure>154</aa:PersonWeightMeasure>
    <aa:PersonEyeColorCode>HAZ</aa:PersonEyeColorCode>
    <aa:PersonSexCode>1</aa:PersonSexCode>
    <aa:DriverLicenseIssueDate>2019-12-31</aa:DriverLicenseIssueDate>
    <aa:DriverLicenseExpirationDate>2099-12-31</aa:DriverLicenseExpirationDate>
    <aa:DocumentCategoryCode>1</aa:DocumentCategoryCode>
   </dldv:verifyDriverLicenseDataRequest>
  </dldv:VerifyDriverLicenseData>
 </soap:Body>
</soap:Envelope>
"""
LEAST = Applicant(first_name="FAKEY", dob="1938-10-06", state_id_number="1", state_id_jurisdiction="ND")


def message_of(applicant, settings=SETTINGS):
    """Return the message about *applicant*."""
    sent = sent_values(applicant, settings)
    return verification_request(sent, "a<token>", locator="our-id", settings=settings)


def element(applicant, name, settings=SETTINGS):
    """Return the text of an element in the message about *applicant*; None when it has none."""
    found = etree.fromstring(message_of(applicant, settings).encode()).iterfind(f".//{{*}}{name}")
    return next((one.text or "" for one in found), None)


def test_the_whole_message():
    """Byte for byte."""
    assert message_of(PERSON) == re.sub(r">\s+<", "><", MESSAGE.strip()).replace("\n ", " ")


def test_the_least_message():
    """What is not known is left out where the service allows that, and empty elsewhere."""
    names = [etree.QName(one).localname for one in etree.fromstring(message_of(LEAST).encode()).iter()]
    assert names[names.index("PersonBirthDate") :] == [
        *("PersonBirthDate", "PersonName", "PersonGivenName", "PersonSurName"),
        *("Address", "AddressDeliveryPointText", "LocationCityName"),
        *("LocationStateUsPostalServiceCode", "LocationPostalCode"),
    ]
    assert element(LEAST, "PersonSurName") == ""


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"state_id_number": "AB-12 3_4.é"}, "IdentificationID", "AB123_4"),
        ({"state_id_number": "12-34", "state_id_jurisdiction": "SC"}, "IdentificationID", "00001234"),
        ({"state_id_number": "123456789", "state_id_jurisdiction": "SC"}, "IdentificationID", "123456789"),
        ({"state_id_jurisdiction": "VA"}, "MessageDestinationId", "VA"),
        ({"dob": "19381006"}, "PersonBirthDate", "1938-10-06"),
        ({"dob": "10/06/1938"}, "PersonBirthDate", "1938-10-06"),
        ({"last_name": "DE LA CRUZ", "state_id_jurisdiction": "TX"}, "PersonSurName", "DE"),
        ({"last_name": "DE LA CRUZ"}, "PersonSurName", "DE LA CRUZ"),
        ({"middle_name": " "}, "PersonMiddleName", None),
        ({"zipcode": "59010"}, "LocationPostalCode", "59010"),
        ({"height": 95}, "PersonHeightMeasure", "711"),
        ({"height": 60}, "PersonHeightMeasure", "500"),
        ({"eye_color": "bro"}, "PersonEyeColorCode", "BRO"),
        ({"sex": "female"}, "PersonSexCode", "2"),
        ({"sex": "other"}, "PersonSexCode", None),
        ({"document_type_received": "drivers_permit"}, "DocumentCategoryCode", "2"),
        ({"document_type_received": "state_id_card"}, "DocumentCategoryCode", "3"),
        ({"document_type_received": "identification_card"}, "DocumentCategoryCode", "3"),
        ({"document_type_received": "mobile_drivers_license"}, "DocumentCategoryCode", None),
        ({"state_id_issued": "unknown"}, "DriverLicenseIssueDate", None),
        ({"state_id_expiration": ""}, "DriverLicenseExpirationDate", None),
    ],
)
def test_each_attribute_has_its_form(changes, name, expected):
    """As the wire format wants it; None: the element is not sent."""
    assert element(replace(PERSON, **changes), name) == expected


def test_the_certification_environment():
    """One jurisdiction answers for all, and the form is still that of the real one."""
    settings = AAMVASettings.model_validate(make_section(cert_mode=True))
    applicant = replace(PERSON, state_id_number="7", state_id_jurisdiction="SC")
    assert element(applicant, "MessageDestinationId", settings) == "P6"
    assert element(applicant, "IdentificationID", settings) == "00000007"


@pytest.mark.parametrize("uuid", [PERSON.uuid, None])
async def test_our_id_of_the_question(uuid):
    """Our reference of the person, else of the question: the answer repeats it, and it is logged."""
    worker = Worker(FakeAAMVA(), applicant=replace(PERSON, uuid=uuid))
    await worker.ask()
    (locator,) = etree.fromstring(worker.vendor.requests[-1].content).iter("{*}TransactionLocatorId")
    assert locator.text == (uuid or worker.context().question_id)


async def test_bytes_are_utf_8():
    """And their number is counted in bytes."""
    worker = Worker(FakeAAMVA())
    await worker.ask()
    request = worker.vendor.requests[-1]
    assert "ZOË".encode() in request.content
    assert request.headers["content-length"] == str(len(request.content))


@pytest.mark.parametrize("text", ["</nc:PersonGivenName><x>", "a&b", "]]>", "&#65;", "\"'", "a\rb"])
def test_text_stays_text(text):
    """Names that look like XML are read as they were written."""
    assert element(replace(PERSON, first_name=text), "PersonGivenName") == text


@pytest.mark.parametrize(
    "changes",
    [
        {"state_id_number": None},
        {"state_id_number": "-"},
        {"state_id_number": ""},
        {"dob": None},
        {"dob": "soon"},
        {"state_id_jurisdiction": None},
        {"first_name": None, "last_name": None},
        {"first_name": "a\x00b"},
        {"city": "\ud800"},
    ],
)
async def test_what_cannot_be_asked_is_not(changes):
    """No call, no bill, and no answer that would count as a no."""
    worker = Worker(FakeAAMVA(), applicant=replace(PERSON, **changes))
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)) as refused:
        await worker.ask()
    assert not refused.value.billed
    assert VERIFICATION_URL not in [str(request.url) for request in worker.vendor.requests]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"address": True}),
        ({"address2": None}, {"address": True}),
        (
            {"zipcode": None},
            {"zipcode": False, "address1": True, "address2": True, "city": True, "state": True},
        ),
        ({"last_name": None}, {"last_name": False, "address": True}),
        ({"first_name": " "}, {"first_name": False, "address": True}),
    ],
)
def test_what_was_asked_is_on_record(changes, expected):
    """Every attribute that was sent, and every required one that was not."""
    others = dict.fromkeys(
        (
            *("first_name", "middle_name", "last_name", "name_suffix", "dob", "height", "weight"),
            *("eye_color", "sex", "state_id_number", "state_id_jurisdiction", "state_id_issued"),
            *("state_id_expiration", "document_type_received"),
        ),
        True,
    )
    requested = requested_attributes(sent_values(replace(PERSON, **changes), SETTINGS))
    assert requested == {**others, **expected}


def test_optional_ones_that_are_not_known_are_not_on_record():
    """Only the required ones are."""
    assert requested_attributes(sent_values(LEAST, SETTINGS)) == {
        **dict.fromkeys(("first_name", "dob", "state_id_number", "state_id_jurisdiction"), True),
        **dict.fromkeys(("last_name", "address1", "city", "state", "zipcode"), False),
    }
