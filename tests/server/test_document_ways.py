"""How a document is shown: photos, or a page of the vendor; which one; and switches in between."""

import base64
import json
import re
from dataclasses import replace

import pytest

from proofing.contracts.applicant import DocumentType
from proofing.contracts.continuation import Again, Leave
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.contracts.results import Assurance, Outcome, ProoferKind, SelfieCheck
from proofing.testing.images import make_jpeg
from proofing_devtools.capture import upload_images
from proofing_devtools.later_vendors import YES, Later, pending, put_in_place
from proofing_mock import standard

SYNC = {"doc_auth_enable_presigned_s3_urls": "false"}
PAGE = "https://vendor.example/visit/1"
BOTH = {side: (f"{side}.jpg", make_jpeg(comment=side.encode())) for side in ("front", "back")}
BOOK = {"passport": ("passport.jpg", make_jpeg(comment=b"passport"))}
READ = replace(
    YES[ProoferKind.DOCUMENT],
    applicant=standard.LICENSE,
    document_type=DocumentType.DRIVERS_LICENSE,
    assurance=Assurance.AUTHENTICATED,
)


def put_hosted(site, *answers):
    """Put a vendor with a page of its own into the place of the mock."""
    vendor = Later(*(answers or (pending(then=Leave(PAGE, PAGE)), READ)))
    return put_in_place(
        site, ProoferKind.DOCUMENT, vendor, captures_images=True, continues=frozenset({Again, Leave})
    )


async def visit(browser, **fields):
    """Send the form that leads to the vendor."""
    browser.page = await browser.http.post(
        "/document",
        data={"csrf_token": browser.csrf, "way": "visit", **fields},
        files={"none": ("", b"")},
        headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        follow_redirects=True,
    )


async def session_of(site, browser):
    """Return the session of a browser."""
    return await site.app.state.site.sessions.open(browser.http.cookies["proofing"])


async def keep_upload(site, browser):
    """Have the front uploaded, and return the answer to the request for a slot."""
    attempt = (await session_of(site, browser)).data.attempts[-1]
    made = await browser.api("/api/uploads", {"attempt": attempt, "side": "front"})
    slot = made.json()["slot"]
    content = b"c" * 100
    signed = await browser.api(
        f"/api/uploads/{slot}",
        {"attempt": attempt, "length": len(content), "sha256": base64.b64encode(bytes(32)).decode()},
    )
    assert signed.status_code == 200
    body = {
        "attempt": attempt,
        "side": "front",
        "iv": base64.b64encode(bytes(12)).decode(),
        "key": base64.b64encode(bytes(32)).decode(),
    }
    assert (await browser.api(f"/api/uploads/{slot}/finished", body)).status_code == 200
    return attempt


async def send_photos(site, browser):
    """Upload both photos, and submit them, as the page's script does."""
    session = await session_of(site, browser)
    attempt = session.data.attempts[-1]
    images = {Side(side): content for side, (_, content) in BOTH.items()}
    given = await upload_images(site.service, images, attempt=attempt, person=session.person)
    key = base64.b64encode(given["encryption_key"]).decode()
    for side, image in given["images"].items():
        iv = base64.b64encode(image.iv).decode()
        body = {"attempt": attempt, "side": side.value, "iv": iv, "key": key}
        assert (await browser.api(f"/api/uploads/{image.slot}/finished", body)).status_code == 200
    assert (await browser.api("/api/document", {"attempt": attempt})).status_code == 202
    await browser.get("/document/wait")


@pytest.mark.parametrize("language", ["en", "es", "fr", "zh"])
@pytest.mark.parametrize("is_hosted", [False, True], ids=["photos", "visit"])
@pytest.mark.parametrize(
    ("requires", "authenticates"), [("read", False), ("read", True), ("authenticated", False)]
)
async def test_pages_promise_what_is_done(start, requires, authenticates, is_hosted, language):
    """That an ID is genuine is checked by the vendor, or required of all; else pages say that it is read."""
    is_promised = authenticates or requires == "authenticated"
    promise = re.compile("genuine|auténtico|authentique|真实性")
    async with start(document_requires=requires) as site:
        continues = frozenset({Again, Leave}) if is_hosted else frozenset()
        put_in_place(
            site,
            ProoferKind.DOCUMENT,
            Later(READ),
            authenticates=authenticates,
            captures_images=is_hosted,
            continues=continues,
        )
        browser = site.browser()
        browser.http.headers["accept-language"] = language
        await browser.get("/consent")
        assert bool(promise.search(browser.page.text)) is is_promised
        await browser.consent()
        if is_hosted:
            await visit(browser)
        else:
            await send_photos(site, browser)
        assert browser.path == "/document/wait"
        assert bool(promise.search(browser.page.text)) is is_promised


async def test_photos_of_a_check_that_came_to_nothing_are_asked_for_again(site):
    """The page is empty then: it says why, until there are photos again."""
    gone = "We didn’t keep the photos you sent before"
    browser = site.browser()
    await browser.consent()
    assert gone not in browser.page.text
    await send_photos(site, browser)
    assert browser.path == "/document/wait"
    await browser.post("/document/cancel")
    assert browser.path == "/document"
    assert gone in browser.page.text
    await keep_upload(site, browser)
    await browser.get("/document")
    assert gone not in browser.page.text


async def test_a_vendor_that_takes_the_photos_itself(site):
    """The page asks for none: it says what comes, and leads on; without script, too."""
    vendor = put_hosted(site)
    browser = site.browser()
    await browser.get("/")
    assert "show it on the website of a company" in browser.page.text
    await browser.get("/consent")
    assert "takes photos of your ID on its website" in browser.page.text
    await browser.consent()
    assert "You’ll take the photos there, not here" in browser.page.text
    for absent in ('type="file"', "capture.js", "needs-script", "camera=(self)"):
        assert absent not in browser.page.text + str(browser.page.headers)
    await visit(browser)
    assert browser.path == "/document/wait"
    await site.queue.release()
    await browser.get("/document/wait")
    assert f'href="{PAGE}"' in browser.page.text
    await site.queue.release()
    await browser.get("/document/wait")
    assert browser.path == "/ssn"
    (asked, *_), (resumed, *_) = vendor.calls
    assert (asked.images, resumed.images) == ({}, {})
    assert asked.wanted.document_types == {
        DocumentType.DRIVERS_LICENSE,
        DocumentType.DRIVERS_PERMIT,
        DocumentType.STATE_ID_CARD,
    }


async def test_a_selfie_of_the_vendors_own_page_that_does_not_match(site):
    """The page says so, and offers no way without a selfie that ours never asked for."""
    failed = {"outcome": Outcome.FAILED, "applicant": None, "selfie": SelfieCheck.NO_MATCH}
    put_hosted(site, pending(then=Leave(PAGE, PAGE)), replace(READ, **failed))
    browser = site.browser()
    await browser.consent()
    await visit(browser)
    for _ in range(2):
        await site.queue.release()
        await browser.get("/document/wait")
    assert browser.path == "/document/problem"
    assert "couldn’t match the photo of yourself" in browser.page.text
    assert "/selfie" not in browser.page.text


@pytest.mark.parametrize(
    ("no", "title", "retry"),
    [
        (
            replace(READ, document_type=DocumentType.PASSPORT, applicant=standard.PASSPORT),
            "We can’t accept this type of ID",
            "Use another ID",
        ),
        (replace(READ, outcome=Outcome.FAILED), "We couldn’t accept your ID", "Show your ID again"),
    ],
)
async def test_a_visit_that_comes_to_a_no(site, no, title, retry):
    """It blames no photo, and the way back leads to the vendor again."""
    put_hosted(site, pending(then=Leave(PAGE, PAGE)), no)
    browser = site.browser()
    await browser.consent()
    await visit(browser)
    assert "photos" not in browser.page.text
    await site.queue.release()
    await site.queue.release()
    await browser.get("/document/wait")
    assert browser.path == "/document/problem"
    assert f'<h1 tabindex="-1" data-focus>{title}</h1>' in browser.page.text
    assert f'href="/document">{retry}</a>' in browser.page.text
    assert "photo" not in browser.page.text
    session = await session_of(site, browser)
    assert session.data.failed_fingerprints == frozenset()


async def test_the_vendor_becomes_one_with_a_page_of_its_own(site):
    """Photos that were uploaded are deleted, and nothing that the old page sends is taken."""
    browser = site.browser()
    await browser.consent()
    attempt = await keep_upload(site, browser)
    put_hosted(site)
    for path, body in (
        ("/api/uploads", {"attempt": attempt, "side": "back"}),
        ("/api/document", {"attempt": attempt, "images": {}}),
    ):
        answer = await browser.api(path, body)
        assert (answer.status_code, answer.json()["next"]) == (409, "/document")
    assert site.queue.waiting == []
    await browser.get("/document")
    assert "You’ll take the photos there, not here" in browser.page.text
    assert (await session_of(site, browser)).data.uploads == {}


async def test_the_vendor_becomes_one_that_gets_photos(site):
    """The old page's form submits nothing; the page says that it has changed."""
    real = site.runtime.configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"].descriptor
    put_hosted(site)
    browser = site.browser()
    await browser.consent()
    put_back(site, real)
    await visit(browser)
    assert browser.page.status_code == 409
    assert "How you show us your ID has changed" in browser.page.text
    assert 'type="file"' in browser.page.text
    assert site.queue.waiting == []


async def test_photos_of_a_form_for_a_vendor_that_takes_them_itself(start):
    """The same for photos inside the request."""
    async with start(**SYNC) as site:
        browser = site.browser()
        await browser.consent()
        put_hosted(site)
        await browser.post_files("/document", BOTH)
        assert browser.page.status_code == 409
        assert "How you show us your ID has changed" in browser.page.text
        assert (await session_of(site, browser)).data.submissions == {}


def put_back(site, descriptor):
    """Put the mock back into its place."""
    loaded = site.runtime.configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"]
    loaded.descriptor = descriptor
    loaded.__dict__.pop("proofer", None)


async def test_the_job_asks_the_vendor_whom_the_person_was_shown(site):
    """A switch between submit and work changes nothing for this person."""
    vendor = put_hosted(site)
    browser = site.browser()
    await browser.consent()
    await visit(browser)
    # As after an edit of the settings: another vendor is the default now.
    site.service.router.choose = lambda *_: pytest.fail("the vendor was chosen again")
    await site.queue.release()
    assert len(vendor.calls) == 1


async def test_a_passport_book(start):
    """Chosen, one photo of its page is taken, and its zone goes to the issuer."""
    async with start(**SYNC) as site:
        browser = site.browser()
        await browser.consent()
        assert "Use a US passport book" in browser.page.text
        await browser.post("/document/choice", document="passport")
        assert browser.path == "/document"
        assert "the page with your photo" in browser.page.text
        assert 'name="passport"' in browser.page.text
        assert 'name="front"' not in browser.page.text
        await browser.post_files("/document", {"passport": ("", b"")})
        assert 'href="#passport"' in browser.page.text
        issuer = site.service.router.named(ProoferKind.PASSPORT, "mock")
        asked = []
        real = issuer.proofer.proof

        async def proof(request, context):
            asked.append(request.applicant.mrz)
            return await real(request, context)

        issuer.proofer.proof = proof
        await browser.post_files("/document", BOOK)
        assert browser.path == "/ssn"
    assert asked == [standard.PASSPORT.mrz]


@pytest.mark.parametrize(
    ("choice", "form"),
    [
        ("id_card", {"document_type_received": "passport", "mrz": "P<USADOE<<JANE<<<"}),
        ("passport_card", {"document_type_received": "drivers_license"}),
    ],
)
async def test_another_document_than_the_chosen_one(start, choice, form):
    """It is refused, with what is accepted in words."""
    text = json.dumps({"document": form}).encode()
    async with start(**SYNC) as site:
        browser = site.browser()
        await browser.consent()
        if choice != "id_card":
            await browser.post("/document/choice", document=choice)
        await browser.post_files(
            "/document", {"front": ("a.yml", text), "back": ("b.yml", text + b" # back")}
        )
        assert browser.path == "/document/problem"
        assert "this type of ID" in browser.page.text
        assert "a US passport book, or a US passport card" in browser.page.text


@pytest.mark.parametrize(
    ("types", "words", "others"),
    [
        ('["drivers_license"]', "Use a driver’s license. We need both sides.", []),
        ('["state_id_card", "drivers_license"]', "Use a driver’s license or a state ID card.", []),
        ('["passport"]', "Use a US passport book. We need the page with your photo.", []),
        ('["drivers_license", "passport"]', "Use a driver’s license.", ["Use a US passport book"]),
    ],
)
async def test_texts_follow_what_is_accepted(start, types, words, others):
    """Welcome page and capture page name what the setting accepts, and nothing else."""
    async with start(**SYNC, document_types=types) as site:
        browser = site.browser()
        await browser.get("/")
        named = {"state ID card": "state_id_card", "US passport book": "passport"}
        for name, kind in named.items():
            assert (name in browser.page.text) is (kind in types)
        await browser.consent()
        assert words in browser.page.text
        for other in ("Use a US passport book<", "Use a US passport card<"):
            assert (other in browser.page.text) is (other[:-1] in others)


async def test_a_choice_that_is_not_there_changes_nothing(start):
    """As when the settings have changed."""
    async with start(**SYNC, document_types='["drivers_license"]') as site:
        browser = site.browser()
        await browser.consent()
        for choice in ("passport", "nonsense", ""):
            await browser.post("/document/choice", document=choice)
            assert browser.page.status_code == 409
        assert (await session_of(site, browser)).data.document_choice is None


async def test_a_change_of_the_document_deletes_photos_of_the_other(site):
    """Its slots are released, and the old page can use none."""
    browser = site.browser()
    await browser.consent()
    attempt = await keep_upload(site, browser)
    await browser.post("/document/choice", document="passport")
    session = await session_of(site, browser)
    assert (session.data.uploads, session.data.document_choice) == ({}, "passport")
    answer = await browser.api("/api/uploads", {"attempt": attempt, "side": "front"})
    assert (answer.status_code, answer.json()["next"]) == (409, "/document")
    assert session.data.submissions.get(JobKind.DOCUMENT) is None
    assert site.service.document_plan(session.person, session.data.document_choice).sides == (Side.PASSPORT,)
