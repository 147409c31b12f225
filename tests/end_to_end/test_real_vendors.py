"""The whole flow with real vendors' adapters: over real HTTP, by a proxy, against `proofing sandbox`."""

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from proofing.testing.waiting import eventually
from proofing_devtools.product import NO_AUTHORITIES

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

AWAY = "One more step on another website"
SSN = "Enter your Social Security number"
TECHNICAL = "Something went wrong on our end"
#: Document vendor to what it is asked about one person.
UPLOADED = {"lexisnexis:true_id": ["lexisnexis:true_id"], "aws_identity": ["aws_identity:analyze_id"]}
HOSTED = {
    "socure:docv": ["socure:docv_request", "socure:docv"],
    "stripe": ["stripe:create", "stripe:fetch"],
}
#: Hosted vendor to the name of its page and the button that passes.
PAGES = {"socure:docv": ("Socure sandbox", "Accept"), "stripe": ("Stripe sandbox", "Pass")}
RESOLUTION = ["lexisnexis:threat_metrix", "lexisnexis:instant_verify", "aamva:state_id"]
PHONE = ["lexisnexis:phone_finder"]


@pytest.fixture(scope="session")
def running():
    """Document vendor to its installation, once it was needed."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def site_of(install_sandboxed, running):
    """Return a finder of the installation with a document vendor; its vendors are as at the start."""

    async def find(document_vendor):
        if document_vendor not in running:
            # AWS reads a document, and authenticates none.
            requires = "read" if document_vendor == "aws_identity" else "authenticated"
            running[document_vendor] = await install_sandboxed(
                document_vendor, document_requires=requires, proof_ssn_max_attempts=1000
            )
        await running[document_vendor].vendors.reset()
        return running[document_vendor]

    return find


@pytest_asyncio.fixture(loop_scope="session")
async def site(site_of):
    """The installation that most tests use."""
    return await site_of("lexisnexis:true_id")


async def give_email(person, site):
    """Come to the page of the document; ThreatMetrix cannot do without an email address."""
    await person.consent(site.url, to="Enter your email address")
    await person.page.get_by_label("Email address").fill("ada@example.org")
    await person.page.get_by_role("button", name="Continue").click()
    is_hosted = site.document_vendor in HOSTED
    await person.heading("Show your ID" if is_hosted else "Add photos of your ID")


async def give_document(person, site, choice=None, kind=None):
    """Have the document proofed; *choice* is the button that is pressed at a hosted vendor.

    *kind* is what the person chooses in place of a license.
    """
    await give_email(person, site)
    if kind is not None:
        await person.page.get_by_text("Use another kind of ID").click()
        await person.page.get_by_role("button", name=kind).click()
    await show_document(person, site)
    if choice is not None:
        await visit(person, choice)


async def show_document(person, site):
    """Submit photos, or agree to visit the vendor that takes them."""
    if site.document_vendor in HOSTED:
        await person.submit_visit()
    else:
        await person.give_photos()
        await person.submit_photos()


async def visit(person, choice):
    """Go to the vendor's page, and press a button there."""
    await person.heading(AWAY)
    await person.page.locator("#visit").click()
    await person.page.get_by_role("button", name=choice, exact=True).click()


async def to_summary(person, site, ssn="900-66-1234"):
    """Come to the page before resolution."""
    await give_document(person, site)
    await person.heading(SSN)
    await person.give_ssn(ssn)


async def to_phone(person, site):
    """Come to the page before the phone is checked."""
    await to_summary(person, site)
    await person.submit_information()
    await person.heading("Enter your phone number")


async def asked(site, *names):
    """Assert that these were asked and nobody else, all of it through the proxy.

    Whether a call needs a token of AAMVA depends on the calls before.
    """
    assert set(await site.vendors.calls()) - {"aamva:authentication"} == set(names)


@pytest.mark.parametrize("document_vendor", UPLOADED)
async def test_pass(site_of, person, document_vendor):
    """From welcome to done."""
    site = await site_of(document_vendor)
    await give_document(person, site)
    await person.heading(SSN)
    await person.finish()
    await asked(site, *UPLOADED[document_vendor], *RESOLUTION, *PHONE)


@pytest.mark.parametrize("document_vendor", HOSTED)
async def test_pass_on_the_pages_of_a_vendor(site_of, person, document_vendor):
    """Out, back, and a webhook for each event, which the product takes."""
    site = await site_of(document_vendor)
    name, choice = PAGES[document_vendor]
    await give_document(person, site)
    await person.heading(AWAY)
    await person.page.locator("#visit").click()
    await person.heading(name)
    await person.page.get_by_role("button", name=choice, exact=True).click()
    await person.heading(SSN)
    await person.finish()
    await asked(site, *HOSTED[document_vendor], *RESOLUTION, *PHONE)
    sent = (await site.vendors.facts())["sent"]
    assert sent
    assert {path for path, _ in sent} == {f"/webhooks/{document_vendor.partition(':')[0]}"}
    assert {status for _, statuses in sent for status in statuses} == {200}


async def test_a_webhook_alone_brings_the_result(site_of, person):
    """Somebody is done on the vendor's page and does not come back; the page that waits continues."""
    site = await site_of("stripe")
    await give_document(person, site)
    await person.heading(AWAY)
    url = await person.page.locator("#visit").get_attribute("href")
    async with httpx.AsyncClient(verify=NO_AUTHORITIES, trust_env=False) as elsewhere:
        assert (await elsewhere.post(url, data={"choice": "verified"})).status_code == 303
    await person.heading(SSN)


@pytest.mark.parametrize(
    ("document_vendor", "choice", "heading"),
    [
        ("lexisnexis:true_id", None, "We couldn’t accept your photos"),
        ("aws_identity", None, "We couldn’t accept your photos"),
        ("socure:docv", "Reject: the ID has expired", "We couldn’t accept your ID"),
        ("socure:docv", "Send to review", "Someone needs to review your ID"),
        ("stripe", "Fail: the ID has expired", "We couldn’t accept your ID"),
        ("stripe", "Fail: the selfie does not match", "We couldn’t match the photo of yourself to your ID"),
    ],
)
async def test_a_document_fails(site_of, person, document_vendor, choice, heading):
    """The vendor's no is a no, and nobody else is asked."""
    site = await site_of(document_vendor)
    if choice is None:
        await site.vendors.choose(UPLOADED[document_vendor][0], verdict="failed")
    await give_document(person, site, choice)
    await person.heading(heading)
    await asked(site, *(UPLOADED | HOSTED)[document_vendor])


@pytest.mark.parametrize("document_vendor", [*UPLOADED, *HOSTED])
async def test_a_document_vendor_is_down(site_of, person, document_vendor):
    """The page says so, no attempt is lost, and the person passes when the vendor is back."""
    site = await site_of(document_vendor)
    product = (UPLOADED | HOSTED)[document_vendor][0]
    await site.vendors.choose(product, fault="error_503")
    await give_document(person, site)
    await person.heading(TECHNICAL)
    await expect(person.page.get_by_text("This didn’t count as an attempt")).to_be_visible()
    await asked(site, product)
    await site.vendors.reset()
    await person.page.get_by_role("link", name="Try again").click()
    await show_document(person, site)
    if document_vendor in PAGES:
        await visit(person, PAGES[document_vendor][1])
    await person.heading(SSN)


@pytest.mark.parametrize("document_vendor", [*UPLOADED, *HOSTED])
async def test_a_document_vendor_is_slow(site_of, person, document_vendor):
    """The page waits, says so, and continues."""
    site = await site_of(document_vendor)
    products = (UPLOADED | HOSTED)[document_vendor]
    for product in products:
        await site.vendors.choose(product, latency_seconds=3)
    await give_document(person, site)
    await person.heading("We’re checking your ID")
    if document_vendor in PAGES:
        await visit(person, PAGES[document_vendor][1])
    await person.heading(SSN)
    await asked(site, *products)


async def give_book(person, site):
    """Have a passport book proofed."""
    await give_email(person, site)
    await person.page.get_by_text("Use another kind of ID").click()
    await person.page.get_by_role("button", name="Use a US passport book").click()
    await person.give("passport", person.photos["front"])
    await person.ready("passport")
    await person.submit_photos()


async def test_a_passport_book(site, person):
    """From welcome to done: its issuer is asked, the person types an address, and no licensing agency is."""
    await give_book(person, site)
    await person.heading(SSN)
    await person.page.get_by_label("Social Security number").fill("900-66-1234")
    await person.page.get_by_role("button", name="Continue").click()
    await person.heading("Your home address")
    for label, text in (("Street address", "9 Elm St"), ("City", "Troy"), ("ZIP code", "48084")):
        await person.page.get_by_label(label).fill(text)
    await person.page.get_by_label("State or territory").select_option("MI")
    await person.page.get_by_role("button", name="Save address").click()
    await person.heading("Check your information")
    await person.submit_information()
    await person.heading("Enter your phone number")
    await person.give_phone()
    await person.heading("You’re verified")
    asked_of = [one for one in RESOLUTION if one != "aamva:state_id"]
    await asked(site, "lexisnexis:true_id", "dos:passport", *asked_of, *PHONE)


@pytest.mark.parametrize(
    ("behavior", "heading", "text"),
    [
        ({"verdict": "failed"}, "We couldn’t accept your photos", "couldn’t confirm this passport"),
        ({"fault": "error_503"}, TECHNICAL, "This didn’t count as an attempt"),
        ({"verdict": "source_timeout"}, TECHNICAL, "This didn’t count as an attempt"),
    ],
)
async def test_a_passport_book_is_not_confirmed(site, person, behavior, heading, text):
    """Its issuer says no, or nothing: no attempt is lost then, and the person passes when it is back."""
    await site.vendors.choose("dos:passport", **behavior)
    await give_book(person, site)
    await person.heading(heading)
    await expect(person.page.locator("main")).to_contain_text(text)
    await asked(site, "lexisnexis:true_id", "dos:passport")
    if heading == TECHNICAL:
        await site.vendors.reset()
        await person.page.get_by_role("link", name="Try again").click()
        await person.give("passport", person.photos["front"])
        await person.ready("passport")
        await person.submit_photos()
        await person.heading(SSN)


async def test_a_passport_card(site_of, person):
    """The issuer is asked about it; who has one types an address and has no license to check."""
    site = await site_of("socure:docv")
    await give_document(person, site, "Accept, and it is a passport card", "Use a US passport card")
    await person.heading(SSN)
    await person.page.get_by_label("Social Security number").fill("900-66-1234")
    await person.page.get_by_role("button", name="Continue").click()
    await person.heading("Your home address")
    await asked(site, *HOSTED["socure:docv"], "dos:passport")


@pytest.mark.parametrize(
    ("behavior", "heading"),
    [({"verdict": "failed"}, "We couldn’t accept your ID"), ({"fault": "error_503"}, TECHNICAL)],
)
async def test_a_passport_card_is_not_confirmed(site_of, person, behavior, heading):
    """Its issuer says no, or nothing."""
    site = await site_of("socure:docv")
    await site.vendors.choose("dos:passport", **behavior)
    await give_document(person, site, "Accept, and it is a passport card", "Use a US passport card")
    await person.heading(heading)
    await asked(site, *HOSTED["socure:docv"], "dos:passport")


async def test_resolution_fails(site, person):
    """No agency is asked about a person whose SSN is another one."""
    await to_summary(person, site, "123-45-6789")
    await person.submit_information()
    await person.heading("We couldn’t verify your information")
    await asked(site, "lexisnexis:true_id", *RESOLUTION[:2])


@pytest.mark.parametrize(
    ("product", "behavior", "heading"),
    [
        ("aamva:state_id", {"verdict": "failed"}, "We couldn’t verify your information"),
        ("aamva:state_id", {"verdict": "source_timeout"}, "We couldn’t reach your state’s licensing agency"),
        ("aamva:state_id", {"fault": "error_503"}, TECHNICAL),
        ("lexisnexis:instant_verify", {"fault": "error_503"}, TECHNICAL),
        ("lexisnexis:instant_verify", {"fault": "hang"}, TECHNICAL),
        ("lexisnexis:threat_metrix", {"fault": "error_503"}, "We couldn’t finish the check"),
    ],
)
async def test_resolution_does_not_pass(site, person, product, behavior, heading):
    """By each vendor that takes part."""
    await to_summary(person, site)
    await site.vendors.choose(product, **behavior)
    await person.submit_information()
    await person.heading(heading)
    await site.vendors.calls()
    if "fault" in behavior:
        await expect(person.page.get_by_text("This didn’t count as an attempt")).to_be_visible()
        await site.vendors.reset()
        await person.page.goto(f"{site.url}/verify")
        await person.submit_information()
        await person.heading("Enter your phone number")


async def test_slow_vendors_of_resolution(site, person):
    """Within their time."""
    await to_summary(person, site)
    await site.vendors.choose("*", latency_seconds=0.8)
    await person.submit_information()
    await person.heading("We’re checking your information")
    await person.heading("Enter your phone number")
    await asked(site, "lexisnexis:true_id", *RESOLUTION)


@pytest.mark.parametrize(
    ("number", "heading"),
    [
        ("703-555-5555", "We couldn’t match this number to you"),
        ("703-555-5888", "Checking your number took too long"),
        ("703-555-5999", TECHNICAL),
    ],
)
async def test_a_phone_does_not_pass(site, person, number, heading):
    """Each vendor is asked in its turn."""
    await to_phone(person, site)
    await person.give_phone(number)
    await person.heading(heading)
    await asked(site, "lexisnexis:true_id", *RESOLUTION, *PHONE, "twilio:lookup")


async def test_another_phone_vendor_answers(site, person):
    """Where the first one is down."""
    await to_phone(person, site)
    await site.vendors.choose("lexisnexis:phone_finder", fault="error_503")
    await person.give_phone()
    await person.heading("You’re verified")
    await asked(site, "lexisnexis:true_id", *RESOLUTION, *PHONE, "twilio:lookup")


async def test_the_browser_was_profiled(site, person):
    """The device vendor's script ran in the page, and its session is the one that was asked about."""
    await to_summary(person, site)
    tags = [one.path for one in site.vendors.front.carried if one.path.startswith("/fp/tags.js?")]
    assert tags
    await person.submit_information()
    await person.heading("Enter your phone number")
    answers = [line for line in site.lines("outbound_call") if line["service"] == "lexisnexis:threat_metrix"]
    assert answers[-1]["status"] == 200
    await eventually(lambda: site.lines("perform")[-1]["job_class"] == "ProofResolution")
    assert "device_profiling_result_pass" in site.lines("perform")[-1]["reasons"]
