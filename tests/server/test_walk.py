"""The whole flow without script, in both modes."""

YAML = ("id.yaml", b"document: {first_name: Jane}\n")


async def test_sync(sync_site):
    """With both switches off, every job runs inside its request."""
    browser = sync_site.browser()
    await browser.get("/")
    assert browser.page.status_code == 200
    await browser.consent()
    await browser.post_files("/document", {"front": YAML, "back": YAML})
    assert browser.path == "/ssn", browser.page.text
    await browser.post("/ssn", ssn="900-66-1234")
    assert browser.path == "/verify"
    await browser.post("/verify")
    assert browser.path == "/phone", browser.page.text
    await browser.post("/phone", phone="202-555-0123")
    assert browser.path == "/done"
