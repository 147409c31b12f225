"""Photograph every page of the product at a phone's width, for docs/reference/screens.md.

    python scripts/screenshots.py

Starts the product with the mock vendor, goes through it in Chromium by the helpers of the browser tests
(tests/end_to_end/conftest.py), and writes docs/screenshots/NAME.webp and the page. Photos are drawn,
people are those of the mock vendor. Needs the environment of `make test`.
"""

import asyncio
import importlib.util
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import Browser, Page, async_playwright, expect

from proofing.sessions.steps import STEPS, Step, pages_after
from proofing.testing.processes import free_port
from proofing_devtools.agency import Agency, settings_for
from proofing_devtools.capture_screens import continue_on_a_phone, take_photos
from proofing_devtools.link_screens import POLICIES, PeopleSent, fill_in
from proofing_devtools.product import FROM_ONE_ADDRESS, Product

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
PAGE = ROOT / "docs" / "reference" / "screens.md"
_WIDTH, _HEIGHT = 390, 844
_COMPUTER_WIDTH = 900
_COLORS = 20
#: The mock vendor's answers come with a name, a phone number or a document (docs/vendors/mock.md).
_BAD_NAME = "document: {first_name: Bad}"
_BLURRED = "document: {}\nimage_metrics: {front: {SharpnessMetric: 10}}"
_UNREADABLE_BARCODE = "document: {}\nfailed_alerts: [{name: 2D Barcode Read, result: Attention}]"
_REVIEW = "document: {}\ntransaction_status: review"
_TOO_DARK = "portrait_match_results: {FaceMatchResult: Fail, FaceErrorMessage: TooDark}"
_OTHER_WAY = "Bring your ID to any of our offices. You don’t need an appointment."
_FAILING_PHONE = "703-555-5555"
_OPTED_OUT_PHONE = "703-555-0181"
#: The page shows the code.
_CONFIRMS = {"messenger_vendor": "mock"}


def _screens() -> Iterator[tuple[str, str, str]]:
    """Yield name, path and title of what shows the steps."""
    for step in STEPS:
        yield _name(step.page), step.page.value, step.title
        if step.submits:
            for page, what in ((step.wait_page, "the check is running"), (step.problem_page, "a problem")):
                yield _name(page), page.value, f"{step.title}: {what}"


def _name(path: str) -> str:
    """Return the name of the image of the page at *path*."""
    return path.strip("/").replace("/", "-")


#: Name of the image, path of the page, and what it shows, in the order of the flow.
SCREENS = (
    ("welcome", "/", "Welcome"),
    ("language", "/", "The languages of the pages"),
    *_screens(),
    (
        "document-camera",
        "/document",
        "The camera; once the card fills the frame, it takes the photo",
    ),
    ("document-hint", "/document", "Advice about a photo, which the person may use"),
    ("document-ready", "/document", "Both photos uploaded"),
    ("document-french", "/document", "Photos, in French"),
    ("handoff-offer", "/document", "Photos, on a computer, which offers to take them with a phone"),
    ("handoff-code", "/document/handoff", "Hand-off: the computer shows the link"),
    ("handoff-link", "/handoff/TOKEN", "Hand-off: the phone has scanned it"),
    ("handoff-phone-number", "/handoff", "Hand-off: the phone shows a number"),
    ("handoff-computer-number", "/document/handoff", "Hand-off: the computer asks for that number"),
    ("handoff-waiting", "/document/handoff", "Hand-off: the computer waits for the photos"),
    ("handoff-photos", "/handoff", "Hand-off: the phone takes the photos"),
    ("handoff-sent", "/handoff", "Hand-off: the phone is done"),
    ("code-sent", "/code", "The code was sent; a test system shows it"),
    ("selfie-other-way", "/selfie", "The other way, for a person who takes no photo of themselves"),
    ("document-selfie", "/document", "Photos, with one of the person"),
    ("document-selfie-problem", "/document/problem", "A photo of the person that can't be used"),
    ("document-passport", "/document", "The page of a passport book"),
    ("document-visit", "/document", "The vendor takes the photos on a page of its own"),
    ("document-review", "/document/problem", "A person has to review the ID"),
    ("wait-late", "/document/wait", "Waiting, after `async_wait_timeout_seconds`"),
    ("wait-pending", "/document/wait", "Waiting after that time for a vendor that answers later"),
    ("wait-away", "/document/wait", "A step at a vendor, on its own page"),
    ("returned", "/return/ID", "Back from there, on another device"),
    ("limit", "/limit/NAME", "A limit is reached"),
    ("done", "/done", "Verified"),
    ("start-branded", "/start/TOKEN", "A link of a policy with a name and a color of its own"),
    ("identity-problem", "/identity", "Name and date of birth: what is wrong is said at its field"),
    ("outcome-verified", "/outcome", "Verified for a relying party, with the way back"),
    ("outcome-failed", "/outcome", "Not verified, and no attempt is left"),
    ("link-used", "/start/TOKEN", "A link that was used"),
    ("link-needed", "/", "Nobody may begin without a link"),
    ("session-warning", "/ssn", "Two minutes before the session ends"),
    ("session-ended", "/session-ended", "The session has ended"),
    ("exited", "/exited", "The person has left"),
    ("cookies-needed", "/cookies-needed", "The browser does not accept cookies"),
    ("not-found", "/nothing", "No such page"),
    ("switched-off", "/", "Switched off by `idv_available`"),
)


#: Nobody is asked: only the pages before that are shown.
_DDP = {
    "api_key": "made-up",
    "base_url": "https://ddp.example.com",
    "org_id": "made-up",
    "threat_metrix_policy": "made-up",
}


def main() -> int:
    """Take every image, write the page, and report how large they are."""
    FOLDER.mkdir(exist_ok=True)
    taken = asyncio.run(_take_all())
    if missing := {name for name, _path, _caption in SCREENS} - taken.keys():
        print(f"Not seen: {', '.join(sorted(missing))}.", file=sys.stderr)
        return 1
    for name, image in taken.items():
        (FOLDER / f"{name}.webp").write_bytes(image)
    PAGE.write_text(render())
    print(f"{len(taken)} images, {sum(map(len, taken.values())) / 1000:.0f} kB")
    return 0


def render() -> str:
    """Return the page that shows the images."""
    head = """\
# Screens

<!-- Made by scripts/screenshots.py, with the images; edit that. -->

Every page at the width of a phone, but for those of a computer that hands its photos to one, with the mock
vendor and its made-up person. What each does: [pages](pages.md).
`python scripts/screenshots.py` takes them again, in the environment of `make test`.
"""
    rows = (
        f"\n## {caption}\n\n`{path}`\n\n![{caption}](../screenshots/{name}.webp)\n"
        for name, path, caption in SCREENS
    )
    return head + "".join(rows)


class Camera:
    """Takes the images of one browser context, by name."""

    def __init__(self, taken: dict[str, bytes]) -> None:
        """Keep what is taken in *taken*."""
        self._taken = taken

    async def take(self, page: Page, name: str, *, full_page: bool = True) -> None:
        """Take what the page shows, from top to bottom or only what is on the screen."""
        await page.wait_for_load_state()
        image = Image.open(io.BytesIO(await page.screenshot(full_page=full_page, animations="disabled")))
        file = io.BytesIO()
        palette = image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
        palette.convert("RGB").save(file, "WEBP", lossless=True, quality=100, method=6)
        self._taken[name] = file.getvalue()


async def _take_all() -> dict[str, bytes]:
    """Return the images by name."""
    tests, helpers = _load("tests/conftest.py"), _load("tests/end_to_end/conftest.py")
    taken: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=tests.find_chromium(),
                args=tests.CHROMIUM_FLAGS,
                chromium_sandbox=os.geteuid() != 0,
            )
            person = _Persons(browser, helpers, Camera(taken))
            with Product(
                Path(folder) / "usual", {**FROM_ONE_ADDRESS, **_CONFIRMS, "proof_address_max_attempts": 2}
            ) as one:
                await person.passes(one.url)
                await person.takes_photos(one.url)
                await person.fails(one.url)
                await person.waits_too_long_without_moving(one.url)
            asking = {"selfie": "required", "selfie_other_way": _OTHER_WAY, "support_phone": "202-555-0143"}
            with Product(Path(folder) / "asking", {**FROM_ONE_ADDRESS, **asking}) as one:
                await person.is_asked_for_a_selfie(one.url)
            slow = {"mock": {"latency_seconds": 4}}
            with Product(Path(folder) / "slow", {**FROM_ONE_ADDRESS, **_CONFIRMS, **slow}) as one:
                await person.waits(one.url)
            bounds = {"async_wait_timeout_seconds": 3, "job_deadline_seconds": 2}
            (late := Path(folder) / "late").mkdir()
            without_worker = helpers.Installation(late, **bounds)
            try:
                without_worker.run("migrate")
                without_worker.start_web()
                await person.waits_in_vain(without_worker.url)
            finally:
                without_worker.stop()
            polled = {"document_vendor": "mock:polling", "mock": {"polling_seconds": 3600}}
            with Product(Path(folder) / "polled", {**FROM_ONE_ADDRESS, **bounds, **polled}) as one:
                await person.waits_for_a_later_answer(one.url)
            hosted = {
                "document_vendor": "mock:hosted",
                "mock": {"hosted_url": f"http://127.0.0.1:{free_port()}"},
            }
            with Product(Path(folder) / "hosted", {**FROM_ONE_ADDRESS, **hosted}) as one:
                await person.is_sent_to_a_vendor(one.url)
            profiled = {
                "device_vendor": "lexisnexis:threat_metrix",
                "lexisnexis": {"ddp": _DDP},
                "plugins": ["huey", "lexisnexis", "local", "mock"],
            }
            with Product(Path(folder) / "profiled", {**FROM_ONE_ADDRESS, **profiled}) as one:
                await person.is_asked_for_more(one.url)
            party = settings_for(**POLICIES)
            alone = {"start_without_relying_party": False}
            with Product(Path(folder) / "party", {**FROM_ONE_ADDRESS, **_CONFIRMS, **party, **alone}) as one:
                agency = Agency(settings_file=one.settings_file, environment=one.environment, url=one.url)
                await person.comes_by_a_link(agency)
            off = {"idv_available": False}
            with Product(Path(folder) / "off", {**FROM_ONE_ADDRESS, **off}) as one:
                await person.finds_it_switched_off(one.url)
            await browser.close()
    return taken


class _Persons:
    """People who go through the product, each with a browser context of their own."""

    def __init__(self, browser: Browser, helpers: Any, camera: Camera) -> None:
        """Use the browser and the helpers of the tests."""
        self._browser, self._helpers, self._camera = browser, helpers, camera

    async def passes(self, url: str) -> None:
        """Go through every step with its sample, looking at each page."""
        person = await self._person()
        page, take = person.page, self._camera.take
        await page.goto(url)
        await take(page, "welcome")
        for step in STEPS:
            if not step.may_return or step.page in {"/email", "/identity", "/selfie"}:
                continue  # Only some people come to it, and have their own visits below.
            if urlsplit(page.url).path != step.page:
                await page.goto(f"{url}{step.page}")
            await take(page, _name(step.page))
            if step.page == "/code":
                await person.get_code()
                await take(page, "code-sent")
                await person.return_code()
                continue
            if step.is_optional:
                continue
            if step.page == "/document":
                await person.give_photos()
                await take(page, "document-ready")
                await person.submit_photos()
            else:
                await fill_in(page, step)
            await page.wait_for_url(lambda at, step=step: urlsplit(at).path in _next_pages(step))
        await person.heading("You’re verified")
        await take(page, "done")
        for name in ("session-ended", "cookies-needed", "not-found"):
            path = next(path for known, path, _caption in SCREENS if known == name)
            await page.goto(f"{url}{path}")
            await take(page, name)

    async def takes_photos(self, url: str) -> None:
        """Choose a language, film a card, and get advice; then have a phone take the photos of a computer."""
        await take_photos(await self._person(), url, self._camera.take, card=_draw_card("front"))
        computer, phone = await self._person(width=_COMPUTER_WIDTH), await self._person()
        await continue_on_a_phone(computer, phone, url, self._camera.take)

    async def is_asked_for_a_selfie(self, url: str) -> None:
        """Decline, agree, and give one that cannot be used."""
        person = await self._person()
        page, take = person.page, self._camera.take
        await person.consent(url, "A photo of yourself")
        await take(page, "selfie")
        await page.get_by_role("button", name="Show me another way").click()
        await person.heading("Another way to verify your identity")
        await take(page, "selfie-other-way")
        await page.goto(f"{url}/selfie?again")
        await page.get_by_label("I agree").check()
        await page.get_by_role("button", name="Agree and continue").click()
        await person.heading("Add photos of your ID")
        await take(page, "document-selfie")
        await person.give_photos()
        await person.give("selfie", _TOO_DARK.encode(), "selfie.yaml")
        await person.ready("selfie")
        await person.submit_photos()
        await person.heading("We couldn’t use the photo of yourself")
        await take(page, "document-selfie-problem")

    async def fails(self, url: str) -> None:
        """Fail at each step, and leave."""
        person = await self._person()
        page, take = person.page, self._camera.take
        await person.consent(url)
        await person.give_form(_BLURRED)
        await person.submit_photos()
        await person.heading("We couldn’t accept your photos")
        await take(page, "document-problem")
        await page.goto(f"{url}/document")
        await person.give_form(_REVIEW)
        await person.submit_photos()
        await person.heading("Someone needs to review your ID")
        await take(page, "document-review")
        await page.goto(f"{url}/document")
        await person.give_form(_UNREADABLE_BARCODE)
        await person.submit_photos()
        await person.heading("Is this correct?")
        await take(page, "document-confirm")
        person = await self._person()
        page = person.page
        await person.consent(url)
        await person.give_form(_BAD_NAME)
        await person.submit_photos()
        await person.give_ssn("900-66-4321")
        await person.submit_information()
        await person.heading("We couldn’t verify your information")
        await take(page, "verify-problem")
        await page.get_by_text("Cancel and exit").click()
        await page.get_by_role("button", name="Delete my information and exit").click()
        await person.heading("You’ve left the identity check")
        await take(page, "exited")
        person = await self._person()
        page = person.page
        await self._reach_phone(person, url, "900-66-5678")
        await person.give_phone(_FAILING_PHONE)
        await person.heading("We couldn’t match this number to you")
        await take(page, "phone-problem")
        await page.goto(f"{url}/phone")
        await person.give_phone(_FAILING_PHONE)
        # One that has failed must be sent twice to be tried twice.
        await page.locator("#phone-error").wait_for()
        await person.give_phone(_FAILING_PHONE)
        await page.wait_for_url("**/limit/**")
        await take(page, "limit")
        person = await self._person()
        await self._reach_phone(person, url, "900-66-6789")
        await person.give_phone(_OPTED_OUT_PHONE)
        await person.get_code()
        await person.heading("This number doesn’t accept our text messages")
        await take(person.page, "code-problem")

    async def _reach_phone(self, person: Any, url: str, ssn: str) -> None:
        """Go to the phone number."""
        await person.consent(url)
        await person.give_photos()
        await person.submit_photos()
        await person.give_ssn(ssn)
        await person.submit_information()
        await person.heading("Enter your phone number")

    async def waits_too_long_without_moving(self, url: str) -> None:
        """Leave a page alone until the session is about to end; the browser's clock is set forward."""
        person = await self._person()
        left = {"idle_seconds": 119}
        await person.page.route("**/api/session", lambda route: route.fulfill(json=left))
        await person.page.clock.install()
        await person.consent(url)
        await person.give_photos()
        await person.submit_photos()
        await person.heading("Enter your Social Security number")
        await person.later("13:01")
        await expect(person.page.locator("#session-warning")).to_be_visible()
        await self._camera.take(person.page, "session-warning")

    async def waits(self, url: str) -> None:
        """Wait for every kind of job."""
        person = await self._person()
        page, take = person.page, self._camera.take
        await person.consent(url)
        await person.give_photos()
        await person.submit_photos()
        await person.heading("We’re checking your ID")
        await take(page, "document-wait")
        await person.heading("Enter your Social Security number")
        await person.give_ssn("900-66-8765")
        await person.submit_information()
        await person.heading("We’re checking your information")
        await take(page, "verify-wait")
        await person.heading("Enter your phone number")
        await person.give_phone()
        await person.heading("We’re checking your phone number")
        await take(page, "phone-wait")
        await person.get_code()
        await person.heading("We’re sending your code")
        await take(page, "code-wait")

    async def waits_in_vain(self, url: str) -> None:
        """Wait where no worker runs."""
        person = await self._person()
        await person.consent(url)
        await person.give_photos()
        await person.submit_photos()
        await person.heading("This is taking longer than usual")
        await self._camera.take(person.page, "wait-late")

    async def waits_for_a_later_answer(self, url: str) -> None:
        """Wait where the vendor needs an hour."""
        person = await self._person()
        await person.consent(url)
        await person.give_photos()
        await person.submit_photos()
        await person.heading("This check needs more time")
        await self._camera.take(person.page, "wait-pending")

    async def is_sent_to_a_vendor(self, url: str) -> None:
        """Have a step at a vendor, and take it on another device."""
        person, phone = await self._person(), await self._person()
        await person.consent(url, to="Show your ID")
        await self._camera.take(person.page, "document-visit")
        await person.submit_visit()
        await person.heading("One more step on another website")
        await self._camera.take(person.page, "wait-away")
        await phone.page.goto(await person.page.locator("#visit").get_attribute("href"))
        await phone.page.get_by_role("button", name="Continue").click()
        await phone.heading("You’re done here")
        await self._camera.take(phone.page, "returned")

    async def is_asked_for_more(self, url: str) -> None:
        """Have a vendor that requires an email address, and a passport book."""
        person = await self._person()
        await person.consent(url, to="Enter your email address")
        await self._camera.take(person.page, "email")
        await person.page.get_by_label("Email address").fill("fakey@example.com")
        await person.page.get_by_role("button", name="Continue").click()
        await person.page.get_by_text("Use another kind of ID").click()
        await person.page.get_by_role("button", name="Use a US passport book").click()
        await person.page.locator("#passport").wait_for(state="attached")
        await self._camera.take(person.page, "document-passport")

    async def comes_by_a_link(self, agency: Agency) -> None:
        """Come by links of a relying party."""
        people = PeopleSent(agency, self._camera.take)
        await people.verified(await self._person())
        await people.failed(await self._person(), _FAILING_PHONE)

    async def finds_it_switched_off(self, url: str) -> None:
        """Come while an operator has switched it off."""
        person = await self._person()
        await person.page.goto(url)
        await person.heading("The identity check isn’t available")
        await self._camera.take(person.page, "switched-off")

    async def _person(self, *, width: int = _WIDTH) -> Any:
        """Return a person with cookies of their own."""
        context = await self._browser.new_context(
            viewport={"width": width, "height": _HEIGHT}, device_scale_factor=1.5, locale="en-US"
        )
        page = await context.new_page()
        # Somebody who waits sees the same text every time; only a page that fails takes this long.
        page.set_default_timeout(60_000)
        return self._helpers.Person(page, {side: _draw_card(side) for side in ("front", "back")})


def _next_pages(step: Step) -> list[str]:
    """Return where *step* leads its person here: with codes no flow ends with the phone number."""
    pages = [page.value for page in pages_after(step)]
    return [page for page in pages if page == "/code"] or pages[-1:]


def _draw_card(side: str) -> bytes:
    """Return the drawing of a card that nobody would take for a document."""
    card = Image.new("RGB", (900, 600), "#6b7480")
    draw = ImageDraw.Draw(card)
    draw.rounded_rectangle((60, 60, 840, 540), 30, fill="#e8f0f7", outline="#1d4f9c", width=6)
    draw.text((110, 100), "SPECIMEN", fill="#1d4f9c", font=ImageFont.load_default(90))
    draw.text((110, 220), side, fill="#1b1b1b", font=ImageFont.load_default(60))
    if side == "front":
        draw.rectangle((110, 320, 290, 500), fill="#b9c7d6")
    for top in range(330, 500, 40):
        draw.rectangle((330, top, 780, top + 12), fill="#b9c7d6")
    file = io.BytesIO()
    # As many pixels as the page asks for.
    card.resize((1350, 900), Image.Resampling.LANCZOS).save(file, "JPEG", quality=92)
    return file.getvalue()


def _load(path: str) -> Any:
    """Return a module of the tests, which are no package."""
    spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), ROOT / path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
