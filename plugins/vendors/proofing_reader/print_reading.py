"""What runs in CPU children of the extra ``reader-ocr``: recognizes the printed text in a photo.

`read_print` is the function of `ProofingContext.cpu`. rapidocr finds lines of text, turned any way, and
recognizes them, with the models of its wheel: nothing is fetched. The models are loaded when the child
imports this module, and each of its forks has them. docs/adr/0051-reader.md
"""

import json
import math
import time
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

from proofing_reader.decoding import Photo, UndecodableError
from proofing_reader.text_rows import Line, rows_of

#: The long side of the photo, out of which lines are cut, and of the image in which they are looked for.
_PIXELS, _SEARCHED_PIXELS = 2000, 1120
#: With fewer characters of such confidence the image may be upside down, or mirrored by a front camera.
_FEW_CHARACTERS, _SURE = 40, 0.9
#: An image that is thinner has no line of text.
_LEAST_PIXELS = 16
#: Longer than any line of a document.
_MAX_CHARACTERS = 120
#: Less than a child may answer, and more than the text of any document; what is beyond is dropped.
_MAX_ANSWER_BYTES = 28_000
_OPTIONS = {
    "Global.log_level": "error",
    "Global.max_side_len": _PIXELS,
    # A fork has one thread.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "max",
    "Det.limit_side_len": _SEARCHED_PIXELS,
    # Batches of lines are as wide as the widest, which costs memory.
    "Rec.rec_batch_num": 1,
}


def read_print(content: bytes, args: Any) -> dict[str, Any]:
    """Recognize the text in a photo.

    Args:
        content: a JPEG or PNG.
        args: ``seconds`` of CPU, within which further tries must end if they take as long as those before;
            None for any number.

    Returns:
        ``lines``, each a text and its confidence from 0 to 1, from the top of the photo down, and behind them
        those that are side by side, joined; ``decoded``, False where the bytes are no image.
    """
    try:
        photo = Photo(content)
        longest = max(photo.width, photo.height)
        divisor = next((one for one in (8, 4, 2) if longest / one >= _PIXELS), 1)
        pixels = photo.upright(divisor)
    except UndecodableError:
        return {"decoded": False, "lines": []}
    pixels.thumbnail((_PIXELS, _PIXELS), Image.Resampling.BILINEAR)
    seconds = math.inf if args is None else float(args["seconds"])
    return {"decoded": True, "lines": _recognize(pixels, seconds)}


def _recognize(gray: Image.Image, seconds: float) -> list[list[Any]]:
    if min(gray.size) < _LEAST_PIXELS:
        return []
    started = time.process_time()
    lines = _lines(gray)
    for tries, turn in enumerate((Image.Transpose.ROTATE_180, Image.Transpose.FLIP_LEFT_RIGHT), start=1):
        spent = time.process_time() - started
        if not lines or _sure_characters(lines) >= _FEW_CHARACTERS or spent + spent / tries > seconds:
            break
        # Text that is not upright is read as little, or as nonsense.
        lines = max(lines, _lines(gray.transpose(turn)), key=_sure_characters)
    answered, left = [], _MAX_ANSWER_BYTES
    for text, confidence in [*((line.text, line.confidence) for line in lines), *rows_of(lines)]:
        answered.append([text, round(confidence, 3)])
        left -= len(json.dumps(answered[-1])) + 2
        if left < 0:
            return answered[:-1]
    return answered


def _lines(gray: Image.Image) -> list[Line]:
    # What comes out of the engine depends on which of its parts are used. Its classifier of turned lines is
    # not: it takes the fillers of a zone for a line that is upside down.
    found: Any = _ENGINE(np.asarray(gray.convert("RGB")), use_cls=False)
    if found.boxes is None or not found.txts:
        return []
    return [
        Line(text[:_MAX_CHARACTERS], float(score), tuple((float(x), float(y)) for x, y in box))
        for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
    ]


def _sure_characters(lines: list[Line]) -> int:
    """Return how many characters, in words, are read for sure."""
    return sum(len(line.text) for line in lines if line.confidence >= _SURE and len(line.text) > 2)  # noqa: PLR2004


def _warm_engine() -> RapidOCR:
    """Return the engine with its models loaded, which it does with the first line that it finds."""
    engine = RapidOCR(params=_OPTIONS)
    image = Image.new("RGB", (320, 96), "white")
    ImageDraw.Draw(image).text((20, 24), "0123456789", fill="black", font=ImageFont.load_default(size=40))
    engine(np.asarray(image), use_cls=False)
    return engine


_ENGINE = _warm_engine()
