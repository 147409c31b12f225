"""Finding and reading barcodes in photos: in this process, where test_contract does so in CPU children."""

import base64
from dataclasses import replace
from datetime import date

import pytest
import zxingcpp
from PIL import Image as Pixels
from PIL import ImageDraw, ImageFilter, ImageOps
from tests.plugins.vendors.reader.photos import encoded, on_table, rng_of, specimen, today

from proofing_reader.decoding import Photo
from proofing_reader.locating import find_regions
from proofing_reader.specimens.cards import draw_barcode
from proofing_reader.specimens.encoding import encode
from proofing_reader.specimens.layouts import LAYOUTS
from proofing_reader.specimens.people import make_person
from proofing_reader.specimens.photos import Distortion
from proofing_reader.specimens.samples import take_sample
from proofing_reader.straightening import straighten
from proofing_reader.vision import read_back

ARGS = {"seconds": 10.0}
#: Seeds of `damaged_code`, found by trying.
WRONG_READS = (6, 11, 27, 220)


def read(content):
    """Return what one file comes to, with the bytes of its barcode."""
    found = read_back(content, ARGS)
    payload = found["payload"]
    return found["reading"], None if payload is None else base64.b64decode(payload)


@pytest.mark.parametrize("turn", [0, 4, -11, 22, 38, 45, -60, 90, 131, 180, -97])
def test_a_card_is_read_at_any_rotation(turn):
    """Right angles and small ones are the decoder's, all others ours."""
    one = specimen(at=12 + turn % 20)
    assert read(encoded(on_table(one.card.back, turn=turn))) == ("read", one.card.payload)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("I;16", "PNG")],
)
def test_colors_make_no_difference(mode, form):
    """Gray, four inks, a palette, sixteen bits."""
    one = specimen()
    pixels = on_table(one.card.back, turn=9)
    if mode == "I;16":
        pixels = pixels.convert("L").point([value * 257 for value in range(256)], "I").convert("I;16")
    assert read(encoded(pixels.convert(mode), form)) == ("read", one.card.payload)


def test_a_progressive_jpeg_is_read():
    """As messengers send them."""
    one = specimen()
    assert read(encoded(on_table(one.card.back), progressive=True)) == ("read", one.card.payload)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_makes_no_difference(orientation):
    """What a camera notes is not needed: mirrored codes are read, too."""
    one = specimen()
    exif = Pixels.Exif()
    exif[0x0112] = orientation
    content = encoded(ImageOps.mirror(on_table(one.card.back)), exif=exif)
    assert read(content) == ("read", one.card.payload)


def test_two_cards_are_refused():
    """Also where one of them is turned, which the decoder alone would not see."""
    one, other = specimen(seed=1), specimen(seed=2)
    first, second = on_table(one.card.back), on_table(other.card.back, turn=14)
    both = Pixels.new("RGB", (second.width, first.height + second.height), "#8d8a83")
    both.paste(first, (0, 0))
    both.paste(second, (0, first.height))
    assert read(encoded(both)) == ("several", None)


def test_one_card_twice_is_one_card():
    """A photo of a card in a mirror, or of a copy alongside it, has one barcode."""
    one = on_table(specimen().card.back)
    both = Pixels.new("RGB", (one.width, 2 * one.height))
    both.paste(one, (0, 0))
    both.paste(one, (0, one.height))
    assert read(encoded(both))[0] == "read"


def test_a_negative_is_called_one():
    """Light bars on a dark ground."""
    assert read(encoded(ImageOps.invert(on_table(specimen().card.back)))) == ("inverted", None)


@pytest.mark.parametrize("turn", [0, 17])
def test_other_barcodes_are_no_barcode_of_a_card(turn):
    """The serial number, stripes, text and a portrait."""
    assert read(encoded(on_table(specimen().card.front, turn=turn)))[0] == "absent"


@pytest.mark.parametrize("spent", [{"seconds": 0.0}, {"seconds": 10.0, "clock_seconds": 0.0}])
def test_the_search_ends_with_its_time(spent):
    """Of CPU, or by the clock, which runs while others have the CPU: what needs no search is read."""
    back = specimen().card.back
    assert read_back(encoded(on_table(back)), spent)["reading"] == "read"
    assert read_back(encoded(on_table(back, turn=22)), spent)["payload"] is None


def stripes(width, height):
    """Return bars without end, as wide as those of a barcode."""
    rng = rng_of(1)
    bars = "".join(color * 8 * rng.randint(1, 6) for _ in range(width // 16) for color in "01")
    row = Pixels.frombytes("L", (width, 1), bytes(255 * int(bar) for bar in bars[:width]))
    return row.resize((width, height))


@pytest.mark.parametrize("size", [(990, 12_000), (5000, 12_000)])
def test_no_try_has_more_pixels_than_a_barcode_needs(size, monkeypatch):
    """Neither what is cut out of the photo nor what the decoder gets, however large a region is."""
    tried, cut = [], []
    decode, transform = zxingcpp.read_barcodes, Pixels.Image.transform

    def count_tried(image, **options):
        tried.append(image.width * image.height)
        return decode(image, **options)

    def count_cut(image, size, *details, **options):
        cut.append(size[0] * size[1])
        return transform(image, size, *details, **options)

    monkeypatch.setattr(zxingcpp, "read_barcodes", count_tried)
    monkeypatch.setattr(Pixels.Image, "transform", count_cut)
    patient = {"seconds": 2.0, "clock_seconds": 600.0}
    assert read_back(encoded(stripes(*size), "PNG"), patient)["payload"] is None
    assert len(tried) >= 2
    assert max(tried) < 5_000_000
    assert max(cut) < 13_000_000


@pytest.mark.parametrize("size", [(30, 600_000), (600_000, 30)])
def test_what_is_longer_than_any_photo_is_not_decoded(size):
    """The check of images refuses it, too."""
    assert read(encoded(Pixels.new("L", size), "PNG")) == ("undecodable", None)


def quality_of(pixels):
    """Return why a photo is not read."""
    found = read_back(encoded(pixels), {"seconds": 0.5})
    assert found["payload"] is None
    return found["quality"]


def test_what_is_wrong_with_a_photo_is_named():
    """Too few pixels, blur, a reflection: what a person can do something about."""
    back = on_table(specimen(7).card.back)
    small = back.resize((back.width // 5, back.height // 5), Pixels.Resampling.LANCZOS)
    assert quality_of(small) == "low_resolution"
    assert quality_of(back.filter(ImageFilter.GaussianBlur(3))) == "blur"
    x, y = back.width // 2, find_regions(back.convert("L"))[0].y
    ImageDraw.Draw(back).ellipse((x - 220, y - 100, x + 220, y + 100), fill="white")
    assert quality_of(back) == "glare"


@pytest.mark.parametrize("seed", WRONG_READS)
def test_a_reading_without_spare_error_correction_is_refused(seed):
    """Of these damaged codes the decoder returns wrong data as valid; nothing but that number shows it."""
    payload, content = damaged_code(seed)
    options = {"formats": zxingcpp.BarcodeFormat.PDF417, "text_mode": zxingcpp.TextMode.Plain}
    decoded = zxingcpp.read_barcodes(Photo(content).gray()[0], **options)
    assert any(one.valid and bytes(one.bytes) != payload for one in decoded)
    assert read(content)[1] in {None, payload}


def damaged_code(seed):
    """Return what a code of little error correction holds, and what is left of it as a PNG."""
    person = make_person(rng_of(1), "MO", today=date(2026, 11, 30))
    layout = replace(LAYOUTS[16], level=1, columns=13)
    payload = encode(person, layout)
    code = draw_barcode(payload, layout, 16)
    rng, draw = rng_of(seed), ImageDraw.Draw(code)
    for _ in range(rng.randint(2, 14)):
        x, y = rng.randint(90, code.width - 120), rng.randint(16, code.height - 20)
        draw.rectangle((x, y, x + rng.randint(2, 10), y + 8), fill=rng.choice([0, 255]))
    return payload, encoded(code, "PNG")


def test_rows_of_a_bent_card_are_straightened():
    """A wave that no decoder follows."""
    code = draw_barcode(specimen().card.payload, LAYOUTS[34], 20)
    code = ImageOps.expand(code, 60, 255)
    wave = [
        (
            (x, 0, x + 20, code.height),
            (
                x,
                _shift(x),
                x,
                code.height + _shift(x),
                x + 20,
                code.height + _shift(x + 20),
                x + 20,
                _shift(x + 20),
            ),
        )
        for x in range(0, code.width, 20)
    ]
    bent = code.transform(code.size, Pixels.Transform.MESH, wave, Pixels.Resampling.BICUBIC, fillcolor=255)
    straight = straighten(bent)
    assert straight is not None
    assert read(encoded(straight, "PNG")) == ("read", specimen().card.payload)
    assert straighten(Pixels.new("L", (900, 300), 255)) is None


def _shift(x):
    """Return by how much a bent card is higher at *x*."""
    return 30 * abs((x / 300) % 2 - 1)


def test_regions_have_the_angle_of_their_bars():
    """Within three degrees, and the barcode first."""
    for turn in (-40, -20, 0, 15, 33, 70):
        content = encoded(on_table(specimen().card.back, turn=turn))
        first = find_regions(Photo(content).gray()[0])[0]
        assert abs((first.angle + turn + 90) % 180 - 90) < 5
        assert first.width > 2 * first.height


@pytest.mark.parametrize("number", range(len(Distortion)))
def test_a_photo_of_each_distortion_is_read(number):
    """The small form of bench/reader, which holds 600 of them to their bars."""
    sample = take_sample(number + 8 * 17, seed=3, today=today())
    assert read(sample.photo) == ("read", sample.payload)
