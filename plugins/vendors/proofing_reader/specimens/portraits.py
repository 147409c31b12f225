"""Portraits of people who do not exist: a face of circles, arcs and a few colors."""

import random

from PIL import Image, ImageDraw

_SKINS = ("#f2d3bd", "#e3b491", "#c68e67", "#9a6742", "#6f4630")
_HAIRS = ("#1d1a18", "#4a2f1d", "#8a5a2b", "#c99f57", "#8f8f8f", "#7a2e1a")
_COATS = ("#2c3e63", "#6b2d3c", "#2f5d50", "#5a5a5a", "#7d6a3a")


def draw_portrait(rng: random.Random, width: int, height: int) -> Image.Image:
    """Return a portrait of so many pixels."""
    image = Image.new("RGB", (width, height), "#d9e2ea")
    draw = ImageDraw.Draw(image)
    skin, hair, coat = rng.choice(_SKINS), rng.choice(_HAIRS), rng.choice(_COATS)
    middle, face = width / 2, width * rng.uniform(0.23, 0.28)
    eyes = height * 0.43
    draw.ellipse((width * 0.08, height * 0.74, width * 0.92, height * 1.4), fill=coat)
    draw.rectangle((middle - face * 0.42, height * 0.6, middle + face * 0.42, height * 0.8), fill=skin)
    if rng.random() < 0.5:  # noqa: PLR2004 - half of them
        draw.rounded_rectangle(
            (middle - face * 1.25, eyes - face * 1.3, middle + face * 1.25, height * 0.76), face, fill=hair
        )
    draw.ellipse((middle - face, eyes - face * 1.25, middle + face, eyes + face * 1.45), fill=skin)
    draw.chord(
        (middle - face * 1.08, eyes - face * 1.45, middle + face * 1.08, eyes + face * 0.6),
        180,
        360,
        fill=hair,
    )
    for side in (-1, 1):
        x = middle + side * face * 0.42
        draw.ellipse((x - face * 0.17, eyes - face * 0.1, x + face * 0.17, eyes + face * 0.12), fill="white")
        draw.ellipse(
            (x - face * 0.08, eyes - face * 0.08, x + face * 0.08, eyes + face * 0.1), fill="#30261f"
        )
        draw.line(
            (x - face * 0.22, eyes - face * 0.24, x + face * 0.22, eyes - face * 0.28), fill=hair, width=3
        )
    draw.line((middle, eyes, middle - face * 0.1, eyes + face * 0.5), fill="#00000055", width=2)
    draw.arc(
        (middle - face * 0.4, eyes + face * 0.45, middle + face * 0.4, eyes + face * 1.0),
        20,
        160,
        fill="#8c3b3b",
        width=max(2, width // 90),
    )
    return image
