"""Every kind of page in every language, in Chromium at 320 pixels: nothing is cut, nothing scrolls sideways.

Two languages are made up: one has texts 40 percent longer than English, one is read from right to left.
"""

import asyncio
import contextlib
import re
import socket
from pathlib import Path

import pytest
import uvicorn

import proofing_server
from proofing_devtools.page_structure import OVERFLOWING, SMALL_TARGETS
from proofing_devtools.pseudo_languages import make_texts_folder
from proofing_server.texts import languages, load_texts

IN_CHROMIUM = pytest.mark.asyncio(loop_scope="session")
PHONE = {"width": 320, "height": 640}
PHOTOS_POSTED = {"doc_auth_enable_presigned_s3_urls": "false"}
INLINE = {**PHOTOS_POSTED, "ruby_workers_idv_enabled": "false"}
TYPED = {
    "first_name": "María-José Wilhelmina",
    "last_name": "Featherstonehaugh-Llewellyn",
    "dob": "1938-10-06",
    "address1": "12345 Southwest Martin Luther King Junior Boulevard",
    "address2": "Building 17, Apartment 1204",
    "city": "Rancho Santa Margarita",
    "state": "MT",
    "zipcode": "59010-1234",
    "phone": "2025550123",
    "email": "a.very.long.name.for.an.address@department-of-examples.example.com",
    "ssn": "900661234",
    "state_id_number": "1111111111111",
    "state_id_jurisdiction": "ND",
    "document_type_received": "drivers_license",
}
#: Pages that anybody may open.
OPEN = (
    "/",
    "/consent",
    "/nothing",
    "/session-ended",
    "/cookies-needed",
    "/exited",
    "/start/x",
    "/information-deleted",
)
FORMS = ("/identity", "/email", "/ssn", "/address", "/verify", "/phone", "/document")


@contextlib.asynccontextmanager
async def served(app):
    """Serve *app* on a free port, and yield its origin."""
    config = uvicorn.Config(app, access_log=False, lifespan="off", log_config=None, ws="none")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://localhost:{listener.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            await serving


@pytest.fixture
def texts_folder(tmp_path):
    """Catalogs of the product and of two made-up languages."""
    return make_texts_folder(tmp_path / "texts")


async def begin(site):
    """Return a browser whose person has typed everything."""
    browser = site.browser()
    await browser.get("/consent")
    await browser.post("/consent", consent="yes")
    session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])

    def put(data):
        data.typed = data.typed.merge(TYPED)

    await session.update(put)
    return browser


async def expect_to_fit(chromium, origin, browser, paths, folder):
    """Open *paths* with the cookies of *browser* in each language, and expect that everything fits."""
    wrong = []
    for language in languages(folder):
        texts = load_texts(language, folder)
        context = await chromium.new_context(viewport=PHONE)
        kept = {**dict(browser.http.cookies), "proofing-language": language}
        await context.add_cookies([{"name": name, "value": kept[name], "url": origin} for name in kept])
        page = await context.new_page()
        for path in paths:
            await page.goto(f"{origin}{path}")
            assert await page.evaluate("location.pathname") == path
            root = page.locator("html")
            assert await root.get_attribute("lang") == texts.tag
            assert await root.get_attribute("dir") == texts.direction
            # The list of languages lies over the page.
            await page.locator(".languages summary").click()
            found = [*await page.evaluate(OVERFLOWING), *await page.evaluate(SMALL_TARGETS)]
            wrong += [(language, path, one) for one in found]
        await context.close()
    assert not wrong, "\n".join(map(str, wrong))


@IN_CHROMIUM
async def test_pages_for_everybody(chromium, start, texts_folder):
    """Those before a session, and those of errors."""
    async with start(texts_folder=texts_folder) as site, served(site.app) as origin:
        await expect_to_fit(chromium, origin, site.browser(), OPEN, texts_folder)


@IN_CHROMIUM
async def test_forms(chromium, start, texts_folder, monkeypatch):
    """With the longest names and addresses that people have."""
    monkeypatch.setattr("proofing_server.flow.redirect_for", lambda _data, _page: None)
    async with start(texts_folder=texts_folder) as site, served(site.app) as origin:
        browser = await begin(site)
        await expect_to_fit(chromium, origin, browser, FORMS, texts_folder)


@IN_CHROMIUM
async def test_a_phone_takes_the_photos(chromium, start, texts_folder):
    """The computer with the code to scan, the number that both show, and the phone before and after."""
    settings = {"messenger_vendor": "mock", "ruby_workers_idv_enabled": "false"}
    async with start(texts_folder=texts_folder, **settings) as site, served(site.app) as origin:
        computer, phone = site.browser(), site.browser()
        await computer.consent()
        await computer.post("/document/handoff")
        link = re.search(r'class="handoff-link">[^<]*(/handoff/[^<]+)<', computer.page.text)[1]
        form = "/document/handoff/text"
        await expect_to_fit(chromium, origin, computer, ["/document/handoff", form], texts_folder)
        await computer.get(form)
        await computer.post(form, phone="2025550123")
        await expect_to_fit(chromium, origin, computer, ["/document/handoff"], texts_folder)
        await expect_to_fit(chromium, origin, phone, [link, "/handoff/x"], texts_folder)
        await phone.get(link)
        await phone.post(link)
        await expect_to_fit(chromium, origin, phone, [phone.path], texts_folder)
        await expect_to_fit(chromium, origin, computer, ["/document/handoff"], texts_folder)


@IN_CHROMIUM
async def test_a_document_that_failed(chromium, start, texts_folder):
    """The problem, and the page of the limit after the last attempt."""
    content = b"document: {}\nimage_metrics: {front: {SharpnessMetric: 10}, back: {GlareMetric: 10}}\n"
    limits = {"idv_doc_auth_max_attempts": "2"}
    async with start(texts_folder=texts_folder, **INLINE, **limits) as site, served(site.app) as origin:
        browser = site.browser()
        await browser.consent()
        for number, path in enumerate(("/document/problem", "/limit/idv_doc_auth")):
            photos = {
                side: ("a.yaml", content + f"# {side} {number}\n".encode()) for side in ("front", "back")
            }
            await browser.get("/document")
            await browser.post_files("/document", photos)
            await expect_to_fit(chromium, origin, browser, [path], texts_folder)


@IN_CHROMIUM
async def test_waiting_and_the_end(chromium, start, texts_folder):
    """A check that runs, and a person who is verified."""
    async with start(texts_folder=texts_folder, **PHOTOS_POSTED) as site, served(site.app) as origin:
        browser = site.browser()
        await browser.consent()
        photos = {side: ("a.yaml", f"document: {{}}\n# {side}\n".encode()) for side in ("front", "back")}
        await browser.post_files("/document", photos)
        await browser.post("/ssn", ssn="900661234")
        await browser.post("/verify")
        await expect_to_fit(chromium, origin, browser, ["/verify/wait"], texts_folder)
        await site.queue.release()
        await browser.get("/verify/wait")
        await browser.post("/phone", phone="2025550123")
        await site.queue.release()
        await browser.get("/phone/wait")
        await expect_to_fit(chromium, origin, browser, ["/done"], texts_folder)


@IN_CHROMIUM
@pytest.mark.parametrize("language", languages())
async def test_states_are_in_the_order_of_the_language(chromium, language):
    """As a browser orders words in it: Chinese by its sounds, accents with their letters."""
    texts, page = load_texts(language), await chromium.new_page()
    names = [name for _code, name in texts.states()]
    order = "([names, tag]) => names.toSorted(new Intl.Collator(tag).compare)"
    assert await page.evaluate(order, [names, texts.tag]) == names
    await page.close()


@IN_CHROMIUM
async def test_every_text_comes_from_the_catalog(chromium, start, texts_folder, monkeypatch):
    """In the made-up language no word of the pages is plain English, but names and what was typed."""
    monkeypatch.setattr("proofing_server.flow.redirect_for", lambda _data, _page: None)
    # Names and addresses are as they were typed; what testers choose from are names of the mock; commands are
    # the same in every language.
    apart = "script, style, .languages ul, .test-choice select, [dir=auto], code"
    texts = f"""[...document.querySelectorAll("body, body *")].flatMap(one => [...one.childNodes])
      .filter(node => node.nodeType === Node.TEXT_NODE && !node.parentElement.closest("{apart}"))
      .map(node => node.textContent.trim()).filter(text => /[A-Za-z]{{3}}/.test(text))"""
    async with start(texts_folder=texts_folder, partner_name="ACME") as site, served(site.app) as origin:
        browser = await begin(site)
        context = await chromium.new_context(viewport=PHONE)
        kept = {**dict(browser.http.cookies), "proofing-language": "xa"}
        await context.add_cookies([{"name": name, "value": kept[name], "url": origin} for name in kept])
        page = await context.new_page()
        for path in (*OPEN, *FORMS):
            await page.goto(f"{origin}{path}")
            found = [text.replace("ACME", "") for text in await page.evaluate(texts)]
            plain = [text for text in found if not text.startswith("[")]
            assert not plain, (path, plain)
        await context.close()


def test_the_style_sheet_knows_no_left_and_right():
    """Start and end are mirrored in a language that is read from right to left."""
    sheet = (Path(proofing_server.__file__).parent / "static/style.css").read_text()
    sides = r"[-: {;](?:left|right)\b"
    assert re.findall(sides, re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)) == []
