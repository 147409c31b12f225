"""Compressed answers, for clients that take gzip, where nothing secret can be guessed from their length.

Compression tells by its length whether a text that an attacker chooses repeats a secret alongside it
(BREACH). So the CSRF token differs in every page that may be compressed, and a page of a session that
holds personal data is sent as it is. Static files are public, and compressed once.
docs/adr/0019-connections.md
"""

import base64
import gzip
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

#: For what is at a path that holds a digest of its content.
FOREVER = "public, max-age=31536000, immutable"
#: Less is not worth its header.
_MIN_BYTES = 512
_PAGE_LEVEL = 5
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_GZIP = {"Content-Encoding": "gzip"}
_VARY = "Accept-Encoding"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A public file, in both forms."""

    name: str
    media_type: str
    content: bytes
    compressed: bytes

    def response(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Return the file in the form that the client takes."""
        is_compressed = accepts_gzip(request) and len(self.compressed) < len(self.content)
        return Response(
            self.compressed if is_compressed else self.content,
            media_type=self.media_type,
            headers={**headers, "Vary": _VARY, **(_GZIP if is_compressed else {})},
        )


@cache
def read_static(folder: Path) -> Mapping[str, StaticFile]:
    """Return the files of *folder* that are served, by name; it is read once."""
    return {path.name: static_file(path) for path in sorted(folder.iterdir()) if path.suffix in _MEDIA_TYPES}


def static_file(path: Path) -> StaticFile:
    """Return the file at *path*, whose suffix must be one of those that are served."""
    content = path.read_bytes()
    compressed = gzip.compress(content, 9, mtime=0)
    return StaticFile(path.name, _MEDIA_TYPES[path.suffix], content, compressed)


def compress(request: Request, response: Response) -> None:
    """Compress a complete *response* whose client takes it."""
    response.headers["Vary"] = _VARY
    if len(response.body) < _MIN_BYTES or not accepts_gzip(request):
        return
    response.body = gzip.compress(response.body, _PAGE_LEVEL, mtime=0)
    response.headers.update({**_GZIP, "Content-Length": str(len(response.body))})


def accepts_gzip(request: Request) -> bool:
    """Return whether the client takes gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for entry in ",".join(request.headers.getlist("accept-encoding")).lower().split(","):
        coding, _, parameters = entry.partition(";")
        name, _, value = parameters.partition("=")
        try:
            weights[coding.strip()] = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def mask(token: str) -> str:
    """Return *token* in a form that is another one every time: random bytes, and their sum with the token."""
    text = token.encode()
    pad = secrets.token_bytes(len(text))
    return base64.urlsafe_b64encode(pad + _xor(pad, text)).decode()


def unmask(masked: str) -> str:
    """Return the token that `mask` was given; a text that is not a masked token as it is."""
    try:
        both = base64.urlsafe_b64decode(masked.encode("ascii"))
        half = len(both) // 2
        return _xor(both[:half], both[half:]).decode("ascii")
    except ValueError:
        return masked


def _xor(one: bytes, other: bytes) -> bytes:
    """Return the sum of two texts of one length. Raises ValueError when they have two."""
    return bytes(left ^ right for left, right in zip(one, other, strict=True))
