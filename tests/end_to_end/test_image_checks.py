"""The image checks of the browser and of the job give the same answers, byte for byte: one table of files."""

import base64
import functools
import http.server
import io
import random
import struct
import threading
import zlib

import PIL.Image
import pytest
import pytest_asyncio

import proofing_server
from proofing.contracts.images import MAX_IMAGE_BYTES
from proofing.rules.image_check import MAX_PIXELS, MAX_SIDE_PIXELS, inspect_image
from proofing.testing.images import make_jpeg, make_png
from proofing_server.images import check_image

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SEED = 20_261_128
NOISE = PIL.Image.effect_noise((321, 123), 50)
SECRET = b"GPS 59.3 N, serial MARIGOLD"


def photo(mode="RGB", size=(321, 123), kind="JPEG", **options):
    """Return an image of another encoder than ours, with pixels that do not compress away."""
    image = (NOISE if size == NOISE.size else NOISE.resize(size)).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def segment(marker, payload):
    """Return one JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def chunk(kind, payload):
    """Return one PNG chunk."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def exif(orientation, order=">", *, kind=3, count=1, before=0, rest=b""):
    """Return an EXIF payload with that orientation behind *before* other entries, and *rest* after them."""
    entries = struct.pack(order + "HHII", 0x010F, 2, 4, 0x41414141) * before
    value = struct.pack(
        order + ("I" if kind == 4 else "HH"), *((orientation,) if kind == 4 else (orientation, 0))
    )
    entries += struct.pack(order + "HHI", 0x0112, kind, count) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, before + 1)
    return b"Exif\0\0" + head + entries + b"\0\0\0\0" + rest


def with_segments(*segments, base=None):
    """Return a JPEG with further segments at its beginning."""
    base = JPEG if base is None else base
    return base[:2] + b"".join(segments) + base[2:]


def before_scan(*segments, base=None):
    """Return a JPEG with further segments just before its first scan."""
    base = JPEG if base is None else base
    at = base.index(b"\xff\xda")
    return base[:at] + b"".join(segments) + base[at:]


def in_png(*chunks, base=None):
    """Return a PNG with further chunks behind its header."""
    base = PNG if base is None else base
    return base[:33] + b"".join(chunks) + base[33:]


def with_lines_marker(content):
    """Return a JPEG whose height comes after its scan (DNL), as some scanners write it."""
    at = content.index(b"\xff\xc0") + 5
    height = content[at : at + 2]
    return content[:at] + b"\0\0" + content[at + 2 : -2] + segment(0xDC, height) + content[-2:]


def animated():
    """Return an APNG of two images."""
    file = io.BytesIO()
    frames = [PIL.Image.effect_noise((40, 30), 50), PIL.Image.effect_noise((40, 30), 90)]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


def two_images():
    """Return a multi-image file: the index, and a second whole image behind the first."""
    file = io.BytesIO()
    first, second = (PIL.Image.effect_noise((60, 40), deviation).convert("RGB") for deviation in (50, 90))
    first.save(file, "MPO", save_all=True, append_images=[second])
    return file.getvalue()


def wide(width, height):
    """Return *JPEG* with another size in its header."""
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


JPEG = photo()
PNG = photo(kind="PNG")
PROGRESSIVE = photo(progressive=True, quality=60)
THUMBNAIL = photo(size=(40, 30))
XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40 + SECRET
GOOD = {
    "plain": JPEG,
    "gray": photo("L"),
    "CMYK with Adobe": photo("CMYK"),
    "progressive, many scans": PROGRESSIVE,
    "restart markers": photo(restart_marker_blocks=3),
    "profile in parts": photo(icc_profile=b"\0" * 300_000),
    "12 bits": JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"),
    "height after the scan": with_lines_marker(JPEG),
    "fill bytes": with_segments(b"\xff\xff\xff" + segment(0xFE, SECRET)),
    "many fill bytes": with_segments(b"\xff" * 5_000 + segment(0xFE, SECRET)),
    "fill bytes before the end": JPEG[:-2] + b"\xff\xff\xff\xff\xd9",
    "stand-alone markers": with_segments(b"\xff\x01\xff\xd0"),
    "comment": with_segments(segment(0xFE, SECRET)),
    "comment after the scan": JPEG[:-2] + segment(0xFE, SECRET) + JPEG[-2:],
    "maker's segments": with_segments(*(segment(0xE0 + number, SECRET) for number in range(3, 16))),
    "location": with_segments(segment(0xE1, exif(1, rest=SECRET))),
    "several EXIF": with_segments(
        segment(0xE1, b"Exif\0\0" + SECRET), segment(0xE1, exif(6, rest=SECRET)), segment(0xE1, exif(3))
    ),
    "thumbnail in EXIF": with_segments(segment(0xE1, exif(8, rest=THUMBNAIL))),
    "thumbnail in JFIF": with_segments(
        segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02" + b"\xff\xd9" * 6),
        segment(0xE0, b"JFXX\0\x10" + THUMBNAIL),
    ),
    "little-endian EXIF": with_segments(segment(0xE1, exif(6, "<", before=5))),
    "big-endian EXIF": with_segments(segment(0xE1, exif(5, before=5))),
    "XMP and its extension": with_segments(*[segment(0xE1, XMP)], *[segment(0xE1, MORE_XMP)] * 20),
    "EXIF behind the tables": before_scan(segment(0xE1, exif(2))),
    "orientation of another type": with_segments(segment(0xE1, exif(6, kind=4))),
    "two orientations": with_segments(segment(0xE1, exif(6, count=2))),
    "orientation that does not exist": with_segments(segment(0xE1, exif(9))),
    "EXIF that points outside": with_segments(segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "EXIF with too many entries": with_segments(
        segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\0" * 30)
    ),
    "EXIF cut short": with_segments(segment(0xE1, b"Exif\0\0MM")),
    "short JFIF and Adobe": with_segments(segment(0xE0, b"JFIF\0"), segment(0xEE, b"Adobe\0")),
    "long Adobe": with_segments(segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01" + SECRET)),
    "motion photo": JPEG + b"\0\0\0\x18ftypmp42" + SECRET * 20_000,
    "maker's trailer": JPEG + b"\0" * 9 + SECRET + b"SEFHSEFT",
    "trailer with end markers": JPEG + b"\xff\xd9" * 50_000,
    "second image": two_images(),
    "two files in one": JPEG + PROGRESSIVE,
    "50 megapixels": wide(8160, 6144),
    "50 megapixels, other": wide(8192, 6144),
    "as many pixels as may be": wide(8_000, 8_000),
    "PNG": PNG,
    "PNG with palette": photo("P", kind="PNG"),
    "PNG of 16 bits": photo("I;16", kind="PNG"),
    "PNG with alpha": photo("RGBA", kind="PNG"),
    "interlaced PNG": PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1)) + PNG[33:],
    "animated PNG": animated(),
    "PNG with EXIF": in_png(chunk(b"eXIf", exif(6)[6:])),
    "PNG with texts and time": in_png(
        chunk(b"tEXt", b"Comment\0" + SECRET),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET),
        chunk(b"tIME", b"\x07\xea\x0b\x1c\0\0\0"),
        chunk(b"caBX", SECRET),
    ),
    "PNG with colors": in_png(chunk(b"gAMA", b"\0\0\xb1\x8f"), chunk(b"sRGB", b"\0")),
    "PNG with trailer": PNG + SECRET + PNG,
    "data URL": b"data:image/jpeg;base64," + base64.b64encode(JPEG),
    "data URL in lines, without padding": b"DATA:;Base64," + base64.encodebytes(JPEG).rstrip(b"=\n"),
}
READ_BY_BROWSERS = {
    "stand-alone markers",
    "EXIF that points outside",
    "EXIF with too many entries",
    "short JFIF and Adobe",
    "data URL",
    "data URL in lines, without padding",
}
#: Files with another header than their data has, and what this decoder does not know.
NOT_DECODED = {
    "12 bits",
    "50 megapixels",
    "50 megapixels, other",
    "as many pixels as may be",
    "height after the scan",
    "interlaced PNG",
}
BAD = {
    "nothing": (b"", "empty"),
    "empty data URL": (b"data:image/png;base64,", "empty"),
    "another kind": (b"GIF89a" + b"\0" * 99, "not_an_image"),
    "HEIC": (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + b"\0" * 99, "heic"),
    "HEIC by structure": (b"\0\0\0\x24ftypmif1\0\0\0\0mif1heic" + b"\0" * 99, "heic"),
    "AVIF": (b"\0\0\0\x24ftypavif\0\0\0\0mif1avif" + b"\0" * 99, "not_an_image"),
    "no data URL": (b"data:image/jpeg;base64,%%%", "not_an_image"),
    "data URL with much before it": (b"data:" + b"x" * 91 + b";base64,AAAA", "not_an_image"),
    "only a start": (b"\xff\xd8\xff", "truncated"),
    "no end": (JPEG[:-2], "truncated"),
    "half an end": (JPEG[:-1], "truncated"),
    "end in thumbnail only": (with_segments(segment(0xE1, exif(1, rest=THUMBNAIL)))[:-2], "truncated"),
    "cut, then another": (JPEG[:-2] + JPEG, "truncated"),
    "no scan": (JPEG[: JPEG.index(b"\xff\xda")] + b"\xff\xd9", "truncated"),
    "no frame": (JPEG.replace(b"\xff\xc0", b"\xff\xef"), "truncated"),
    "two frames": (before_scan(JPEG[JPEG.index(b"\xff\xc0") : JPEG.index(b"\xff\xc0") + 19]), "not_an_image"),
    "lossless": (JPEG.replace(b"\xff\xc0", b"\xff\xc3"), "not_an_image"),
    "arithmetic": (JPEG.replace(b"\xff\xc0", b"\xff\xc9"), "not_an_image"),
    "hierarchical": (with_segments(segment(0xDE, b"\0" * 9)), "not_an_image"),
    "9 bits": (JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x09"), "not_an_image"),
    "no components": (JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x08\x08", 1), "truncated"),
    "no height": (wide(10, 0), "truncated"),
    "no width": (wide(0, 10), "truncated"),
    "height before the scan": (before_scan(segment(0xDC, b"\0\x09")), "truncated"),
    "length of one": (with_segments(b"\xff\xe5\0\x01"), "truncated"),
    "length beyond the file": (JPEG[:-2] + b"\xff\xe5\xff\xff", "truncated"),
    "reserved marker in the scan": (JPEG[:-2] + b"\xff\x02" + JPEG[-2:], "truncated"),
    "zero for a marker": (with_segments(b"\xff\0"), "truncated"),
    "no marker": (with_segments(segment(0xE5, b""), b"\0\0"), "truncated"),
    "fill bytes without an end": (JPEG[:2] + b"\xff" * 100_000, "truncated"),
    "segments without an end": (JPEG[:2] + b"\xff\xe5\0\x02" * 10_000 + JPEG[2:], "truncated"),
    "scan without an end": (JPEG[:-2] + b"\xff\0" * 500_000, "truncated"),
    "side too long": (wide(12_001, 10), "too_many_pixels"),
    "too many pixels": (wide(8_000, 8_001), "too_many_pixels"),
    "too many pixels, height after the scan": (with_lines_marker(wide(12_000, 12_000)), "too_many_pixels"),
    "too many bytes": (JPEG[:-2] + b"\0" * MAX_IMAGE_BYTES + JPEG[-2:], "too_large"),
    "PNG without an end": (PNG[:-12], "truncated"),
    "PNG with a wrong checksum": (PNG[:50] + b"x" + PNG[51:], "truncated"),
    "PNG with a wrong checksum in a text": (in_png(chunk(b"tEXt", SECRET)[:-1] + b"\0"), "truncated"),
    "PNG with two headers": (in_png(PNG[8:33]), "truncated"),
    "PNG without data": (PNG[:33] + chunk(b"IEND", b""), "truncated"),
    "PNG with empty data": (PNG[:33] + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "truncated"),
    "PNG with an unknown critical chunk": (in_png(chunk(b"SECR", SECRET)), "not_an_image"),
    "PNG of Apple's own kind": (PNG[:8] + chunk(b"CgBI", b"\0" * 4) + PNG[8:], "truncated"),
    "PNG with a length beyond the file": (PNG[:33] + b"\xff\xff\xff\xffIDAT", "truncated"),
    "PNG of 3 bits": (
        PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 3, 2, 0, 0, 0)) + PNG[33:],
        "truncated",
    ),
    "PNG too wide": (make_png(12_001, 1), "too_many_pixels"),
    "PNG with huge sides": (
        PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**32 - 1, 2**32 - 1, 8, 0, 0, 0, 0)) + PNG[33:],
        "too_many_pixels",
    ),
}
TABLE = {**GOOD, **{name: content for name, (content, _code) in BAD.items()}}

GATES = """async ([paths, rules]) => {
    const { decodeDataURL, inspect, fingerprint } = await import("/images.js");
    const answers = [];
    for (const path of paths) {
        const content = new Uint8Array(await (await fetch(path)).arrayBuffer());
        try {
            const { bytes, mime, width, height } = inspect(decodeDataURL(content), rules);
            answers.push([null, mime, width, height, await fingerprint(bytes)]);
        } catch (error) {
            answers.push([error.code ?? `${error}`]);
        }
    }
    return answers;
}"""


class Page:
    """A page alongside the scripts of the capture page, to which files are served."""

    def __init__(self, page, files):
        self._page = page
        self._files = files

    async def evaluate(self, script, files, *arguments):
        """Return what *script* makes of the paths of *files*: they are too large to hand over as text."""
        paths = [f"/files/{number}" for number in range(len(files))]
        self._files.clear()
        self._files.update(zip(paths, files, strict=True))
        return await self._page.evaluate(script, [paths, *arguments])


@pytest_asyncio.fixture(loop_scope="session")
async def scripts(chromium):
    """A page alongside the scripts of the capture page, without anything else."""
    files = {}

    class Handler(http.server.SimpleHTTPRequestHandler):
        """Serves the scripts, and *files* by path."""

        def log_message(self, *_):
            """Log nothing."""

        def do_GET(self):
            """Answer with a file of the test, or with a script."""
            if self.path not in files:
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[self.path])))
            self.end_headers()
            self.wfile.write(files[self.path])
            return None

    handler = functools.partial(Handler, directory=proofing_server.__path__[0] + "/static")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"http://localhost:{server.server_port}/icon.svg")
    yield Page(page, files)
    await context.close()
    server.shutdown()
    server.server_close()


async def answers_of_the_browser(page, files):
    """Return what the check in static/images.js answers to each file."""
    return await page.evaluate(GATES, list(files), rules())


def answer_of_the_job(content):
    """Return what the check in core answers; a data URL is decoded before it, as by the form post."""
    code, content = check_image(content, allow_text=False)
    if code:
        return [code]
    image = inspect_image(content)
    return [None, image.media_type, image.width, image.height, image.fingerprint]


async def test_both_gates_answer_the_same(scripts):
    """Each file of the table is taken or refused alike, and what is kept of it has the same bytes."""
    found = await answers_of_the_browser(scripts, TABLE.values())
    by_name = dict(zip(TABLE, found, strict=True))
    assert by_name == {name: answer_of_the_job(content) for name, content in TABLE.items()}
    assert {name: answer[0] for name, answer in by_name.items()} == {
        **dict.fromkeys(GOOD),
        **{name: code for name, (_content, code) in BAD.items()},
    }


async def test_both_gates_answer_the_same_to_damaged_files(scripts):
    """Bytes changed, cut out, put in or moved: one answer, and neither gate hangs or reads outside."""
    generator = random.Random(SEED)  # noqa: S311 - a repeatable series, no secret
    sources = [content for content in GOOD.values() if len(content) < 40_000]
    files = []
    for _ in range(600):
        content = bytearray(generator.choice(sources))
        for _ in range(generator.randrange(1, 4)):
            start = min(int(generator.expovariate(1 / 300)), len(content) - 1)
            length = generator.randrange(1, 20)
            match generator.randrange(4):
                case 0:
                    content[start] = generator.randrange(256)
                case 1:
                    del content[start : start + length]
                case 2:
                    content[start:start] = generator.choice((b"\xff", generator.randbytes(length)))
                case _:
                    content = content[: max(1, len(content) - length * 50)]
            content = content or bytearray(b"x")
        files.append(bytes(content))
    found = await answers_of_the_browser(scripts, files)
    expected = [answer_of_the_job(content) for content in files]
    different = [number for number in range(len(files)) if found[number] != expected[number]]
    assert not different, [(number, found[number], expected[number]) for number in different[:5]]
    codes = [answer[0] for answer in expected]
    assert codes.count(None) > 30
    assert codes.count("truncated") > 30


@pytest.mark.parametrize("name", GOOD)
async def test_only_the_image_is_kept(name):
    """Nothing of metadata or of another image is left; pixels are the same; it passes again, unchanged."""
    content = check_image(GOOD[name], allow_text=False)[1]
    assert inspect_image(content).content == content
    for trace in (
        SECRET,
        b"Comment",
        b"http:",
        b"MPF\0",
        b"ftyp",
        b"JFXX",
        b"acTL",
        b"fdAT",
        b"tIME",
        b"eXIf",
    ):
        assert trace not in content
    assert content[-2:] == b"\xff\xd9" or content[-12:] == PNG[-12:]
    assert content.count(b"\xff\xd8\xff") <= 1
    if name in NOT_DECODED:
        return
    # Some files are read by browsers and not by this decoder; the image in them is the plain one.
    source = JPEG if name in READ_BY_BROWSERS else GOOD[name]
    before, after = (PIL.Image.open(io.BytesIO(each)) for each in (source, content))
    before.load()
    after.load()
    assert (before.mode, before.size, before.tobytes()) == (after.mode, after.size, after.tobytes())


@pytest.mark.parametrize(
    ("name", "orientation"),
    [
        ("plain", None),
        ("location", None),
        ("several EXIF", 6),
        ("thumbnail in EXIF", 8),
        ("little-endian EXIF", 6),
        ("big-endian EXIF", 5),
        ("EXIF behind the tables", 2),
        ("orientation of another type", None),
        ("orientation that does not exist", None),
    ],
)
async def test_of_exif_the_orientation_alone_is_kept(name, orientation):
    """The image is shown the same way up, and the segment that says so holds nothing else."""
    kept = PIL.Image.open(io.BytesIO(inspect_image(GOOD[name]).content)).getexif()
    assert dict(kept) == ({} if orientation is None else {0x0112: orientation})


async def test_fingerprints_do_not_depend_on_metadata():
    """The same image with another time, place or film is the same image."""
    marks = {
        inspect_image(GOOD[name]).fingerprint for name in ("plain", "location", "motion photo", "comment")
    }
    assert marks == {inspect_image(JPEG).fingerprint}


SCALE = """async ([[path], rules]) => {
    const { prepareImage } = await import("/images.js");
    const content = await (await fetch(path)).blob();
    const { bytes, ...facts } = await prepareImage(content, rules);
    let binary = "";
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return [btoa(binary), facts];
}"""
PERTURB = """() => {
    // As browsers do that hide from tracking.
    for (const kind of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {
        const read = kind.prototype.getImageData;
        kind.prototype.getImageData = function (...where) {
            const image = read.apply(this, where);
            image.data[5] ^= 1;
            return image;
        };
    }
}"""


def rules(**changes):
    """Return the page's rules with changes."""
    return {"maxBytes": MAX_IMAGE_BYTES, "maxPixels": MAX_PIXELS, "maxSidePixels": MAX_SIDE_PIXELS, **changes}


async def scale(page, content, **changes):
    """Return what the page prepares of a file, and the facts about it."""
    text, facts = await page.evaluate(SCALE, [content], rules(**changes))
    return base64.b64decode(text), facts


async def test_only_an_image_above_a_limit_is_scaled(scripts):
    """One within the limits keeps its bytes; one above them keeps its way up, and pixels enough to read."""
    turned = PIL.Image.Exif()
    turned[0x0112] = 6
    content = photo(size=(5_000, 2_500), exif=turned)
    kept, facts = await scale(scripts, content)
    assert kept == inspect_image(content).content
    assert facts == {"mime": "image/jpeg", "width": 2_500, "height": 5_000}
    for limit in ({"maxPixels": 12_000_000}, {"maxSidePixels": 4_999}):
        scaled, facts = await scale(scripts, content, **limit)
        image = inspect_image(scaled)
        assert (image.width, image.height) == (4_000, 2_000)
        assert facts == {"mime": "image/jpeg", "width": 2_000, "height": 4_000, "scaled": True}
        assert dict(PIL.Image.open(io.BytesIO(scaled)).getexif()) == {0x0112: 6}
    png, facts = await scale(scripts, photo(kind="PNG", size=(4_500, 3_000)), maxPixels=12_000_000)
    assert (facts["mime"], facts["width"], facts["height"]) == ("image/jpeg", 4_000, 2_667)
    assert PIL.Image.open(io.BytesIO(png)).format == "JPEG"


async def test_a_64_megapixel_photo_is_scaled(scripts):
    """Phones whose images are a little over the limit are not refused for it."""
    _scaled, facts = await scale(scripts, make_jpeg(9_248, 6_936))
    assert facts == {"mime": "image/jpeg", "width": 4_000, "height": 3_000, "scaled": True}


@pytest.mark.parametrize("reason", ["bytes", "canvas", "decoder"])
async def test_an_image_that_cannot_be_scaled_is_refused(scripts, reason):
    """Never below 2,100 pixels, never by a canvas that changes pixels; the code is the limit's."""
    content, limit = photo(size=(2_400, 1_200)), {"maxPixels": 1_000}
    if reason == "bytes":
        limit = {"maxBytes": 10_000}
    elif reason == "canvas":
        await scripts.evaluate(PERTURB, [])
    else:
        content = content.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    with pytest.raises(Exception, match="too_large" if reason == "bytes" else "too_many_pixels"):
        await scale(scripts, content, **limit)


async def test_of_scaled_sizes_none_is_below_what_can_be_read(scripts):
    """Smaller and smaller until it fits, and 2,100 pixels are the last try."""
    content = photo(size=(4_600, 2_300))
    largest, _facts = await scale(scripts, content, maxSidePixels=4_500)
    for share in (0.9, 0.5):
        limit = int(len(largest) * share)
        scaled, facts = await scale(scripts, content, maxSidePixels=4_500, maxBytes=limit)
        assert len(scaled) <= limit
        assert 2_100 <= facts["width"] < 4_000
