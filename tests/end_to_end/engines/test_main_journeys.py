"""The main journeys in Firefox and WebKitGTK; the folder above has these and all others in Chromium."""

import json

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HAS_WORKER = """async () => {
  const { held } = await navigator.locks.query();
  return held.some((lock) => lock.name.startsWith("worker "));
}"""
STORAGE = "() => [localStorage.length, sessionStorage.length, document.cookie]"


@pytest.fixture(scope="session")
def posting(install):
    """An installation whose photos come in the form post, and whose checks run inside the request."""
    installation = install(doc_auth_enable_presigned_s3_urls=False, ruby_workers_idv_enabled=False)
    installation.start_all()
    return installation


@pytest.mark.parametrize("uploads", [True, False], ids=["uploads", "form post"])
async def test_whole_flow(request, visitor, uploads):
    """From welcome to done; the worker does its work in every engine, and no policy is in the way."""
    installation = request.getfixturevalue("proofing" if uploads else "posting")
    already = len(installation.seen.read_text().splitlines())
    await visitor.consent(installation.url)
    await visitor.tab.wait_for(HAS_WORKER)
    await visitor.give_photos()
    for side in visitor.photos:
        await visitor.tab.see(f"[data-side={side}] canvas.preview")
    assert await visitor.tab.evaluate(HAS_WORKER)
    await visitor.submit_photos()
    await visitor.give_ssn()
    await visitor.tab.click("text=Submit for checking")
    await visitor.give_phone()
    await visitor.heading("You’re verified")
    seen = [json.loads(line) for line in installation.seen.read_text().splitlines()[already:]]
    assert {(facts["side"], facts["type"]) for facts in seen} == {
        (side, "image/jpeg") for side in visitor.photos
    }
    assert await visitor.tab.evaluate(STORAGE) == [0, 0, ""]
    assert policy_violations_of(installation) == []


def policy_violations_of(installation):
    """Return the directives that browsers reported as broken."""
    logs = [path.read_text() for path in (installation.directory / "log").glob("*")]
    return [line for line in "".join(logs).splitlines() if "csp_violation" in line]


async def test_wrong_file_is_reported_at_its_field(proofing, visitor, tmp_path):
    """What is not a photo blocks the submission, with a summary that has the focus; another file is taken."""
    await visitor.consent(proofing.url)
    wrong = tmp_path / "program.jpg"
    wrong.write_bytes(b"MZ\0\1" * 100)
    await visitor.tab.choose("#front", wrong)
    await visitor.tab.see("#front-error", "as a photo")
    await visitor.submit_photos()
    await visitor.tab.wait_for("() => document.activeElement.id === 'error-summary'")
    await visitor.give_photos()
    await visitor.submit_photos()
    await visitor.heading("Enter your Social Security number")


async def test_reload_and_back_in_the_flow(proofing, visitor):
    """Reloading and going back, also after an error in a form, show our own pages and lose no answer."""
    await visitor.consent(proofing.url)
    await visitor.give_photos()
    await visitor.submit_photos()
    await visitor.heading("Enter your Social Security number")
    await visitor.tab.fill("#ssn", "123")
    await visitor.tab.click("text=Continue")
    await visitor.tab.see("#error-summary")
    await visitor.tab.reload()
    await visitor.give_ssn()
    await visitor.tab.back()
    await visitor.heading("Enter your Social Security number")
    await visitor.give_ssn()
    await visitor.tab.reload()
    await visitor.heading("Check your information")
    assert "900661234" not in await visitor.tab.evaluate("() => document.documentElement.outerHTML")


async def test_waiting_ends_by_an_event(held, gate, visitor):
    """The heading has the focus, the state is reported politely, and the page continues without a poll."""
    await visitor.wait_for_document(held.url)
    await visitor.tab.wait_for("() => document.activeElement.matches('#waiting h1')")
    await visitor.tab.see("#wait-status[aria-live=polite]", "Still checking.")
    held.answer()
    await visitor.heading("Enter your Social Security number")
    jobs = [path for path in gate.paths if path.startswith("/api/jobs/")]
    assert jobs
    assert all(path.endswith("/events") for path in jobs)


async def test_waiting_ends_by_polling(held, gate, visitor):
    """Where streams do not get through the page polls, and continues anyway."""
    gate.blocked = "/events"
    await visitor.wait_for_document(held.url)
    held.answer()
    await visitor.heading("Enter your Social Security number")
    assert any(path.startswith("/api/jobs/") and not path.endswith("/events") for path in gate.paths)


async def test_reload_and_back_while_waiting(held, gate, visitor):
    """Reloading, and another tab, find the same job; *back* does not lose it."""
    await visitor.wait_for_document(held.url)
    await visitor.tab.reload()
    await visitor.heading("We’re checking your ID")
    await visitor.tab.goto(f"{held.url}/document")
    await visitor.heading("We’re checking your ID")
    held.answer()
    await visitor.heading("Enter your Social Security number")
    await visitor.tab.back()
    await visitor.tab.wait_for("() => ['/ssn', '/document', '/consent'].includes(location.pathname)")


async def test_problem_page_and_another_try(proofing, visitor):
    """A failure has its own screen, with what was found and attempts left; the next try passes."""
    await visitor.consent(proofing.url)
    form = b"doc_auth_result: Failed\ntransaction_status: failed\nhttp_status: {front: 438}"
    await visitor.give(front=form, back=visitor.photos["back"])
    await visitor.submit_photos()
    await visitor.heading("We couldn’t accept your photos")
    await visitor.tab.see("[role=alert]")
    await visitor.tab.see("main", "You have 4 attempts left")
    # The back is still there.
    await visitor.tab.click("text=Take a new photo of the front")
    await visitor.tab.see("[data-side=back].ready")
    await visitor.give(front=visitor.photos["front"])
    await visitor.submit_photos()
    await visitor.heading("Enter your Social Security number")


async def test_problem_page_of_the_phone(proofing, visitor):
    """A phone number that is not theirs: the screen says so, and another number passes."""
    await visitor.to_phone(proofing.url)
    await visitor.give_phone("7035555555")
    await visitor.tab.see("[role=alert]")
    await visitor.tab.see("main", "You have 4 attempts left")
    await visitor.tab.click("text=Try another number")
    await visitor.give_phone()
    await visitor.heading("You’re verified")


async def test_ended_session_while_capturing(proofing, visitor):
    """When the session has ended meanwhile, choosing a photo leads to the page that says so."""
    await visitor.consent(proofing.url)
    await visitor.tab.clear_cookies()
    path = visitor.path_of("front", visitor.photos["front"])
    await visitor.tab.choose("#front", path)
    await visitor.heading("Your session has ended")
