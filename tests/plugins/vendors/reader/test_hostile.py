"""Files that are made to break a reader: each comes to a typed answer, and none to wrong data."""

from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from bench.reader_hostile.images import beginnings, encoded, hostile_of, on_table
from PIL import Image as Pixels
from PIL import ImageDraw, ImageFont
from tests.plugins.vendors.reader.passport_photos import usual_page
from tests.plugins.vendors.reader.photos import specimen, today

from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import CPUWorkError
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import DocumentResult, Outcome
from proofing_reader.aamva import read_barcode
from proofing_reader.proofer import CardReader
from proofing_reader.settings import ReaderSettings


@pytest.mark.parametrize("seconds", [0.05, 1.0])
async def test_one_call_of_the_decoder_costs_no_more_than_a_search(seconds):
    """None of our code runs meanwhile: the kernel counts, and what follows is read as ever."""
    pool = CPUPool(1)
    reader = CardReader(ReaderSettings(search_seconds=seconds))
    context = SimpleNamespace(cpu=pool.run, now=lambda: datetime.now(UTC), remaining_seconds=lambda: 300.0)
    one = specimen()
    results = [
        await reader.proof(ProofingRequest(images={Side.BACK: Image(content, "image/png")}), context)
        for content in (beginnings(), encoded(on_table(one.card.back)))
    ]
    await pool.close()
    assert results[0].outcome is Outcome.FAILED
    assert results[0].reasons == ("cpu_processor",)
    assert results[1].applicant.state_id_number == one.person.number


async def test_recognizing_text_costs_no_more_than_its_seconds():
    """A page with more text than any document has, which would take half a minute."""
    page = Pixels.new("L", (2000, 2000), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=12)
    for y in range(0, 2000, 18):
        draw.text((0, y), "SPECIMEN 0123456789 " * 20, fill=0, font=font)
    pool = CPUPool(1)
    reader = CardReader(ReaderSettings(ocr_seconds=1), reads_zones=True)
    context = SimpleNamespace(cpu=pool.run, now=lambda: datetime.now(UTC), remaining_seconds=lambda: 300.0)
    image = Image(encoded(page), "image/jpeg")
    result = await reader.proof(ProofingRequest(images={Side.PASSPORT: image}), context)
    await pool.close()
    assert result.outcome is Outcome.FAILED
    assert result.reasons == ("cpu_processor",)


@pytest.fixture(scope="module")
def hostile():
    """Return what makes hostile files."""
    return hostile_of(specimen(16).card)


@pytest.mark.parametrize("count", [26, pytest.param(2000, marks=pytest.mark.security)])
async def test_hostile_files_come_to_a_typed_answer(hostile, count, claim):
    """And the next photo is read."""
    pool = CPUPool(1)
    reader = CardReader(ReaderSettings())
    context = SimpleNamespace(cpu=pool.run, now=lambda: datetime.now(UTC), remaining_seconds=lambda: 60.0)
    answers = Counter()

    async def ask(content):
        image = Image(content, "image/jpeg")
        return await reader.proof(ProofingRequest(images={Side.FRONT: image, Side.BACK: image}), context)

    for number in range(count):
        made = hostile.make(number)
        try:
            result = await ask(made.content)
        except CPUWorkError as error:
            answers[f"cpu_{error.failure}"] += 1
            continue
        assert isinstance(result, DocumentResult)
        answers[result.reasons[0]] += 1
        if result.outcome is Outcome.PASSED:
            held = read_barcode(made.payload, today=today()).applicant
            assert result.applicant == held, (number, made.kind)
    whole = await ask(hostile.valid["jpeg"])
    await pool.close()
    assert whole.outcome is Outcome.PASSED
    assert sum(answers.values()) == count
    assert len(answers) > 3
    assert not answers["cpu_crash"] + answers["cpu_raised"]
    told = ", ".join(f"{reason} {times}" for reason, times in answers.most_common())
    claim(
        "S7",
        "Hostile files to the reader of cards: 0 crashes, each typed, 0 wrong data",
        f"{count}; {told}",
    )


@pytest.mark.parametrize("count", [8, pytest.param(400, marks=pytest.mark.security)])
async def test_hostile_files_come_to_a_typed_answer_of_ocr(hostile, count):
    """And the page of a passport after them is read."""
    pool = CPUPool(1)
    reader = CardReader(ReaderSettings(), reads_zones=True)
    context = SimpleNamespace(cpu=pool.run, now=lambda: datetime.now(UTC), remaining_seconds=lambda: 60.0)
    answers = Counter()
    for number in range(count):
        made = hostile.make(number)
        try:
            page = Image(made.content, "image/jpeg")
            result = await reader.proof(ProofingRequest(images={Side.PASSPORT: page}), context)
        except CPUWorkError as error:
            answers[f"cpu_{error.failure}"] += 1
        else:
            assert result.outcome is Outcome.FAILED, made.kind
            assert len(result.findings) == 1, made.kind
            answers[result.reasons[0]] += 1
    after = await reader.proof(ProofingRequest(images={Side.PASSPORT: usual_page()}), context)
    await pool.close()
    assert after.outcome is Outcome.PASSED
    assert not answers["cpu_crash"] + answers["cpu_raised"], answers
