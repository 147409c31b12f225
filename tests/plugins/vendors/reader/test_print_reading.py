"""The text of a photo, recognized in a CPU child: turned any way, and whatever the bytes are."""

import io
import math

import pytest
from PIL import Image as Pixels
from tests.plugins.vendors.reader.photos import encoded, on_table, specimen

from proofing.base.cpu_pool import CPUPool
from proofing_reader.text_rows import Line, rows_of

MOST_MEGABYTES = 900
UPRIGHT, EXIF_ORIENTATION = 1, 0x0112


@pytest.fixture
async def recognize():
    """Return what reads the text of bytes in a child."""
    pool = CPUPool(1)

    async def read(content, args=None):
        answer = await pool.run(
            "proofing_reader.print_reading:read_print", content, args, seconds=300, megabytes=MOST_MEGABYTES
        )
        return answer["decoded"], [text for text, _confidence in answer["lines"]]

    yield read
    await pool.close()


def front(**options):
    """Return the photo of a specimen's front, and what it must say."""
    made = specimen()
    person = made.person
    pixels = on_table(made.card.front, turn=options.pop("turn", 0))
    return encoded(pixels, **options), {person.number, f"{person.birth:%m/%d/%Y}"}


def exif(orientation):
    """Return the notes of a camera that was held so."""
    notes = Pixels.Exif()
    notes[EXIF_ORIENTATION] = orientation
    return notes


@pytest.mark.parametrize("turn", [0, 8, -20, 90, 180, 270])
async def test_a_card_is_read_whichever_way_it_is_turned(turn, recognize):
    """Right angles, and what lies between."""
    photo, said = front(turn=turn)
    decoded, lines = await recognize(photo)
    assert decoded
    assert said <= set(lines)


@pytest.mark.parametrize("orientation", [2, UPRIGHT])
async def test_a_mirrored_image_is_read(orientation, recognize):
    """Of a front camera, with a note of it and without."""
    made = specimen()
    mirrored = on_table(made.card.front).transpose(Pixels.Transpose.FLIP_LEFT_RIGHT)
    assert made.person.number in (await recognize(encoded(mirrored, exif=exif(orientation))))[1]


async def test_a_further_try_must_fit_into_the_seconds(recognize):
    """Of CPU: the first one is always made, and tells what the next would take."""
    mirrored, _said = front(turn=0)
    pixels = Pixels.open(io.BytesIO(mirrored)).transpose(Pixels.Transpose.FLIP_LEFT_RIGHT)
    photo, number = encoded(pixels), specimen().person.number
    assert number not in (await recognize(photo, {"seconds": 0.0}))[1]
    assert number in (await recognize(photo, {"seconds": 60.0}))[1]


async def test_a_label_and_its_value_are_one_row_more(recognize):
    """The number of a field is in front of it on cards of the standard."""
    photo, _said = front(turn=5)
    lines = (await recognize(photo))[1]
    assert f"4d {specimen().person.number}" in lines


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8\xff", b"%PDF-1.7", encoded(Pixels.new("RGB", (64, 64)), "PNG")[:60]],
    ids=["nothing", "a JPEG's first bytes", "a PDF", "a PNG cut short"],
)
async def test_what_is_no_image_is_said_to_be_none(content, recognize):
    """The child answers, and is there for the next call."""
    assert await recognize(content) == (False, [])


@pytest.mark.parametrize("size", [(1, 1), (3, 4000), (4000, 3), (8000, 8000)])
async def test_a_picture_without_text_has_no_lines(size, recognize):
    """However small, thin or large it is, within the memory of a child."""
    assert await recognize(encoded(Pixels.new("L", size, 200), "PNG")) == (True, [])


def line(text, x, y, *, width=100, height=20, degrees=0.0):
    """Return a line whose upper left corner is at x, y of a level image that is turned by *degrees*."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return Line(text, 0.9, tuple((a * cosine - b * sine, a * sine + b * cosine) for a, b in corners))


@pytest.mark.parametrize("degrees", [0, 10, -30, 90, 180])
def test_rows_are_found_at_any_angle(degrees):
    """What is alongside another, near and level with it."""
    lines = [
        line("1", 0, 0, width=10, degrees=degrees),
        line("SAMPLE", 40, 2, degrees=degrees),
        line("2", 0, 40, width=10, degrees=degrees),
        line("MICHAEL", 40, 38, degrees=degrees),
        line("far away", 600, 0, degrees=degrees),
    ]
    assert {text for text, _confidence in rows_of(lines)} == {"1 SAMPLE", "2 MICHAEL"}


def test_a_row_is_as_sure_as_its_least_sure_part():
    """One letter of doubt is doubt."""
    lines = [Line("1", 0.5, line("1", 0, 0, width=10).corners), line("SAMPLE", 40, 2)]
    assert rows_of(lines) == [("1 SAMPLE", 0.5)]


def test_nothing_has_no_rows():
    """An image without text."""
    assert rows_of([]) == []
