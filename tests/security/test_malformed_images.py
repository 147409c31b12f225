"""Malformed images end to end: encrypted and uploaded as a browser does, and never shown to a vendor.

The gate alone is tried with 10,000 of them in tests/core/rules/test_image_check.py.
"""

import random
import struct

from proofing.app.service import PersonRef
from proofing.contracts.images import Side
from proofing.contracts.records import EndState
from proofing.testing.images import make_jpeg, make_png
from proofing_devtools.capture import upload_images

CASES = {"test_no_vendor_sees_a_malformed_image": (300, 3_000)}
SEED = 20261124
JPEG, PNG = make_jpeg(64, 40), make_png(64, 40)


def malform(generator):  # noqa: PLR0911 - one return for each way is the table
    """Return what no decoder could take: cut, lying, damaged or too large, or another kind of file."""
    junk = b"\x00" + generator.randbytes(generator.randrange(1, 900))  # a zero byte: no text, in no encoding
    match generator.randrange(9):
        case 0:
            return JPEG[: generator.randrange(1, len(JPEG) - 1)]
        case 1:
            return PNG[: generator.randrange(1, len(PNG) - 1)]
        case 2:  # every chunk of a PNG has a checksum
            position = generator.randrange(8, len(PNG))
            return PNG[:position] + bytes([PNG[position] ^ 1 << generator.randrange(8)]) + PNG[position + 1 :]
        case 3:  # another kind of file behind the first bytes of an image
            return generator.choice((JPEG[:3], PNG[:8])) + junk
        case 4:  # more pixels than anybody needs
            return make_png(12_001 + generator.randrange(9), 1, comment=junk)
        case 5:
            return make_jpeg(0, generator.randrange(1, 99))
        case 6:  # a first segment longer than the file
            return JPEG[:4] + struct.pack(">H", 0xFFFF) + JPEG[6:]
        case 7:
            start = generator.choice((b"GIF89a", b"%PDF-1.7", b"PK\x03\x04", b"RIFF", b"\x7fELF", b"MZ", b""))
            return start + junk
        case _:  # a whole image, but not at the start
            return junk + generator.choice((JPEG, PNG))


async def test_no_vendor_sees_a_malformed_image(cases, claim, process):
    """Each ends as a bad image, its objects are deleted, and the vendor was never asked."""
    generator = random.Random(SEED)  # noqa: S311 - a repeatable series, no secret
    async with process() as running:
        for number in range(cases):
            person = PersonRef(reference=f"person-{number}")
            bad, good = malform(generator), JPEG
            images = {Side.FRONT: bad, Side.BACK: good} if number % 2 else {Side.FRONT: good, Side.BACK: bad}
            uploaded = await upload_images(running.service, images, person=person)
            await running.service.submit_uploads(person, **uploaded)
        ends = await running.drain()
        assert [record.end_state for record in ends] == [EndState.BAD_IMAGE] * cases
        assert running.asked == []
    claim("S7", "Malformed images, encrypted and uploaded, reach no vendor", f"0 of {cases:,} reached one")


async def test_the_same_way_leads_a_good_image_to_the_vendor(process):
    """The test above would see a call."""
    async with process() as running:
        images = {Side.FRONT: JPEG, Side.BACK: make_jpeg(64, 40, comment=b"back")}
        uploaded = await upload_images(running.service, images)
        await running.service.submit_uploads(PersonRef(reference="person-1"), **uploaded)
        (end,) = await running.drain()
        assert end.end_state is EndState.DONE
        assert running.asked
