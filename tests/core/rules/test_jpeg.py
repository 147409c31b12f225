"""What is kept of a JPEG: what its samples need, and which way is up. Nothing about people or places."""

import struct

import pytest

from proofing.base.errors import ImageError
from proofing.rules.jpeg import orientation_payload, read_jpeg
from proofing.testing.images import make_jpeg

JPEG = make_jpeg(64, 40)
SECRET = b"lives at 46.5958 N, 112.0270 W"
SHORT, LONG = 3, 4
PROFILE = b"ICC_PROFILE\x00\x01\x01" + b"\x07" * 64
ADOBE = b"Adobe\x00\x64\x00\x00\x00\x00\x01"


def segment(marker, payload):
    """Return one segment."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(*segments):
    """Return an image that begins with these segments."""
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def exif(value, order=">", *, kind=SHORT, count=1, before=0, magic=42):
    """Return an EXIF payload that gives *value* as orientation, behind *before* other entries."""
    head = {">": b"MM", "<": b"II"}[order] + struct.pack(order + "HI", magic, 8)
    entries = [struct.pack(order + "HHII", 0x010F, 2, 1, 0)] * before
    coded = struct.pack(order + "HH", value, 0) if kind == SHORT else struct.pack(order + "I", value)
    entries.append(struct.pack(order + "HHI", 0x0112, kind, count) + coded)
    return b"Exif\x00\x00" + head + struct.pack(order + "H", len(entries)) + b"".join(entries) + SECRET


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("before", [0, 3])
def test_the_orientation_is_all_that_is_kept_of_exif(value, order, before):
    """In both byte orders, and wherever it is among the entries; upright needs no segment."""
    image = read_jpeg(with_segments(segment(0xE1, exif(value, order, before=before))))
    assert (image.width, image.height, image.orientation) == (64, 40, value)
    kept = [segment(0xE1, orientation_payload(value))] if value > 1 else []
    assert image.content == with_segments(*kept)


@pytest.mark.parametrize(
    "payload",
    [
        exif(0),
        exif(9),
        exif(6, kind=LONG),
        exif(6, count=2),
        exif(6, magic=43),
        exif(6)[:12],
        exif(6)[:20],
        b"Exif\x00\x00XX" + exif(6)[8:],
        b"Exif\x00\x00MM\x00*" + struct.pack(">I", 60_000),
        b"http://ns.adobe.com/xap/1.0/\x00" + SECRET,
    ],
    ids=range(10),
)
def test_what_gives_no_orientation_is_dropped_and_upright(payload):
    """Malformed EXIF is no reason to refuse an image, nor to keep anything of it."""
    image = read_jpeg(with_segments(segment(0xE1, payload)))
    assert image.orientation == 1
    assert image.content == JPEG


def test_the_first_orientation_counts():
    """As in browsers; a second EXIF segment is dropped."""
    image = read_jpeg(with_segments(segment(0xE1, exif(6)), segment(0xE1, exif(3))))
    assert image.orientation == 6
    assert image.content == with_segments(segment(0xE1, orientation_payload(6)))


@pytest.mark.parametrize(
    ("marker", "payload", "kept"),
    [
        (0xE2, PROFILE, PROFILE),
        (0xE2, b"FPXR\x00" + SECRET, None),
        (0xEE, ADOBE, ADOBE),
        (0xEE, ADOBE + SECRET, ADOBE),
        (
            0xE0,
            b"JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x01\x01" + SECRET,
            b"JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00",
        ),
        (0xED, b"Photoshop 3.0\x00" + SECRET, None),
        (0xFE, SECRET, None),
    ],
)
def test_application_segments_keep_colors_only(marker, payload, kept):
    """Profiles, Adobe's transform and JFIF without its thumbnail; the rest goes."""
    image = read_jpeg(with_segments(segment(marker, payload)))
    assert image.content == with_segments(*([] if kept is None else [segment(marker, kept)]))


def frame(marker=0xC0, *, precision=8, components=1, height=40):
    """Return a frame header."""
    return segment(
        marker, struct.pack(">BHHB", precision, height, 64, components) + b"\x01\x11\x00" * components
    )


@pytest.mark.parametrize(
    ("segments", "code"),
    [
        ([segment(0xC0, b"\x08\x00")], "truncated"),
        ([frame(components=0)], "truncated"),
        ([frame(components=5)], "truncated"),
        ([frame(precision=7)], "not_an_image"),
        ([frame(0xC9)], "not_an_image"),
        ([segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")], "truncated"),
        ([segment(0xDC, b"\x00\x28")], "truncated"),
        ([b"\xff\x00\x00\x02"], "truncated"),
        ([b"\xff\xd8\x00\x02"], "truncated"),
        ([b"\xff\xfe\x00\x01"], "truncated"),
        ([b"\xff\xfe\xff\xff"], "truncated"),
        ([b"\x00"], "truncated"),
        ([b"\xff\xff"], "truncated"),
    ],
    ids=range(13),
)
def test_what_no_browser_reads_is_refused(segments, code):
    """Headers that say something impossible, scans without a frame, lengths that lead nowhere."""
    with pytest.raises(ImageError) as caught:
        read_jpeg(JPEG[:2] + b"".join(segments))
    assert caught.value.code == code


LINES = segment(0xDC, b"\x00\x28")


def test_the_height_may_come_after_the_first_scan():
    """A camera that reads line by line knows it late; one that is known already stays."""
    for height in (0, 120):
        image = make_jpeg(64, height)
        assert read_jpeg(image[:-2] + LINES + image[-2:]).height == (height or 40)


@pytest.mark.parametrize("payload", [b"", b"\x28", b"\x00\x28\x00"])
def test_a_height_of_another_length_is_refused(payload):
    """It is one number."""
    image = make_jpeg(64, 0)
    with pytest.raises(ImageError, match="truncated"):
        read_jpeg(image[:-2] + segment(0xDC, payload) + image[-2:])


def test_a_second_frame_is_refused():
    """An image has one size."""
    with pytest.raises(ImageError, match="not_an_image"):
        read_jpeg(with_segments(frame()))
