"""What a session's evidence supports: taken in with each answer, reported without personal data, kept."""

import asyncio
import json
import re

import pytest
from prometheus_client import REGISTRY

from proofing.contracts.evidence import EvidenceKind, ValidatedBy, Verification, VerifiedBy
from proofing.contracts.records import JobKind
from proofing.rules.assurance_table import Flag, Level, Need
from proofing.testing.images import make_jpeg, make_png

SYNC = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
VOUCHED = {**SYNC, "assurance_vendors": '["mock"]'}
FILES = {"front": ("id.jpg", make_jpeg()), "back": ("id.png", make_png())}
CODE = Verification(method=VerifiedBy.CODE_PHONE, digits=6, age_seconds=1)
FORGED = b"""
transaction_status: failed
document: {first_name: Jane, document_type_received: drivers_license}
doc_auth_result: Failed
failed_alerts: [{name: Visible Pattern, result: Failed}]
"""


def assessed(caplog):
    """Return the fields of the lines about assurance."""
    return [one.proofing_fields for one in caplog.records if one.getMessage() == "assurance_assessed"]


def counted(kind, supports="none", pathway=""):
    """Return the counter."""
    labels = {"kind": kind, "supports": supports, "pathway": pathway}
    return REGISTRY.get_sample_value("proofing_assurance_total", labels) or 0.0


async def data_of(browser):
    """Return what the session of *browser* holds."""
    sessions = browser.site.app.state.site.sessions
    session = await sessions.open(browser.http.cookies[sessions.cookie_name])
    return session.data


async def walk(site):
    """Go through the whole flow; return the browser."""
    browser = site.browser()
    await browser.consent()
    await browser.post_files("/document", FILES)
    await browser.post("/ssn", ssn="900-66-1234")
    await browser.post("/verify")
    await browser.post("/phone", phone="202-555-0123")
    assert browser.path == "/done"
    return browser


async def test_each_answer_is_assessed(start, caplog):
    """With all evidence so far; the line says what is missing, the counter what is supported."""
    caplog.set_level("INFO", "proofing")
    before = counted("phone")
    async with start(**VOUCHED) as site:
        await walk(site)
    document, resolution, phone = assessed(caplog)
    assert [line["kind"] for line in (document, resolution, phone)] == ["document", "resolution", "phone"]
    assert "identifier" in document["missing"]
    assert resolution["missing"] == ["verification:drivers_license"]
    # The license, or the phone: one of them has to be verified for IAL1.
    assert phone["missing"] == ["verification:drivers_license"]
    assert (phone["supports"], phone["pathway"], phone["flags"]) == ("none", "", [])
    assert counted("phone") == before + 1
    performed = [one.proofing_fields for one in caplog.records if one.getMessage() == "perform"]
    assert performed[0]["evidence"] == ["drivers_license:strong:scan"]
    assert performed[2]["evidence"] == ["phone_account:fair:account"]
    shown = json.dumps([document, resolution, phone, *(line["evidence"] for line in performed)])
    assert not [value for value in ("FAKEY", "900661234", "2025550123", "1111111111111") if value in shown]


async def test_evidence_outlives_the_flow(start):
    """The session is empty otherwise; what it supports can be judged at any time."""
    async with start(**VOUCHED) as site:
        browser = await walk(site)
        data = await data_of(browser)
    assert data.is_finished
    assert not data.has_personal_data
    assert set(data.evidence) == {JobKind.DOCUMENT, JobKind.RESOLUTION, JobKind.PHONE}
    assert data.assurance.level is Level.NONE
    assert [missing.code for missing in data.assurance.missing] == ["verification:drivers_license"]


async def test_vendors_that_nobody_vouches_for_are_worth_nothing(start, caplog):
    """It is the default; what they found is reported, and why it does not count."""
    caplog.set_level("INFO", "proofing")
    async with start(**SYNC) as site:
        await walk(site)
    missing = assessed(caplog)[-1]["missing"]
    assert "vouched_vendor:drivers_license" in missing
    assert "vouched_vendor:phone_account" in missing
    assert "death_check" in missing


async def test_a_forged_document_stops_everything_until_it_is_replaced(start, caplog):
    """A no is evidence, too; new photos replace it."""
    caplog.set_level("INFO", "proofing")
    async with start(**VOUCHED) as site:
        browser = site.browser()
        await browser.consent()
        both = {side: ("id.yaml", FORGED + f"# {side}".encode()) for side in ("front", "back")}
        await browser.post_files("/document", both)
        assert browser.path == "/document/problem"
        data = await data_of(browser)
        (piece,) = data.evidence[JobKind.DOCUMENT].pieces
        assert (piece.kind, piece.validated_by) == (EvidenceKind.DRIVERS_LICENSE, ValidatedBy.FAILED)
        await browser.get("/document")
        await browser.post_files("/document", FILES)
        assert browser.path == "/ssn"
        assert not (await data_of(browser)).assurance.is_stopped
    forged, genuine = assessed(caplog)
    assert (forged["flags"], forged["missing"]) == ([Flag.FORGED_EVIDENCE], [])
    assert genuine["flags"] == []


async def test_what_changes_takes_its_evidence_along(start):
    """New photos open the later steps again, whose answers were about somebody else."""
    async with start(**VOUCHED) as site:
        browser = site.browser()
        await browser.consent()
        await browser.post_files("/document", FILES)
        await browser.post("/ssn", ssn="900-66-1234")
        await browser.post("/verify")
        assert set((await data_of(browser)).evidence) == {JobKind.DOCUMENT, JobKind.RESOLUTION}
        await browser.get("/ssn")
        await browser.post("/ssn", ssn="900-66-4321")
        assert set((await data_of(browser)).evidence) == {JobKind.DOCUMENT}


async def test_a_review_is_no_evidence(start):
    """Nobody has found the document genuine so far."""
    async with start(**VOUCHED) as site:
        browser = site.browser()
        await browser.consent()
        form = b"document: {}\ntransaction_status: review\n"
        both = {side: ("id.yaml", form + f"# {side}".encode()) for side in ("front", "back")}
        await browser.post_files("/document", both)
        (piece,) = (await data_of(browser)).evidence[JobKind.DOCUMENT].pieces
        assert piece.validated_by is ValidatedBy.NONE


@pytest.mark.parametrize("tabs", [2, 5])
async def test_an_answer_is_assessed_once(start, caplog, tabs):
    """However many tabs look at it."""
    caplog.set_level("INFO", "proofing")
    async with start(**SYNC | {"ruby_workers_idv_enabled": "true"}) as site:
        browser = site.browser()
        await browser.consent()
        await browser.post_files("/document", FILES)
        await browser.post("/ssn", ssn="900-66-1234")
        await browser.post("/verify")
        assert browser.path == "/verify/wait"
        await site.queue.release()
        await asyncio.gather(*(browser.http.get("/verify/wait") for _ in range(tabs)))
    assert [line["kind"] for line in assessed(caplog)] == ["document", "resolution"]


async def test_a_code_that_comes_back_verifies_the_phone(start, caplog):
    """It is the first thing in this flow that verifies anything, and so IAL1 is supported."""
    caplog.set_level("INFO", "proofing")
    before = counted("code", "ial1")
    async with start(**VOUCHED, messenger_vendor="mock") as site:
        browser = site.browser()
        await browser.consent()
        await browser.post_files("/document", FILES)
        await browser.post("/ssn", ssn="900-66-1234")
        await browser.post("/verify")
        await browser.post("/phone", phone="202-555-0123")
        await browser.post("/code", channel="text")
        code = re.search(r'id="test-code">(\d{6})<', browser.page.text)[1]
        token = browser.csrf
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        data = {"csrf_token": token, "code": code}
        await asyncio.gather(*(browser.http.post("/code", data=data, headers=headers) for _ in range(3)))
        await browser.get("/done")
        assert browser.path == "/done"
        kept = await data_of(browser)
    (piece,) = kept.evidence[JobKind.PHONE].pieces
    (verification,) = piece.verified_by
    assert (verification.method, verification.digits) == (VerifiedBy.CODE_PHONE, 6)
    assert 0 <= verification.age_seconds < 60
    assert kept.assurance.level is Level.IAL1
    lines = assessed(caplog)
    assert [line["kind"] for line in lines] == ["document", "resolution", "phone", "code"]
    assert [line["supports"] for line in lines] == ["none", "none", "none", "ial1"]
    assert lines[-1]["missing"] == ["verification:drivers_license"]
    assert lines[-1]["flags"] == [Flag.NOTIFICATION_DUE, Flag.REDRESS_DUE]
    assert counted("code", "ial1") == before + 1
    assert code not in json.dumps(lines)


async def test_a_number_without_an_account_is_not_verified_by_a_code(start):
    """Nobody confirmed whose it is: the code shows that the person holds the phone, and no more."""
    async with start(**SYNC, messenger_vendor="mock") as site:
        browser = site.browser()
        await browser.consent()
        session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
        await session.update(lambda data: data.verify(EvidenceKind.PHONE_ACCOUNT, CODE))
        assert (await data_of(browser)).assurance.missing[0].need is Need.EVIDENCE


@pytest.mark.parametrize(
    ("agrees", "supports", "lacks"),
    [
        (True, "ial2", ["on_site_attended", "sample"]),
        (False, "ial1", ["verification:drivers_license"]),
    ],
)
async def test_a_live_face_with_consent_and_a_code(start, caplog, agrees, supports, lacks):
    """Both pieces are verified then; who takes no selfie, where that is a way, lacks it."""
    caplog.set_level("INFO", "proofing")
    async with start(
        **VOUCHED, messenger_vendor="mock", selfie="required", selfie_refusal="continue"
    ) as site:
        browser = site.browser()
        await browser.get("/consent")
        await browser.post("/consent", consent="yes")
        version = re.search(r'name="text_version" value="([^"]+)"', browser.page.text)[1]
        answer = {"answer": "agree", "consent": "yes"} if agrees else {"answer": "decline"}
        await browser.post("/selfie", **answer, text_version=version)
        assert browser.path == "/document"
        selfie = {"selfie": ("me.jpg", make_jpeg(comment=b"selfie"))} if agrees else {}
        await browser.post_files("/document", FILES | selfie)
        await browser.post("/ssn", ssn="900-66-1234")
        await browser.post("/verify")
        await browser.post("/phone", phone="202-555-0123")
        await browser.post("/code", channel="text")
        code = re.search(r'id="test-code">(\d{6})<', browser.page.text)[1]
        await browser.post("/code", code=code)
        assert browser.path == "/done"
        kept = await data_of(browser)
    assert kept.evidence[JobKind.DOCUMENT].biometric_consent is agrees
    last = assessed(caplog)[-1]
    assert (last["supports"], last["missing"]) == (supports, lacks)
    assert last["pathway"] == ("digital_evidence+biometric" if agrees else "")
