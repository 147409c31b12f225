"""The language of the pages: who decides, what the switch keeps, and what it cannot do."""

import re

import pytest

from proofing.sessions.data import SessionData
from proofing_devtools.pseudo_languages import LONGER, MIRRORED, make_texts_folder
from proofing_server.texts import languages, load_texts

OURS = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def texts_folder(tmp_path):
    """Catalogs of the product and of two made-up languages."""
    return make_texts_folder(tmp_path / "texts")


@pytest.fixture
async def site(start, texts_folder):
    """The application with more languages than it has."""
    async with start(texts_folder=texts_folder) as running:
        yield running


def language_of(browser):
    """Return the language that the page on show has by its header and its element."""
    page = browser.page
    tag = re.search(r'<html lang="([^"]+)"', page.text)[1]
    assert page.headers["content-language"] == tag
    return {"en-XA": LONGER, "ar-XB": MIRRORED, "zh-Hans": "zh"}.get(tag, tag)


async def switch(browser, language, **typed):
    """Press a button of the switch: with the form that it belongs to, or with its own."""
    button = re.search(rf'<button [^>]*form="([a-z-]+)"[^>]*value="{language}"', browser.page.text)
    form = button[1]
    hidden = re.findall(
        rf'<input type="hidden" form="{form}" name="(\w+)" value="([^"]*)"', browser.page.text
    )
    path, body = re.search(
        rf'<form id="{form}" method="post" action="([^"]+)"(.*?)</form>', browser.page.text, re.DOTALL
    ).groups()
    hidden += re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body)
    fields = {**{name: value.replace("&amp;", "&") for name, value in hidden}, "language": language, **typed}
    browser.page = await browser.http.post(path, data=fields, headers=OURS, follow_redirects=True)
    return browser.page


async def reach(site, path):
    """Return a browser at one of the pages that are filled in, *path*."""
    browser = site.browser()
    await browser.get("/consent")
    await browser.post("/consent", consent="yes")
    session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])

    def put(data: SessionData) -> None:
        data.typed = data.typed.merge(
            {"first_name": "Ada", "last_name": "Doe", "dob": "1938-10-06", "address1": "1 Fake Rd"}
        )

    await session.update(put)
    await browser.get(path)
    return browser


async def test_every_page_has_the_switch(site):
    """Also those of errors and of people without a session; each name is marked as of its language."""
    browser = site.browser()
    for path in ("/", "/consent", "/nothing", "/session-ended", "/exited", "/cookies-needed", "/start/x"):
        await browser.get(path)
        for language in languages(site.app.state.site.texts_folder):
            texts = load_texts(language, site.app.state.site.texts_folder)
            button = rf'value="{language}" lang="{texts.tag}" dir="{texts.direction}"[^>]*>(.*?)<'
            assert re.search(button, browser.page.text)[1] == texts.name, (path, language)
        assert browser.page.text.count('aria-current="true"') == 1


async def test_a_choice_wins_and_stays(site):
    """Over what the browser asks for, on every page after it, and after an error."""
    browser = site.browser()
    browser.http.headers["accept-language"] = "en"
    await browser.get("/consent?from=mail&x=1")
    assert language_of(browser) == "en"
    await switch(browser, LONGER)
    assert str(browser.page.url).endswith("/consent?from=mail&x=1")
    assert language_of(browser) == LONGER
    for path in ("/", "/nothing", "/limit/nothing"):
        await browser.get(path)
        assert language_of(browser) == LONGER
    await browser.get("/consent")
    await browser.post("/consent", consent="yes")
    assert (browser.path, language_of(browser)) == ("/document", LONGER)
    browser.page = await browser.http.post("/document/choice", data={"csrf_token": "wrong"}, headers=OURS)
    assert (browser.page.status_code, language_of(browser)) == (403, LONGER)
    # No page has that path.
    await switch(browser, MIRRORED)
    assert (browser.path, language_of(browser)) == ("/", MIRRORED)
    assert '<html lang="ar-XB" dir="rtl">' in browser.page.text


async def test_the_choice_is_a_cookie_for_the_server_alone(site):
    """For the time of the browser's window, out of reach of scripts and of other sites."""
    browser = site.browser()
    answer = await browser.http.post("/language", data={"language": LONGER, "return_to": "/"}, headers=OURS)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie == f"proofing-language={LONGER}; HttpOnly; Path=/; SameSite=lax"


@pytest.mark.parametrize(
    "path",
    ["//example.org", "/\\example.org", "https://example.org", "", "ssn", "/ssn\r\nX: y", "\t//example.org"],
)
async def test_the_way_back_stays_here(site, path):
    """Whatever the form says, the switch leads to no other host."""
    answer = await site.browser().http.post(
        "/language", data={"language": LONGER, "return_to": path}, headers=OURS
    )
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "set-cookie" not in answer.headers


async def test_other_sites_cannot_switch(site):
    """And nobody switches to a language that there is not, or with a link."""
    http = site.browser().http
    fields = {"language": LONGER, "return_to": "/"}
    foreign = {"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}
    assert (await http.post("/language", data=fields, headers=foreign)).status_code == 403
    assert (await http.post("/language", data={**fields, "language": "tlh"}, headers=OURS)).status_code == 400
    assert (await http.get("/language", params=fields)).status_code == 405
    assert not http.cookies


async def test_a_cookie_with_another_language_is_ignored(site):
    """One of an earlier release, or made up."""
    browser = site.browser()
    browser.http.cookies.set("proofing-language", "tlh")
    browser.http.headers["accept-language"] = LONGER
    await browser.get("/")
    assert language_of(browser) == LONGER


FORMS = [
    (
        "/identity",
        {"first_name": "Grace <b>", "last_name": "", "dob_month": "13", "dob_day": "x", "dob_year": "38"},
    ),
    (
        "/address",
        {"address1": "2 Long & Winding Rd", "address2": "", "city": "", "state": "MT", "zipcode": "59"},
    ),
    ("/ssn", {"ssn": "900-66"}),
    ("/email", {"email": "ada@"}),
    ("/phone", {"phone": "202"}),
]


@pytest.fixture
async def reachable(start, texts_folder, monkeypatch):
    """The application with every page open, whatever was answered before."""
    monkeypatch.setattr("proofing_server.flow.redirect_for", lambda _data, _page: None)
    async with start(texts_folder=texts_folder) as running:
        yield running


@pytest.mark.parametrize(("path", "typed"), FORMS, ids=[path for path, _ in FORMS])
async def test_what_is_typed_stays(reachable, path, typed):
    """Right or wrong, it is in the form in the other language; nothing is taken, judged or counted."""
    browser = await reach(reachable, path)
    sessions = reachable.app.state.site.sessions
    before = await sessions.load(browser.http.cookies["proofing"])
    page = await switch(browser, MIRRORED, **typed)
    assert (page.status_code, browser.path, language_of(browser)) == (200, path, MIRRORED)
    for name, value in typed.items():
        assert value_of(page.text, name) == value, name
    assert 'id="error-summary"' not in page.text
    assert " data-switched" in page.text
    after = await sessions.load(browser.http.cookies["proofing"])
    assert (after.typed, after.submissions) == (before.typed, before.submissions)


@pytest.mark.parametrize(("path", "typed"), FORMS, ids=[path for path, _ in FORMS])
async def test_what_was_wrong_is_said_in_the_other_language(reachable, path, typed):
    """The person who cannot read it is who switches."""
    browser = await reach(reachable, path)
    await browser.post(path, **typed)
    assert browser.page.status_code == 400
    wrong = re.findall(r'<li><a href="#([a-z_]+)">', browser.page.text)
    page = await switch(browser, LONGER, **typed)
    assert wrong
    assert re.findall(r'<li><a href="#([a-z_]+)">', page.text) == wrong
    assert load_texts(LONGER, reachable.app.state.site.texts_folder)("errors.title") in page.text
    for name, value in typed.items():
        assert value_of(page.text, name) == value, name


async def test_errors_that_nobody_showed_are_not_said(reachable):
    """What a form says was wrong is looked up, never printed."""
    browser = await reach(reachable, "/email")
    for errors in (
        "email:nothing",
        "nothing:email_format",
        "email:<b>",
        "email",
        ":",
        "form:title_prefix.x",
        "x:" * 99,
    ):
        page = await switch(browser, LONGER, shown_errors=errors)
        assert (page.status_code, 'id="error-summary"' in page.text) == (200, False), errors
    page = await switch(browser, "en", shown_errors="email:email_format form:technical")
    assert page.text.count("<li><a href") == 1


async def test_a_switch_needs_the_token_of_its_form(reachable):
    """It is a form like any other, with what was typed in it."""
    browser = await reach(reachable, "/email")
    page = await switch(browser, LONGER, csrf_token="x" * 43, email="a")
    assert page.status_code == 403


async def test_a_job_that_runs_is_not_lost(start, texts_folder):
    """The waiting page in another language waits for the same job."""
    content = b"document: {}\n"
    async with start(texts_folder=texts_folder, doc_auth_enable_presigned_s3_urls="false") as site:
        browser = site.browser()
        await browser.consent()
        await browser.post_files("/document", dict.fromkeys(("front", "back"), ("a.yaml", content)))
        await browser.post("/ssn", ssn="900661234")
        await browser.post("/verify")
        sessions = site.app.state.site.sessions
        before = await sessions.load(browser.http.cookies["proofing"])
        assert (browser.path, before.pending is None) == ("/verify/wait", False)
        await switch(browser, LONGER)
        after = await sessions.load(browser.http.cookies["proofing"])
        assert (browser.path, language_of(browser)) == ("/verify/wait", LONGER)
        assert after.pending == before.pending
        await site.queue.release()
        await browser.get("/verify/wait")
        assert (browser.path, language_of(browser)) == ("/phone", LONGER)


def value_of(html, name):
    """Return what the field *name* holds."""
    field = re.search(rf'<input id="{name}" name="{name}" value="([^"]*)"', html)
    if field is None:
        options = re.search(rf'<select id="{name}".*?</select>', html, re.DOTALL)[0]
        return re.search(r'<option value="(\w+)" selected', options)[1]
    return field[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


async def test_the_settings_and_the_policy_limit_the_languages(start, texts_folder):
    """Nobody can choose another one; who wants none of them has the first. With one there is no switch."""
    async with start(texts_folder=texts_folder, page_languages='["fr", "es"]') as site:
        browser = site.browser()
        browser.http.headers["accept-language"] = "zh, en"
        browser.http.cookies.set("proofing-language", "zh")
        await browser.get("/")
        assert language_of(browser) == "fr"
        assert re.findall(r'name="language" value="(\w+)"', browser.page.text) == ["fr", "es"]
        fields = {"language": "zh", "return_to": "/"}
        assert (await browser.http.post("/language", data=fields, headers=OURS)).status_code == 400
        await switch(browser, "es")
        assert language_of(browser) == "es"
        assert "la agencia solicitante" in browser.page.text
    async with start(page_languages='["es"]') as site:
        browser = site.browser()
        await browser.get("/")
        assert language_of(browser) == "es"
        assert 'name="language"' not in browser.page.text
