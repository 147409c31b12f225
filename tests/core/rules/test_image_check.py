"""The gate that decrypted bytes must pass before anything else sees them."""

import base64
import hashlib
import io
import random
import struct
import time
import tracemalloc
import zlib

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofing.base.errors import ImageError
from proofing.contracts.images import MAX_IMAGE_BYTES, Image
from proofing.rules.image_check import inspect_image
from proofing.testing.images import make_jpeg, make_png

JPEG = make_jpeg()
PNG = make_png()
SEED = 20_261_124
CASES = 10_000


def refusal(content: bytes, *, allow_yaml: bool = False) -> str | None:
    """Return the code by which the check refuses *content*; None when it passes."""
    try:
        inspect_image(content, allow_yaml=allow_yaml)
    except ImageError as error:
        return error.code
    return None


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize(
    "size", [(1, 1), (7, 9), (640, 400), (3000, 4000), (12_000, 4_000), (8160, 6144), (8000, 8000)]
)
@pytest.mark.parametrize("make", [make_jpeg, make_png])
def test_real_images_pass_with_their_size(make, size):
    """Images pass, and the check returns type and size."""
    content = make(*size)
    image = inspect_image(content)
    assert (image.width, image.height) == size
    assert image.media_type == f"image/{make.__name__.removeprefix('make_')}"
    assert image.content == content


@pytest.mark.parametrize("make", [make_jpeg, make_png])
def test_the_images_of_these_tests_are_images(make):
    """A decoder that is not ours reads them to the last pixel."""
    with PIL.Image.open(io.BytesIO(make(123, 45, comment=b"x", padding_bytes=100_000))) as image:
        image.load()
        assert image.size == (123, 45)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "quality": 30}),
        ("JPEG", {"icc_profile": b"\x00" * 300_000, "exif": b"Exif\x00\x00" + b"\x00" * 1_000}),
        ("PNG", {"optimize": True}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "CMYK"])
def test_images_of_another_encoder_pass(kind, options, mode):
    """Colors, progressive coding, profiles: what cameras and scanners write."""
    if kind == "PNG" and mode == "CMYK":
        mode = "RGBA"
    file = io.BytesIO()
    PIL.Image.effect_noise((321, 123), 50).convert(mode).save(file, kind, **options)
    image = inspect_image(file.getvalue())
    assert (image.width, image.height) == (321, 123)
    assert refusal(file.getvalue()[:-1]) is not None


def test_a_jpeg_with_profile_thumbnail_fill_bytes_and_trailer_passes():
    """What cameras add to an image does no harm."""
    exif = b"Exif\x00\x00" + make_jpeg(160, 120)
    segment = b"\xff\xff\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    content = JPEG[:2] + segment + JPEG[2:] + b"a motion photo's film" * 10_000
    assert inspect_image(content).width == 640


def test_a_jpeg_of_which_only_the_thumbnail_is_whole_is_truncated():
    """The end marker of the thumbnail does not stand for the image's."""
    exif = b"Exif\x00\x00" + make_jpeg(160, 120)
    content = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + JPEG[2:]
    assert refusal(content) is None
    assert refusal(content[:-2]) == "truncated"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\x00", "not_an_image"),
        (b"GIF89a" + b"\x00" * 100, "not_an_image"),
        (b"%PDF-1.7", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (b"data:image/png;base64," + base64.b64encode(PNG), "not_an_image"),
        (b" " + JPEG, "not_an_image"),
        (b"\xff\xd8\xff", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (JPEG[:-2] + b"\x00" * MAX_IMAGE_BYTES + JPEG[-2:], "too_large"),
        (make_jpeg(12_001, 1), "too_many_pixels"),
        (make_png(1, 12_001), "too_many_pixels"),
        (make_jpeg(8_000, 8_001), "too_many_pixels"),
        (JPEG.replace(b"\xff\xc0", b"\xff\xc3"), "not_an_image"),
        (JPEG.replace(b"\xff\xc0", b"\xff\xc9"), "not_an_image"),
        (JPEG.replace(b"\xff\xc0", b"\xff\xef"), "truncated"),
        (JPEG.replace(b"\xff\xda", b"\xff\xef"), "truncated"),
        (make_jpeg(0, 10), "truncated"),
        (make_png(10, 0), "truncated"),
        (PNG[:8] + chunk(b"IDAT", b"x") + PNG[8:], "truncated"),
        (PNG[:33] + PNG[8:], "truncated"),
        (PNG[:33] + chunk(b"CgBI", b"x") + PNG[33:], "not_an_image"),
        (PNG[:33] + chunk(b"IEND", b""), "truncated"),
        (PNG[:8] + chunk(b"IHDR", b"\x00" * 12) + PNG[33:], "truncated"),
        (PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 3, 2, 0, 0, 0)) + PNG[33:], "truncated"),
    ],
)
def test_what_is_no_acceptable_image_is_refused_with_its_code(content, code):
    """Each fault has its code."""
    assert refusal(content) == code


def test_fields_of_the_error_hold_no_content():
    """An error names its code and nothing of the bytes."""
    with pytest.raises(ImageError, match=r"^image refused: not_an_image$") as caught:
        inspect_image(b"MARIGOLD")
    assert "MARIGOLD" not in repr(caught.value)


def test_text_passes_only_where_the_vendor_is_a_mock():
    """The testers' form is let through on demand, and only when it is text."""
    text = "document: {first_name: Zoë}".encode()
    assert refusal(text) == "not_an_image"
    assert inspect_image(text, allow_yaml=True).media_type == "application/yaml"
    assert refusal(b"a\x00b", allow_yaml=True) == "not_an_image"
    assert refusal(b"\xff\xfe\xfa", allow_yaml=True) == "not_an_image"
    assert refusal("é".encode()[:1], allow_yaml=True) == "not_an_image"
    # A letter of two bytes across the border of two pieces.
    assert refusal(b"a" * (64 * 1024 - 1) + "é".encode(), allow_yaml=True) is None


def test_fingerprint_and_repr():
    """The fingerprint is the hash of the bytes; printing shows no bytes."""
    image = inspect_image(JPEG)
    digest = base64.urlsafe_b64encode(hashlib.sha256(JPEG).digest()).decode()
    assert image.fingerprint == digest.rstrip("=")
    assert "=" not in image.fingerprint
    assert repr(image) == f"Image(image/jpeg, {len(JPEG)} bytes, 640x400)"
    assert repr(Image(b"secret", "image/png")) == "Image(image/png, 6 bytes, 0x0)"


def malform(generator: random.Random) -> bytes:
    """Return an image cut short, or with a wrecked structure, so that no reader can take it."""
    content = generator.choice((JPEG, PNG))
    kind = generator.randrange(5)
    if kind == 0:
        return content[: generator.randrange(len(content) - 1)]
    if kind == 1:  # another kind of file behind the right first bytes
        return content[: generator.randrange(3, 9)] + generator.randbytes(generator.randrange(2_000))
    if kind == 2:  # a lying length
        position = 4 if content is JPEG else 8
        return content[:position] + generator.randbytes(2) + content[position + 2 :]
    if kind == 3:  # a hole
        start = generator.randrange(2, 150 if content is JPEG else len(content) - 20)
        return content[:start] + content[start + generator.randrange(1, 16) :]
    return generator.randbytes(generator.randrange(1, 500))


def test_ten_thousand_malformed_images_never_crash_nor_cost():
    """Whatever comes, the check answers with a typed refusal or with an image within the limits."""
    generator = random.Random(SEED)  # noqa: S311 - a repeatable series, no secret
    refused = 0
    for _ in range(CASES):
        content = malform(generator)
        refused += refusal(content) is not None
        refusal(content, allow_yaml=True)
    # A hole in a JPEG's own tables is the one fault that only a decoder could see.
    assert refused >= CASES * 0.95


@given(st.binary(max_size=4_096), st.sampled_from([b"", JPEG[:3], JPEG[:200], PNG[:8], PNG[:33]]))
@settings(max_examples=500)
def test_any_bytes_behind_any_beginning_give_a_typed_answer(tail, beginning):
    """No bytes whatever raise anything but the typed error."""
    code = refusal(beginning + tail)
    assert code in {None, "empty", "not_an_image", "truncated", "too_many_pixels"}


@given(st.data())
@settings(max_examples=300)
def test_a_flipped_byte_of_a_png_is_always_found(data):
    """Each chunk's checksum is verified."""
    position = data.draw(st.integers(0, len(PNG) - 1))
    change = data.draw(st.integers(1, 255))
    damaged = bytearray(PNG)
    damaged[position] ^= change
    assert refusal(bytes(damaged)) is not None


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(JPEG[:2] + b"\xff" * (MAX_IMAGE_BYTES - 2), id="fill bytes"),
        pytest.param(JPEG[:2] + b"\xff\xd0" * (MAX_IMAGE_BYTES // 2 - 1), id="restart markers"),
        pytest.param(JPEG[:2] + b"\xff\xe0\x00\x02" * (MAX_IMAGE_BYTES // 4 - 1), id="empty segments"),
        pytest.param(PNG[:33] + chunk(b"IDAT", b"") * (MAX_IMAGE_BYTES // 12 - 3), id="empty chunks"),
        pytest.param(JPEG[:-2] + b"\xff\x00" * (MAX_IMAGE_BYTES // 2 - 2_000), id="an endless scan"),
        pytest.param(b"a" * (MAX_IMAGE_BYTES - 1) + b"\xff", id="text"),
    ],
)
def test_bombs_are_refused_in_little_memory(bomb):
    """Inputs made to keep a reader busy are rejected: bounded steps, and no copy of the bytes."""
    tracemalloc.start()
    started = time.process_time()
    code = refusal(bomb, allow_yaml=True)
    seconds = time.process_time() - started
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert code in {"truncated", "not_an_image"}
    assert peak < 1_000_000
    # No measurement, but the difference between bounded and unbounded: a walk over every byte takes seconds.
    assert seconds < 1
