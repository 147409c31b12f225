"""The first look at a picture that came in a form post; the job's own gate looks again.

`static/pictures.js` does the same in the browser.
"""

import base64
import binascii

from proofing.errors import ImageError
from proofing.images import inspect_image

_DATA_URL = b"data:"
_MAX_DATA_URL_HEAD = 100


def check_picture(content: bytes, *, allow_text: bool) -> tuple[str | None, bytes]:
    """Return the problem code, or None, and the picture's bytes.

    A data URL in place of a file is decoded first, because its text is not the picture.
    """
    if content[:5].lower() == _DATA_URL:
        decoded = decode_data_url(content)
        if decoded is None:
            return "not_an_image", content
        content = decoded
    try:
        inspect_image(content, allow_yaml=allow_text)
    except ImageError as error:
        return error.code, content
    return None, content


def decode_data_url(content: bytes) -> bytes | None:
    """Return the bytes that a base64 data URL holds, or None when it is none."""
    head, comma, body = content.partition(b",")
    if not comma or len(head) > _MAX_DATA_URL_HEAD or not head.lower().endswith(b";base64"):
        return None
    try:
        return base64.b64decode(body.strip(), validate=True)
    except binascii.Error:
        return None
