"""Colors that can be read, and logos that are part of the settings."""

import base64
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from proofing.settings import branding
from proofing.settings.relying_parties import BrandingSettings
from proofing.testing.images import make_jpeg

STYLE = Path(__file__).resolve().parents[3] / "server" / "proofing_server" / "static" / "style.css"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def data_url(content, media_type="image/png"):
    """Return *content* as a data: URL."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast(one, other, ratio):
    """Known pairs of WCAG's tools; the order does not matter."""
    assert branding.contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert branding.contrast(other, one) == branding.contrast(one, other)


@pytest.mark.parametrize("color", ["#005ea2", "#005EA2", "#000000", "#8b0a1a", "#1b5e20"])
def test_a_color_that_can_be_read(color):
    """Every text that it colors, or that is on it, has the contrast, in both schemes."""
    checked = branding.check_color(color)
    made = branding.palette(checked)
    assert made.accent == checked == color.lower()
    for shade in (made.accent, made.strong):
        for ground in (branding.LIGHT_GROUND, "#ffffff"):
            assert branding.contrast(shade, ground) >= branding.MIN_CONTRAST
    for shade in (made.dark_accent, made.dark_strong):
        for ground in (branding.DARK_GROUND, "#06222d"):
            assert branding.contrast(shade, ground) >= branding.MIN_CONTRAST


@pytest.mark.parametrize("color", ["#ffcc00", "#767676", "#ffffff", "#2e8fd0"])
def test_a_color_that_cannot(color):
    """The error says how far off it is, and names one near it that would do."""
    with pytest.raises(ValueError, match=r"contrast of \d+\.\d:1 .*needs 4\.5:1 \(WCAG 2\.2") as refused:
        branding.check_color(color)
    assert branding.check_color(re.search(r"such as '(#[0-9a-f]{6})'", str(refused.value))[1])


@pytest.mark.parametrize("color", ["blue", "#fff", "005ea2", "#005ea2;", "#005ea", "url(x)", ""])
def test_what_is_no_color(color):
    """Names, short forms and anything else of CSS are refused."""
    with pytest.raises(ValueError, match="six hexadecimal digits"):
        branding.check_color(color)


def test_the_grounds_are_those_of_the_pages():
    """No ground of a link in the style sheet leaves less contrast than those that colors are held to."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)
    # Links on the ground of errors have the color of errors.
    names = r"--(?:paper|ground|info-ground|warning-ground|success-ground): (#[0-9a-f]{6})"
    for scheme, ground, text in (
        (light, branding.LIGHT_GROUND, "#000000"),
        (dark, branding.DARK_GROUND, "#ffffff"),
    ):
        grounds = re.findall(names, scheme)
        assert len(grounds) == 5
        assert min(branding.contrast(one, text) for one in grounds) == branding.contrast(ground, text)


def test_a_logo():
    """PNG and JPEG, as they are."""
    assert branding.read_logo(data_url(PNG)) == branding.Logo("image/png", PNG)
    jpeg = make_jpeg()
    assert branding.read_logo(data_url(jpeg, "image/jpeg")) == branding.Logo("image/jpeg", jpeg)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://example.gov/logo.png", "load nothing from other hosts"),
        ("/static/logo.png", "must be a data: URL"),
        (data_url(b"<svg/>", "image/svg+xml"), "PNG or JPEG"),
        (data_url(b"GIF89a"), "is no file of the type image/png"),
        ("data:image/png;base64,a", "base64"),
        (data_url(PNG + bytes(branding.MAX_LOGO_BYTES)), "may have 65536"),
    ],
)
def test_what_is_no_logo(text, why):
    """Each says what to do; the value is not repeated."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(BrandingSettings).validate_python({"logo": text})
    (error,) = refused.value.errors()
    assert why in error["msg"]
    assert text not in error["msg"]
