"""What the capture page measures in the pixels of a photo: hints, the frame of the camera, its shutter."""

import base64
import random
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image, ImageChops, ImageDraw, ImageFilter

import proofing_server
from proofing_server.compression import read_static

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

STATIC = Path(proofing_server.__path__[0]) / "static"
SEED = 20_261_130
#: Nothing is asked of the network there.
ORIGIN = "http://scripts.test"
#: A card of 85.6 by 53.98 mm, at ten pixels a millimeter.
CARD = (856, 540)
#: Returns what `hintsOf` says of photos: their gray values in base64, width, height, side and length as sent.
HINTS = """async ([address, photos]) => {
    const { hintsOf } = await import(address);
    return photos.map(([gray, width, height, side, longPixels]) => {
        const values = Uint8Array.from(atob(gray), (character) => character.charCodeAt(0));
        return hintsOf({ values, width, height }, { side, longPixels });
    });
}"""


def draw_card(seed=SEED):
    """Return a drawn card of gray values: a portrait, lines of letters, and a barcode."""
    generator = random.Random(seed)  # noqa: S311 - a repeatable drawing, no secret
    card = Image.new("L", CARD, 215)
    pen = ImageDraw.Draw(card)
    pen.rectangle((0, 0, CARD[0], 70), fill=120)
    pen.ellipse((60, 130, 240, 360), fill=90)
    for line in range(9):
        at = 290
        while at < 780:
            width = generator.randrange(4, 14)
            pen.rectangle((at, 110 + line * 32, at + width, 126 + line * 32), fill=40)
            at += width + generator.randrange(4, 10)
    at = 60
    while at < 790:
        width = generator.randrange(2, 8)
        pen.rectangle((at, 420, at + width, 500), fill=20)
        at += width + generator.randrange(2, 8)
    return card


def photo_of(card, *, size=(1200, 800), scale=1.2, at=(0.5, 0.5), turned=0.0, ground=60, noise=5):
    """Return a photo of *card* on a plain surface; *at* is its center, in parts of the photo."""
    layer = Image.new("L", size, 0)
    mask = Image.new("L", size, 0)
    shown = card.resize((round(card.width * scale), round(card.height * scale)))
    corner = round(size[0] * at[0] - shown.width / 2), round(size[1] * at[1] - shown.height / 2)
    layer.paste(shown, corner)
    mask.paste(255, (*corner, corner[0] + shown.width, corner[1] + shown.height))
    layer, mask = (each.rotate(turned, Image.Resampling.BICUBIC) for each in (layer, mask))
    photo = Image.composite(layer, Image.new("L", size, ground), mask)
    return Image.blend(photo, Image.effect_noise(size, 80), noise / 80).filter(ImageFilter.GaussianBlur(0.6))


def with_glare(photo, at=(700, 350), radius=110):
    """Return *photo* with a spot of light."""
    spot = Image.new("L", photo.size, 0)
    box = (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius)
    ImageDraw.Draw(spot).ellipse(box, fill=255)
    return Image.composite(Image.new("L", photo.size, 255), photo, spot.filter(ImageFilter.GaussianBlur(6)))


def gray(photo):
    """Return *photo* as the scripts take it."""
    return [base64.b64encode(photo.tobytes()).decode(), photo.width, photo.height]


@pytest_asyncio.fixture(loop_scope="session")
async def scripts(chromium):
    """A page that can import the scripts of the capture page, without anything else."""
    context = await chromium.new_context()
    page = await context.new_page()

    async def serve(route):
        path = STATIC / route.request.url.rsplit("/", 1)[1]
        await route.fulfill(path=path, content_type=read_static(STATIC)[path.name].media_type)

    await page.route("**/*", serve)
    await page.goto(f"{ORIGIN}/icon.svg")
    yield page
    await context.close()


def blurred(photo, radius):
    """Return *photo* out of focus by *radius* pixels."""
    return photo.filter(ImageFilter.GaussianBlur(radius))


def dark(photo):
    """Return *photo* in bad light."""
    return photo.point(lambda value: value // 5)


#: Name, photo, long side as it would be sent, and the hints.
PHOTOS = [
    ("good", lambda: photo_of(draw_card()), 4000, []),
    ("another card", lambda: photo_of(draw_card(7)), 4000, []),
    ("turned by 5 degrees", lambda: photo_of(draw_card(), turned=5), 4000, []),
    ("on a light table", lambda: photo_of(draw_card(), ground=170), 4000, []),
    ("upright phone", lambda: photo_of(draw_card(), size=(800, 1100), scale=0.85), 4000, []),
    ("a scan without a background", lambda: draw_card().resize((1200, 757)), 2000, []),
    ("a little soft", lambda: blurred(photo_of(draw_card()), 0.8), 4000, []),
    ("out of focus", lambda: blurred(photo_of(draw_card()), 3), 4000, ["blurry"]),
    ("far out of focus", lambda: blurred(photo_of(draw_card()), 8), 4000, ["blurry"]),
    ("far away", lambda: photo_of(draw_card(), scale=0.5), 2000, ["too_small"]),
    ("few pixels", lambda: photo_of(draw_card()), 800, ["too_small"]),
    ("beyond the right border", lambda: photo_of(draw_card(), at=(0.85, 0.5)), 4000, ["cut_off"]),
    ("beyond the left border", lambda: photo_of(draw_card(), at=(0.15, 0.5)), 4000, ["cut_off"]),
    ("beyond the bottom", lambda: photo_of(draw_card(), at=(0.5, 0.8)), 4000, ["cut_off"]),
    ("glare", lambda: with_glare(photo_of(draw_card())), 4000, ["glare"]),
    ("dark", lambda: dark(photo_of(draw_card())), 4000, ["too_dark"]),
    ("noise", lambda: Image.effect_noise((1200, 800), 140), 4000, []),
    ("one color", lambda: Image.new("L", (1200, 900), 128), 4000, []),
]


@pytest.mark.parametrize("case", PHOTOS, ids=lambda case: case[0])
async def test_hints(scripts, case):
    """Each drawn photo gets the advice that helps, and a good one none."""
    _, make, long_pixels, expected = case
    photo = [*gray(make()), "front", long_pixels]
    found = await scripts.evaluate(HINTS, [f"{ORIGIN}/photo_quality.js", [photo]])
    assert found == [expected]


async def test_a_selfie_is_not_taken_for_a_card(scripts):
    """Of a face only darkness is said: a blurred background and a border without edges are fine."""
    photos = [blurred(photo_of(draw_card(), at=(0.85, 0.5)), 6), dark(photo_of(draw_card()))]
    found = await scripts.evaluate(
        HINTS, [f"{ORIGIN}/photo_quality.js", [[*gray(photo), "selfie", 640] for photo in photos]]
    )
    assert found == [[], ["too_dark"]]


#: Returns the advice of looks at the camera's frame, and whether the photo would be taken.
LOOKS = """async ([address, looks]) => {
    const { lookAt, Steadiness } = await import(address);
    const steadiness = new Steadiness();
    const grayOf = ([gray, width, height]) => {
        const values = Uint8Array.from(atob(gray), (character) => character.charCodeAt(0));
        return { values, width, height };
    };
    return looks.map(([region, detail]) => {
        const look = lookAt(grayOf(region), grayOf(detail));
        return [look.advice, steadiness.isSteady(look)];
    });
}"""


def look_at(photo):
    """Return what the camera's script gets to see of *photo*, whose middle is the frame."""
    region = photo.resize((400, round(400 * photo.height / photo.width)), Image.Resampling.BILINEAR)
    middle = photo.crop((photo.width // 4, photo.height // 4, photo.width * 3 // 4, photo.height * 3 // 4))
    return [gray(region), gray(middle)]


async def looks(scripts, *photos):
    """Return advice and shutter for each photo, one after the other."""
    return await scripts.evaluate(LOOKS, [f"{ORIGIN}/card_frame.js", [look_at(photo) for photo in photos]])


def frame_with(**how):
    """Return the frame of the camera, and its margin, with a card in it."""
    return photo_of(draw_card(), **{"size": (1200, 757), "scale": 1.1, **how})


async def test_the_shutter_waits_for_a_card_that_stays(scripts):
    """Three good looks in a row, with the card in one place; a movement begins again."""
    good, moved = frame_with(), frame_with(at=(0.46, 0.5))
    assert await looks(scripts, good, good, moved, moved, moved) == [
        ["hold", False],
        ["hold", False],
        ["hold", False],
        ["hold", False],
        ["hold", True],
    ]


@pytest.mark.parametrize(
    ("advice", "make"),
    [
        ("fit", lambda: Image.new("L", (1200, 757), 90)),
        ("fit", lambda: Image.effect_noise((1200, 757), 100)),
        ("closer", lambda: frame_with(at=(0.85, 0.5))),
        ("closer", lambda: frame_with(scale=0.7)),
        ("dark", lambda: dark(frame_with())),
        ("glare", lambda: with_glare(frame_with())),
        ("sharpen", lambda: blurred(frame_with(), 4)),
    ],
)
async def test_the_shutter_never_fires(scripts, advice, make):
    """Without a card that is whole, large, lit and sharp there is advice, and no photo."""
    photo = make()
    assert await looks(scripts, *[photo] * 5) == [[advice, False]] * 5


def in_the_hand(seed):
    """Yield frames of a video: an empty table, a card that comes into view, and one that a hand holds."""
    generator = random.Random(seed)  # noqa: S311 - a repeatable movement, no secret
    yield from [table("wood", seed)] * 3
    for step in range(6):
        # Moved by a twelfth of the frame between two looks, each out of focus by its movement.
        yield blurred(frame_with(at=(1.1 - 0.1 * step, 0.6 - 0.02 * step), turned=6 - step), 3.5)
    x, y, turned = 0.5, 0.5, 1.0
    for _ in range(12):
        # A hand shakes by some millimeters, and the focus hunts.
        x, y = (min(0.51, max(0.49, at + generator.uniform(-0.005, 0.005))) for at in (x, y))
        turned = min(2.5, max(-2.5, turned + generator.uniform(-0.5, 0.5)))
        frame = frame_with(at=(x, y), turned=turned, noise=generator.choice((5, 8)))
        yield blurred(frame, generator.choice((0, 0.4, 0.8)))


def table(kind, seed=SEED):
    """Return a table without a card on it."""
    generator = random.Random(seed)  # noqa: S311 - a repeatable drawing, no secret
    size = (1200, 757)
    photo = Image.new("L", size, 120)
    pen = ImageDraw.Draw(photo)
    if kind == "wood":
        for _ in range(300):
            at, dark_as = generator.randrange(size[1]), generator.randrange(90, 140)
            pen.line((0, at, size[0], at + generator.randrange(-8, 8)), dark_as, generator.randrange(1, 4))
    elif kind == "planks":
        for at in range(generator.randrange(150), size[1], 190):
            pen.rectangle((0, at, size[0], at + 6), fill=40)
    elif kind == "checks":
        each = generator.choice((80, 150, 260))
        for at in range(generator.randrange(each), size[0], each):
            pen.rectangle((at, 0, at + each // 2, size[1]), fill=180)
        shade = Image.new("L", size, 0)
        across = ImageDraw.Draw(shade)
        for at in range(generator.randrange(each), size[1], each):
            across.rectangle((0, at, size[0], at + each // 2), fill=90)
        photo = ImageChops.subtract(photo, shade.point(lambda value: value // 2))
    elif kind == "corner":
        pen.rectangle((generator.randrange(200, 900), 0, size[0], size[1]), fill=30)
        pen.rectangle((0, generator.randrange(200, 600), size[0], size[1]), fill=200)
    noise = Image.effect_noise(size, 40)
    return Image.blend(photo, noise, 0.1)


@pytest.mark.parametrize("seed", range(8))
async def test_the_shutter_fires_for_a_card_in_the_hand(scripts, seed):
    """Not while it comes into view; within two seconds once it is held, although the hand shakes."""
    found = await looks(scripts, *in_the_hand(seed))
    fired = [at for at, (_, fires) in enumerate(found) if fires]
    assert fired, found
    assert 9 <= fired[0] <= 20, found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["wood", "planks", "checks", "corner"])
async def test_the_shutter_never_fires_for_a_table(scripts, kind, seed):
    """Whatever is drawn on it."""
    found = await looks(scripts, *[table(kind, seed)] * 5)
    assert [fires for _, fires in found] == [False] * 5, found


#: Returns the frame for a side in a box, and the part of a video that it shows.
FRAME = """async ([address, side, box, video]) => {
    const { frameIn, inVideo } = await import(address);
    const frame = frameIn(side, box);
    const shown = inVideo(frame, box, video);
    return [frame, shown].map(({ x, y, width, height }) => [x, y, width, height].map(Math.round));
}"""


@pytest.mark.parametrize(
    ("side", "box", "video", "expected"),
    [
        # An upright phone: the video is cut off at left and right.
        ("front", (360, 480), (1440, 2560), [[18, 138, 324, 204], [72, 871, 1296, 817]]),
        # A wide window: the frame is as high as fits.
        ("back", (1000, 400), (2560, 1440), [[215, 20, 571, 360], [549, 259, 1461, 922]]),
        ("passport", (360, 480), (2560, 1440), [[18, 126, 324, 228], [794, 378, 972, 684]]),
        ("selfie", (360, 480), (1280, 720), [[18, 24, 324, 432], [397, 36, 486, 648]]),
    ],
)
async def test_the_frame_in_the_video(scripts, side, box, video, expected):
    """What is measured is what the frame shows, also where the window cuts the video off."""
    sizes = [dict(zip(("width", "height"), size, strict=True)) for size in (box, video)]
    found = await scripts.evaluate(FRAME, [f"{ORIGIN}/card_frame.js", side, *sizes])
    assert found == expected
