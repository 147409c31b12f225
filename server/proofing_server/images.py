"""The first look at an image that came in a form post; the job checks it again.

`static/images.js` does the same in the browser.
"""

import base64
import binascii
import re

from proofing.base.errors import ImageError
from proofing.rules.image_check import inspect_image

_DATA_URL = b"data:"
_DATA_URL_HEAD = re.compile(rb"data:[^,]{0,90};base64,", re.IGNORECASE)
_SPACES = b"\t\n\x0c\r "


def check_image(content: bytes, *, allow_text: bool) -> tuple[str | None, bytes]:
    """Return the problem code, or None, and the image's bytes without metadata.

    A data URL in place of a file is decoded first, because its text is not the image.
    """
    if content[:5].lower() == _DATA_URL:
        decoded = decode_data_url(content)
        if decoded is None:
            return "not_an_image", content
        content = decoded
    try:
        return None, inspect_image(content, allow_yaml=allow_text).content
    except ImageError as error:
        return error.code, content


def decode_data_url(content: bytes) -> bytes | None:
    """Return the bytes that a base64 data URL holds, or None when it is not one.

    Spaces are skipped and the padding may be left out, as browsers do (Infra standard, forgiving base64).
    """
    head = _DATA_URL_HEAD.match(content)
    if head is None:
        return None
    body = content[head.end() :].translate(None, _SPACES)
    if len(body) % 4 == 0:
        body = body[:-2] + body[-2:].replace(b"=", b"") if body[-1:] == b"=" else body
    if b"=" in body or len(body) % 4 == 1:
        return None
    try:
        return base64.b64decode(body + b"=" * (-len(body) % 4), validate=True)
    except binascii.Error:
        return None
