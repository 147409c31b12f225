"""Resolution without a document: name, date of birth and, where agencies are asked, the number of an ID."""

from datetime import UTC, datetime

import pytest

from proofing.contracts.verifications import Step as PolicyStep
from proofing_devtools.sessions import put
from proofing_server.forms import read_identity

SYNC = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
PERSON = {
    "first_name": "Fakey",
    "middle_name": "",
    "last_name": "McFakerson",
    "dob_month": "10",
    "dob_day": "6",
    "dob_year": "1938",
}
CARD = {
    "document_type_received": "drivers_license",
    "state_id_number": "1111111111111",
    "state_id_jurisdiction": "ND",
}
ADDRESS = {"address1": "1 FAKE RD", "city": "GREAT FALLS", "state": "MT", "zipcode": "59010"}


def read(asks_for_id=False, **changes):
    """Return the form of the usual person with *changes*."""
    return read_identity({**PERSON, **changes}, now=NOW, min_age_years=18, asks_for_id=asks_for_id)


async def begin(site, *steps):
    """Return a browser that has consented to a flow of *steps*."""
    browser = site.browser()
    await browser.get("/consent")
    await browser.post("/consent", consent="yes")
    session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
    await session.update(put(policy_steps=tuple(map(PolicyStep, steps))))
    return browser, session


def test_the_usual_person():
    """The values have the form that applicants have."""
    form = read()
    assert not form.errors
    assert form.values == {"first_name": "Fakey", "last_name": "McFakerson", "dob": "1938-10-06"}
    assert read(asks_for_id=True, **CARD).values.items() >= CARD.items()


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"first_name": ""}, {}),
        ({"last_name": " "}, {}),
        ({"first_name": "", "last_name": ""}, {"first_name": "name_missing"}),
        ({"first_name": "a\u202eb"}, {"first_name": "characters"}),
        ({"last_name": "x" * 256}, {"last_name": "too_long"}),
        ({"dob_day": ""}, {"dob_day": "dob_missing"}),
        ({"dob_month": "", "dob_day": "", "dob_year": ""}, {"dob_month": "dob_missing"}),
        ({"dob_month": "October"}, {"dob_month": "dob_format"}),
        ({"dob_month": "2", "dob_day": "30"}, {"dob_month": "dob_format"}),
        ({"dob_month": "13"}, {"dob_month": "dob_format"}),
        ({"dob_year": "38"}, {"dob_month": "dob_format"}),
        ({"dob_month": "\uff12", "dob_day": " 3 "}, {}),
        ({"dob_year": "2027"}, {"dob_month": "dob_format"}),
        ({"dob_year": "1800"}, {"dob_month": "dob_format"}),
        ({"dob_year": "2010"}, {"dob_month": "dob_underage"}),
        ({"dob_month": "11", "dob_day": "30", "dob_year": "2008"}, {}),
        ({"dob_month": "12", "dob_day": "1", "dob_year": "2008"}, {"dob_month": "dob_underage"}),
    ],
)
def test_what_is_wrong_is_said_at_its_field(changes, errors):
    """Each field has its own problem, and what is right stays."""
    assert read(**changes).errors == errors


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        (
            {"document_type_received": "passport"},
            {"document_type_received": "document_type_received_missing"},
        ),
        ({"state_id_jurisdiction": "FM"}, {"state_id_jurisdiction": "state_id_jurisdiction_missing"}),
        ({"state_id_number": ""}, {"state_id_number": "state_id_number_missing"}),
        ({"state_id_number": "1" * 26}, {"state_id_number": "state_id_number_format"}),
    ],
)
def test_the_number_of_an_id_is_read_where_agencies_are_asked(changes, errors):
    """Nobody skips the agency by leaving it out."""
    assert read(asks_for_id=True, **{**CARD, **changes}).errors == errors
    assert not read(**{**CARD, **changes}).errors


async def test_a_resolution_without_a_document(start):
    """Everything is typed; wrong input comes back with what was right, and the vendors agree."""
    async with start(**SYNC) as site:
        browser, session = await begin(site, "resolution")
        await browser.get("/verify")
        assert browser.path == "/identity"
        await browser.post("/identity", **{**PERSON, **CARD, "dob_year": "38"})
        assert browser.page.status_code == 400
        assert 'id="dob_month-error"' in browser.page.text
        assert 'value="McFakerson"' in browser.page.text
        await browser.post("/identity", **PERSON, **CARD)
        assert browser.path == "/ssn"
        await browser.post("/ssn", ssn="900-66-1234", device="pass")
        assert browser.path == "/address"
        await browser.post("/address", **ADDRESS)
        assert browser.path == "/verify"
        assert "October 6, 1938" in browser.page.text
        assert "Driver’s license from North Dakota, number 1111111111111" in browser.page.text
        assert 'href="/identity"' in browser.page.text
        assert 'href="/document"' not in browser.page.text
        await browser.get("/identity")
        assert 'name="dob_day" value="6"' in browser.page.text
        await browser.get("/verify")
        await browser.post("/verify")
        assert browser.path == "/done"
        again = await site.app.state.site.sessions.open(session.id)
        assert again.data.is_finished


async def test_no_agency_no_number(start):
    """Without a vendor for licenses nobody is asked for theirs."""
    async with start(**SYNC, state_id_vendor="null") as site:
        browser, _session = await begin(site, "resolution")
        await browser.get("/identity")
        assert "state_id_number" not in browser.page.text
        await browser.post("/identity", **PERSON)
        assert browser.path == "/ssn"


@pytest.mark.parametrize("steps", [("document",), ("document", "resolution")])
async def test_who_shows_a_document_types_no_name(start, steps):
    """What the document says is not typed over it."""
    async with start(**SYNC) as site:
        browser, _session = await begin(site, *steps)
        await browser.get("/identity")
        assert browser.path == "/document"
