"""How the pages of a policy may look: colors with enough contrast, and logos that are part of the settings.

A color is held to WCAG 2.2, success criterion 1.4.3 (contrast, minimum): text and its ground differ by at
least 4.5:1. It colors links, and buttons under white text; the dark scheme of the pages takes a lighter tint.
"""

import base64
import binascii
import re
from dataclasses import dataclass

_HEX = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE | re.ASCII)
#: WCAG 2.2, success criterion 1.4.3.
MIN_CONTRAST = 4.5
#: The grounds of links that leave least contrast, in the light and in the dark scheme of static/style.css.
LIGHT_GROUND, DARK_GROUND = "#eef4f7", "#2a2112"
_WHITE, _BLACK = "#ffffff", "#000000"
_STEPS = 100
_DATA_URL = re.compile(r"data:(image/(?:png|jpeg));base64,([A-Za-z0-9+/=]+)", re.ASCII)
_FILE_STARTS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
#: Of the file; every page loads it.
MAX_LOGO_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Logo:
    """The image of a logo.

    Attributes:
        media_type: ``image/png`` or ``image/jpeg``.
        content: of the file.
    """

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colors of links and buttons, made from one.

    Attributes:
        accent: in the light scheme; strong: under the pointer.
        dark_accent: in the dark scheme; dark_strong: under the pointer.
    """

    accent: str
    strong: str
    dark_accent: str
    dark_strong: str


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors ``#rrggbb``, from 1 to 21. WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def check_color(text: str) -> str:
    """Return *text* in lower case if it is a color that can be read on the pages.

    Raises:
        ValueError: it is not a color, or has too little contrast; names one that would do.
    """
    if not _HEX.fullmatch(text):
        raise ValueError("must be a color of six hexadecimal digits in quotes, such as '#005ea2'")
    color = text.lower()
    found = contrast(color, LIGHT_GROUND)
    if found < MIN_CONTRAST:
        darker = _until_readable(color, _BLACK, LIGHT_GROUND)
        raise ValueError(
            f"has a contrast of {int(found * 10) / 10}:1 with the light grounds of the pages, and text needs "
            f"{MIN_CONTRAST}:1 (WCAG 2.2, 1.4.3): take a darker color, such as '{darker}'"
        )
    return color


def palette(color: str) -> Palette:
    """Return the colors that are made from one that `check_color` took."""
    dark = _until_readable(color, _WHITE, DARK_GROUND)
    return Palette(
        accent=color,
        strong=_mix(color, _BLACK, 0.25),
        dark_accent=dark,
        dark_strong=_mix(dark, _WHITE, 0.35),
    )


def read_logo(text: str) -> Logo:
    """Return the logo in a ``data:`` URL.

    Raises:
        ValueError: it is no PNG or JPEG image there, or too large.
    """
    found = _DATA_URL.fullmatch(text)
    if found is None:
        raise ValueError(
            "must be a data: URL of a PNG or JPEG image in base64, such as data:image/png;base64,iVBO…; "
            "the pages load nothing from other hosts"
        )
    try:
        content = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        raise ValueError("is not valid base64") from None
    if not content.startswith(_FILE_STARTS[found[1]]):
        raise ValueError(f"is no file of the type {found[1]}")
    if len(content) > MAX_LOGO_BYTES:
        raise ValueError(f"has {len(content)} bytes, and may have {MAX_LOGO_BYTES}: every page loads it")
    return Logo(found[1], content)


def check_logo(text: str) -> str:
    """Return *text* if it is a logo. Raises as `read_logo` does."""
    read_logo(text)
    return text


def _luminance(color: str) -> float:
    """Return the relative luminance of a color, from 0 to 1. WCAG 2.2."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB


def _until_readable(color: str, toward: str, ground: str) -> str:
    """Return *color* mixed with as much of *toward* as it takes to be read on *ground*."""
    mixes = (_mix(color, toward, step / _STEPS) for step in range(_STEPS + 1))
    return next(mix for mix in mixes if contrast(mix, ground) >= MIN_CONTRAST)


def _mix(color: str, other: str, share: float) -> str:
    """Return *color* with this *share* of the *other* one."""
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(one * (1 - share) + two * share):02x}" for one, two in pairs)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
