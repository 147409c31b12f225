"""Requests are counted by the template of their route, and each one answered with 503 leaves a line."""

import pytest
from prometheus_client import REGISTRY

from proofing.base.errors import QueueUnavailableError, StoreUnavailableError, Trouble
from proofing.testing.images import make_jpeg, make_png
from proofing_server import spool


def value(name, **labels):
    """Return one sample, 0 when there is none yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def refusals(caplog):
    """Return the fields of the lines about refused steps."""
    return [record.proofing_fields for record in caplog.records if record.getMessage() == "step_refused"]


async def test_requests_are_counted_by_route_template(site):
    """Never by path: that may hold an id."""
    browser = site.browser()
    labels = {"route": "/limit/{limit}", "method": "GET", "status": "404"}
    before = value("proofing_http_requests_total", **labels)
    await browser.http.get("/limit/nothing-of-the-kind")
    assert value("proofing_http_requests_total", **labels) == before + 1
    seconds = {name: labels[name] for name in ("route", "method")}
    assert value("proofing_http_request_seconds_count", **seconds) >= 1
    for path in ("/900661234", "/api/jobs/900661234", "/static/900661234/900661234.js"):
        await browser.http.get(path)
    shown = {
        label
        for family in REGISTRY.collect()
        for sample in family.samples
        for label in sample.labels.values()
    }
    assert not [label for label in shown if "900661234" in label]
    assert "unmatched" in shown


async def test_methods_are_a_closed_set(site):
    """Anyone who invents methods makes no new series."""
    browser = site.browser()
    before = value("proofing_http_requests_total", route="unmatched", method="other", status="403")
    await browser.http.request("BREW", "/nowhere")
    assert (
        value("proofing_http_requests_total", route="unmatched", method="other", status="403") == before + 1
    )


async def test_forged_requests_leave_one_line_a_minute_and_route(site, caplog):
    """Foreign origins and wrong tokens, by the template of the route; the connection ends with the answer."""
    browser = site.browser()
    await browser.consent()
    for headers in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {}):
        answer = await browser.http.post("/exit", headers=headers, data={"csrf_token": "x"})
        assert (answer.status_code, answer.headers["connection"]) == (403, "close")
    answer = await browser.http.post(
        "/exit", headers={"Origin": "http://localhost:8000"}, data={"csrf_token": "900661234"}
    )
    assert answer.status_code == 403
    lines = [record for record in caplog.records if record.getMessage() == "request_forbidden"]
    assert [record.levelname for record in lines] == ["WARNING"] * 2
    assert [record.proofing_fields["route"] for record in lines] == ["unmatched", "/exit"]
    assert "900661234" not in caplog.text + str([record.proofing_fields for record in lines])


@pytest.mark.parametrize("kind", [StoreUnavailableError, QueueUnavailableError])
async def test_a_refused_step_is_logged_and_counted(site, monkeypatch, caplog, kind):
    """Route, backend and kind of trouble; nothing of the person or of the error's text."""
    browser = site.browser()

    async def away(*_args, **_named):
        error = kind("redis://h:6379 900661234", trouble=Trouble.CONNECTION_REFUSED)
        error.backend = "result_store"
        raise error

    labels = {"route": "/consent", "backend": "result_store", "cause": "connection_refused"}
    before = value("proofing_steps_refused_total", **labels)
    await browser.get("/consent")
    monkeypatch.setattr(site.service.sessions, "save", away)
    monkeypatch.setattr(site.service.sessions, "update", away)
    monkeypatch.setattr(site.service.sessions, "load", away)
    page = await browser.post("/consent", consent="yes")
    assert page.status_code == 503
    assert value("proofing_steps_refused_total", **labels) == before + 1
    (line,) = refusals(caplog)
    assert len(line.pop("reference")) == 12
    assert line == {
        "route": "/consent",
        "http_method": "POST",
        "key": "result_store",
        "reason": "connection_refused",
        "error": kind.__name__,
    }


async def test_a_submit_that_a_page_answers_itself_is_logged_too(site, monkeypatch, caplog):
    """An answer of 503 that some handler gives by itself is a refused step like others."""
    browser = site.browser()
    await browser.consent()

    async def away(*_args, **_named):
        raise QueueUnavailableError("away")

    monkeypatch.setattr(site.service, "submit_images", away)
    monkeypatch.setattr(type(site.service), "async_documents", property(lambda _self: False))
    front, back = ("a.jpg", make_jpeg(comment=b"front")), ("b.jpg", make_jpeg(comment=b"back"))
    page = await browser.post_files("/document", {"front": front, "back": back})
    assert page.status_code == 503
    (line,) = refusals(caplog)
    assert (line["route"], line["reason"]) == ("/document", "unavailable")


async def test_proofing_switched_off_is_no_backend_failure(start, caplog):
    """The switch is the cause, and of many pages there is one line; no backend is blamed."""
    labels = {"route": "/consent", "backend": "", "cause": "switched_off"}
    before = value("proofing_steps_refused_total", **labels)
    async with start(idv_available="false") as site:
        for _ in range(5):
            page = await site.browser().get("/consent")
            assert page.status_code == 503
    assert value("proofing_steps_refused_total", **labels) == before + 5
    (line,) = refusals(caplog)
    assert (line["key"], line["reason"], line["error"]) == ("", "switched_off", "UnavailableError")


async def test_the_overload_of_this_process_is_no_backend_failure(start, monkeypatch, caplog):
    """Forms that do not fit any more are refused for a cause of their own."""
    async with start(doc_auth_enable_presigned_s3_urls="false") as site:
        browser = site.browser()
        await browser.consent()
        monkeypatch.setattr(spool, "MAX_FILES", 0)
        large = ("a.jpg", make_jpeg() + bytes(2 * spool.PIECE_BYTES))
        page = await browser.post_files("/document", {"front": large, "back": ("b.png", make_png())})
    assert page.status_code == 503
    (line,) = refusals(caplog)
    assert line["reason"] == "overload"


async def test_a_backend_that_fails_is_counted_by_the_seam(site):
    """Anyone who calls it, and whatever the caller makes of it."""
    labels = {"backend": "result_store", "cause": "unavailable"}
    before = value("proofing_backend_errors_total", **labels)
    results = site.runtime.backends.results
    await results.close()
    with pytest.raises(StoreUnavailableError) as caught:
        await results.load("x")
    assert caught.value.backend == "result_store"
    assert value("proofing_backend_errors_total", **labels) == before + 1
    await results.open()
