"""What an answer comes to: in both shapes, with each indicator true, false, absent and something else."""

from dataclasses import replace

import pytest
from tests.plugins.vendors.aamva.asking import PERSON, Worker
from tests.plugins.vendors.aamva.fake_aamva import ALL, FakeAAMVA, bare_answer, indicators, soap_answer

from proofing.plugin import Cause, Match, Outcome, VendorError
from proofing.testing.vendor_checks import caused_by

_NIL = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="{}"'

REQUIRED = {
    "DriverLicenseNumber": "state_id_number",
    "PersonBirthDate": "dob",
    "PersonLastNameExact": "last_name",
    "PersonFirstNameExact": "first_name",
}
OPTIONAL = {
    "DriverLicenseIssueDate": "state_id_issued",
    "DocumentCategory": "document_type_received",
    "PersonMiddleNameExact": "middle_name",
    "PersonNameSuffix": "name_suffix",
    "PersonHeight": "height",
    "PersonWeight": "weight",
    "PersonSexCode": "sex",
    "PersonEyeColor": "eye_color",
    "AddressLine1": "address1",
    "AddressLine2": "address2",
    "AddressCity": "city",
    "AddressStateCode": "state",
    "AddressZIP5": "zipcode",
}
EXPIRATION = {"DriverLicenseExpirationDate": "state_id_expiration"}
ATTRIBUTES = REQUIRED | OPTIONAL | EXPIRATION
ADDRESS = {"address1", "address2", "city", "state", "zipcode"}
VERIFIED = {*ATTRIBUTES.values(), "address"} - ADDRESS


async def result_of(content, applicant=PERSON):
    """Return what *content* is read as."""
    return await Worker(FakeAAMVA(lambda: content), applicant=applicant).ask()


@pytest.mark.parametrize(
    ("content", "transaction_id"),
    [(bare_answer(indicators()), "u-1"), (soap_answer(indicators()), "u-2")],
)
async def test_everything_matches(content, transaction_id):
    """In both shapes; the id may be spelled in two ways, with white space around it."""
    result = await result_of(content)
    assert result.outcome is Outcome.PASSED
    assert result.vendor_name == "aamva:state_id"
    assert result.transaction_id == transaction_id
    assert result.attributes == dict.fromkeys(ATTRIBUTES.values(), Match.MATCH)
    assert result.verified_attributes == VERIFIED
    assert result.requested_attributes["address"] is True
    assert result.reasons == ()
    assert result.billed


@pytest.mark.parametrize(("name", "attribute"), REQUIRED.items())
@pytest.mark.parametrize("shape", [bare_answer, soap_answer])
async def test_a_required_attribute_decides(shape, name, attribute):
    """False is a mismatch, absent is unavailable; both are a no, and neither is a match."""
    result = await result_of(shape(indicators(name)))
    assert (result.outcome, result.reasons) == (Outcome.FAILED, (f"{attribute}_mismatch",))
    assert result.attributes[attribute] is Match.MISMATCH
    assert result.verified_attributes == VERIFIED - {attribute}
    result = await result_of(shape(indicators(without=(name,))))
    assert (result.outcome, result.reasons) == (Outcome.FAILED, (f"{attribute}_unavailable",))
    assert result.attributes[attribute] is Match.UNAVAILABLE
    assert result.verified_attributes == VERIFIED - {attribute}


async def test_the_expiration_date_must_match_when_it_is_answered():
    """Absent is fine."""
    result = await result_of(bare_answer(indicators("DriverLicenseExpirationDate")))
    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("state_id_expiration_mismatch",))
    result = await result_of(bare_answer(indicators(without=("DriverLicenseExpirationDate",))))
    assert result.passed
    assert result.attributes["state_id_expiration"] is Match.UNAVAILABLE


@pytest.mark.parametrize(("name", "attribute"), OPTIONAL.items())
async def test_an_optional_attribute_does_not_decide(name, attribute):
    """But counts as verified only when it matches; of the address, all parts but the second line must."""
    for values, match in (
        (indicators(name), Match.MISMATCH),
        (indicators(without=(name,)), Match.UNAVAILABLE),
    ):
        result = await result_of(bare_answer(values))
        assert (result.outcome, result.reasons) == (Outcome.PASSED, ())
        assert result.attributes[attribute] is match
        lost = {"address"} if attribute in ADDRESS - {"address2"} else {attribute}
        assert result.verified_attributes == VERIFIED - lost


async def test_an_unknown_number():
    """A state that does not know the number says false of it and nothing else."""
    result = await result_of(bare_answer(indicators("DriverLicenseNumber", only=("DriverLicenseNumber",))))
    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("state_id_number_not_found",))
    assert result.attributes["state_id_number"] is Match.MISMATCH
    assert set(result.attributes.values()) == {Match.MISMATCH, Match.UNAVAILABLE}
    assert result.verified_attributes == frozenset()


async def test_the_example_of_the_wire_format():
    """The expiration date is another one; four attributes match, and the address is not mentioned."""
    result = await result_of(
        b"<R><TransactionLocatorId>u-1</TransactionLocatorId>"
        b"<DriverLicenseNumberMatchIndicator>true</DriverLicenseNumberMatchIndicator>\n"
        b"<PersonBirthDateMatchIndicator>true</PersonBirthDateMatchIndicator>"
        b"<PersonFirstNameExactMatchIndicator>true</PersonFirstNameExactMatchIndicator>\n"
        b"<PersonLastNameExactMatchIndicator>true</PersonLastNameExactMatchIndicator>"
        b"<DriverLicenseExpirationDateMatchIndicator>false</DriverLicenseExpirationDateMatchIndicator></R>"
    )
    assert result.outcome is Outcome.FAILED
    assert result.attributes["state_id_expiration"] is Match.MISMATCH
    assert result.attributes["address1"] is Match.UNAVAILABLE
    assert result.verified_attributes == {"state_id_number", "dob", "first_name", "last_name"}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "word", ["", "TRUE", "True", "1", "0", "yes", "unknown", "match", "true false", "<b>true</b>"]
)
async def test_another_word_is_no_answer(name, word):
    """In any indicator, those that do not count included: neither a yes nor a no."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await result_of(bare_answer({**indicators(), name: word}))


@pytest.mark.parametrize(
    "content",
    [
        b"<R/>",
        b"<R><TransactionLocatorId>u-1</TransactionLocatorId></R>",
        bare_answer(indicators())[:-40],
        b"<R>" + bare_answer(indicators()) + bare_answer(indicators("DriverLicenseNumber")) + b"</R>",
        b'<!DOCTYPE R [<!ENTITY t "true">]>' + bare_answer(dict.fromkeys(ALL, "&t;")),
        b"<R>" * 40 + bare_answer(indicators()) + b"</R>" * 40,
    ],
)
async def test_what_is_no_answer(content):
    """Nothing in it, cut off, both true and false, with entities, too deep."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await result_of(content)


@pytest.mark.parametrize("word", ["true", "1"])
async def test_an_indicator_that_is_nil(word):
    """Is one that is not there: the state did not compare."""
    for name, attribute, outcome in (
        ("DriverLicenseExpirationDate", "state_id_expiration", Outcome.PASSED),
        ("PersonBirthDate", "dob", Outcome.FAILED),
    ):
        nil = f"<{name}MatchIndicator {_NIL.format(word)}></{name}MatchIndicator>".encode()
        whole = bare_answer(indicators())
        content = whole.replace(f"<{name}MatchIndicator>true</{name}MatchIndicator>".encode(), nil)
        assert content != whole
        result = await result_of(content)
        assert result.outcome is outcome
        assert result.attributes[attribute] is Match.UNAVAILABLE


@pytest.mark.parametrize(("nil", "text"), [("true", "true"), ("true", "false"), ("false", ""), ("yes", "")])
async def test_an_indicator_that_is_not_quite_nil(nil, text):
    """Nil has no text, and its word is that of XML Schema."""
    element = f"<PersonBirthDateMatchIndicator {_NIL.format(nil)}>{text}</PersonBirthDateMatchIndicator>"
    content = bare_answer(indicators(without=("PersonBirthDate",)))
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await result_of(content.replace(b"</VerifyDriver", element.encode() + b"</VerifyDriver"))


async def test_white_space_around_a_word():
    """Is not part of it."""
    assert (await result_of(bare_answer(dict.fromkeys(ALL, "\n true ")))).passed


@pytest.mark.parametrize("locator", [None, "", "FAKEY MCFAKERSON", "a" * 65])
async def test_an_id_that_is_none(locator):
    """An answer stays an answer without an id; free text is not kept."""
    result = await result_of(bare_answer(indicators(), locator))
    assert result.passed
    assert result.transaction_id is None


@pytest.mark.parametrize("name", ["first_name", "last_name"])
async def test_what_was_not_sent_is_not_checked(name):
    """Whatever the state says of the empty element. The name that the person has decides."""
    applicant = replace(PERSON, **{name: None})
    result = await result_of(bare_answer(indicators()), applicant)
    assert result.passed
    assert result.attributes[name] is Match.NOT_CHECKED
    assert name not in result.verified_attributes
    assert result.requested_attributes[name] is False
    other = {"first_name": "PersonLastNameExact", "last_name": "PersonFirstNameExact"}[name]
    assert not (await result_of(bare_answer(indicators(other)), applicant)).passed


async def test_an_address_that_was_not_sent_is_not_verified():
    """Without its ZIP code the address is not complete, whatever the state compared."""
    result = await result_of(bare_answer(indicators()), replace(PERSON, zipcode=None))
    assert result.passed
    assert result.attributes["zipcode"] is Match.NOT_CHECKED
    assert result.verified_attributes == VERIFIED - {"address"}


async def test_what_is_neither_sent_nor_answered_is_not_checked():
    """As opposed to what the state was asked and has no record of."""
    applicant = replace(PERSON, height=None)
    result = await result_of(bare_answer(indicators(without=("PersonHeight", "PersonWeight"))), applicant)
    assert result.attributes["height"] is Match.NOT_CHECKED
    assert result.attributes["weight"] is Match.UNAVAILABLE
