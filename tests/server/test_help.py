"""No page is a dead end: help, another way, what comes next, and a number by which operators find the job."""

import itertools
import re

import pytest

from proofing.testing.images import make_jpeg, make_png

SYNC = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
HELP = {
    "support_url": "https://help.agency.example/",
    "support_phone": "'202-555-0199'",
    "support_email": "help@agency.example",
    "alternative_url": "https://agency.example/in-person",
    "privacy_url": "https://agency.example/privacy",
    "accessibility_url": "https://agency.example/accessibility",
}
LINKS = (
    'href="https://help.agency.example/"',
    'href="tel:+12025550199"',
    'href="mailto:help@agency.example"',
    'href="https://agency.example/in-person"',
)
_NUMBERS = itertools.count()
REFERENCE = re.compile(r'<strong class="code">([0-9a-f-]{12,13})</strong>')


async def give(browser, text):
    """Submit a document that says *text*, no two alike."""
    await browser.get("/document")
    files = {side: ("a.yaml", f"{text}\n# {side} {next(_NUMBERS)}".encode()) for side in ("front", "back")}
    await browser.post_files("/document", files)


def reference_on(page):
    """Return the one reference number of a page."""
    (found,) = REFERENCE.findall(page.text)
    return found


def jobs_of(caplog):
    """Return the ids of the jobs whose lines were written, oldest first."""
    records = [record for record in caplog.records if record.getMessage() == "perform"]
    return [record.proofing_fields["job_id"] for record in records]


async def test_help_is_in_the_footer_and_where_a_page_ends(start):
    """Every setting is a link on every page; on failures and limits, help is part of the page."""
    async with start(**SYNC, **HELP, idv_doc_auth_max_attempts="2") as site:
        browser = site.browser()
        await browser.get("/")
        footer = browser.page.text.partition("<footer")[2]
        privacy = ('href="https://agency.example/privacy"', 'href="https://agency.example/accessibility"')
        assert all(link in footer for link in (*LINKS, *privacy))
        await browser.consent()
        for path in ("/document/problem", "/limit/idv_doc_auth"):
            await give(browser, "document: {dob: null}")
            assert browser.path == path
            main = browser.page.text.partition("<main")[2].partition("</main>")[0]
            assert all(link in main for link in LINKS), path
            assert "Contact the agency" not in main


async def test_without_contacts_the_partner_is_named(sync_site):
    """The page does not promise a contact that it does not know."""
    browser = sync_site.browser()
    await browser.consent()
    assert "footer-links" not in browser.page.text
    await give(browser, "document: {dob: null}")
    assert "Contact the agency you came from." in browser.page.text
    assert "another way" not in browser.page.text


@pytest.mark.parametrize(
    ("text", "title", "button"),
    [
        ("document: {dob: 2015-01-01}", "too young", "Add new photos"),
        ("document: {dob: 2015-01-01, zipcode: null}", "too young", "Add new photos"),
        ("document: {state_id_expiration: 2020-01-01}", "Your ID has expired", "Use another ID"),
        ("document: {state_id_expiration: 2020-01-01, address1: null}", "Your ID has expired", "Use another"),
        ("{document: {}, assurance: read}", "couldn’t verify that this ID is genuine", "Use another ID"),
        ("document: {document_type_received: library_card}", "this type of ID", "Use another ID"),
        (
            "document: {}\nclassification_info: {Front: {ClassName: Tribal Identification}}",
            "this type of ID",
            "Use another ID",
        ),
        ("document: {state_id_expiration: soon}", "couldn’t accept your photos", "Add new photos"),
    ],
)
async def test_documents_that_new_photos_cannot_cure(sync_site, text, title, button):
    """Underage, expired and unsupported have screens of their own, whatever else is wrong."""
    browser = sync_site.browser()
    await browser.consent()
    await give(browser, text)
    assert browser.path == "/document/problem"
    assert title in browser.page.text.partition("</h1>")[0]
    actions = browser.page.text.partition('<div class="actions">')[2].partition("</main>")[0]
    assert f'href="/document">{button}' in actions
    # A person who is too young is first offered the exit.
    assert ('action="/exit"' in actions) is (title == "too young")
    if title == "too young":
        assert "at least 18 years old" in browser.page.text


async def test_a_limit_says_why_and_what_comes_next(start):
    """The last failure in its own words, and what must be entered again, by how long the limit lasts."""
    async with start(**SYNC, idv_doc_auth_max_attempts="1", idv_doc_auth_window_minutes="10") as site:
        browser = site.browser()
        await browser.consent()
        await give(browser, "document: {}\nimage_metrics: {front: {SharpnessMetric: 10}}")
        assert browser.path == "/limit/idv_doc_auth"
        assert "Why your last attempt failed" in browser.page.text
        assert "This photo is blurry" in browser.page.text
        assert "add new photos" not in browser.page.text
        assert "only need to add photos of your ID again" in browser.page.text
    async with start(**SYNC, proof_address_max_attempts="1") as site:
        browser = site.browser()
        await browser.consent()
        files = {"front": ("a.jpg", make_jpeg()), "back": ("a.png", make_png())}
        await browser.post_files("/document", files)
        await browser.post("/ssn", ssn="900661234")
        await browser.post("/verify")
        await browser.post("/phone", phone="703-555-5555")
        assert browser.path == "/limit/proof_address"
        assert "couldn’t match this number" in browser.page.text
        assert "Your session will have ended by then" in browser.page.text


async def test_references_lead_to_the_job(start, caplog):
    """On a problem page, a limit and the last page: the beginning of the job's id, as the log has it."""
    caplog.set_level("INFO", "proofing")
    async with start(**SYNC, idv_doc_auth_max_attempts="2") as site:
        browser = site.browser()
        await browser.consent()
        for count in (1, 2):
            await give(browser, "document: {dob: null}")
            jobs = jobs_of(caplog)
            assert len(jobs) == count
            assert jobs[-1].startswith(reference_on(browser.page))
        assert browser.path == "/limit/idv_doc_auth"
    caplog.clear()
    async with start(**SYNC) as site:
        browser = site.browser()
        await browser.consent()
        files = {"front": ("a.jpg", make_jpeg()), "back": ("a.png", make_png())}
        await browser.post_files("/document", files)
        await browser.post("/ssn", ssn="900661234")
        await browser.post("/verify")
        await browser.post("/phone", phone="202-555-0123")
        assert browser.path == "/done"
        assert jobs_of(caplog)[-1].startswith(reference_on(browser.page))


async def test_the_reference_of_a_refused_request_is_in_its_line(sync_site, monkeypatch, caplog):
    """A page that could not be shown has a number, too."""
    from proofing.base.errors import StoreUnavailableError  # noqa: PLC0415 - only here

    async def away(*_arguments, **_named):
        raise StoreUnavailableError("away")

    browser = sync_site.browser()
    await browser.consent()
    monkeypatch.setattr(sync_site.service.sessions, "load", away)
    await browser.get("/document")
    assert browser.page.status_code == 503
    (line,) = [record for record in caplog.records if record.getMessage() == "step_refused"]
    assert line.proofing_fields["reference"] == reference_on(browser.page)


async def test_changing_a_name_says_first_that_it_needs_photos(sync_site):
    """Before the person presses *change*."""
    browser = sync_site.browser()
    await browser.consent()
    files = {"front": ("a.jpg", make_jpeg()), "back": ("a.png", make_png())}
    await browser.post_files("/document", files)
    await browser.post("/ssn", ssn="900661234")
    said, _, summary = browser.page.text.partition('<dl class="summary">')
    assert "need to add new photos of your ID" in said
    assert summary.count('href="/document" aria-describedby="photos-needed"') == 2


async def test_a_test_system_says_so_in_a_banner(sync_site, monkeypatch):
    """On every page, with what testers may do; where no vendor is a mock there is none."""
    browser = sync_site.browser()
    await browser.get("/")
    assert "This is a test system." in browser.page.text
    await browser.consent()
    banner, _, page = browser.page.text.partition("<main")
    assert "YAML" in banner
    assert "YAML" not in page.partition("<form")[0]
    monkeypatch.setattr(sync_site.service.router, "uses_mocks", lambda: False)
    await browser.get("/document")
    assert "test system" not in browser.page.text
    assert "YAML" not in browser.page.text


async def test_fields_say_what_they_take(sync_site):
    """Autofill tokens and kinds of fields; no field cuts what is pasted, and no SSN is offered for saving."""
    browser = sync_site.browser()
    await browser.consent()
    files = {"front": ("a.jpg", make_jpeg()), "back": ("a.png", make_png())}
    await browser.post_files("/document", files)
    ssn = browser.page.text.partition('<input id="ssn"')[2].partition(">")[0]
    assert 'type="text"' in ssn
    assert "masked" in ssn
    assert 'autocomplete="off"' in ssn
    await browser.post("/ssn", ssn="900661234")
    await browser.get("/address")
    for token in ("address-line1", "address-line2", "address-level2", "address-level1", "postal-code"):
        assert f'autocomplete="{token}"' in browser.page.text
    assert "maxlength" not in browser.page.text
    await browser.get("/verify")
    await browser.post("/verify")
    phone = browser.page.text.partition('<input id="phone"')[2].partition(">")[0]
    assert 'type="tel"' in phone
    assert 'autocomplete="tel"' in phone
    assert "maxlength" not in ssn + phone


async def test_refused_cookies_have_a_heading_of_their_own(sync_site):
    """A form that comes back without its cookie is not a session that has ended."""
    browser = sync_site.browser()
    await browser.get("/consent")
    browser.http.cookies.clear()
    await browser.post("/consent", consent="yes")
    assert browser.path == "/cookies-needed"
    assert "accepting cookies</h1>" in browser.page.text
    await browser.get("/session-ended")
    assert "cookie" not in browser.page.text.partition("<main")[2]
