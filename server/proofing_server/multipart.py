"""The form post with pictures, for when the browser does not upload them: parsed in memory, never on disk.

Starlette's own parser spools files over 1 MB into temporary files; pictures of documents must never touch
a disk, so the parts are collected here, each under its own cap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

_MAX_FIELD_BYTES = 8 * 1024
_MAX_PARTS = 32


@dataclass(slots=True, repr=False)
class MultipartForm:
    """What a form post held.

    Attributes:
        fields: text fields by name.
        files: file fields by name; an empty value means that no file was chosen.
        too_large: names of file fields that were over the cap; their bytes were dropped.
        file_names: what the browser called each file; empty when none was chosen. Never kept or logged.
    """

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    too_large: set[str] = field(default_factory=set)
    file_names: dict[str, str] = field(default_factory=dict)


async def read_multipart(request: Request, *, max_file_bytes: int) -> MultipartForm:
    """Read the body of *request*, keeping at most *max_file_bytes* of each file.

    Raises:
        HTTPException: 415 when it is no multipart form, 400 when it cannot be read.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if media_type != b"multipart/form-data" or not boundary:
        raise HTTPException(415)
    collector = _Collector(max_file_bytes)
    try:
        parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError):
        raise HTTPException(400) from None
    return collector.form


class _Collector:
    """Receives the parser's events and builds the form."""

    def __init__(self, max_file_bytes: int) -> None:
        self.form = MultipartForm()
        self._max_file_bytes = max_file_bytes
        self._parts = 0
        self._start_part()

    def callbacks(self) -> Mapping[str, object]:
        """Return the parser's callbacks."""
        return {
            "on_part_begin": self._start_part,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
        }

    def _start_part(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_text = b""
        self._name = ""
        self._is_file = False
        self._content = bytearray()
        self._over = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_text += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_text
        self._header_name = self._header_text = b""

    def _headers_finished(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise FormParserError("too many parts")
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8")
        self._is_file = b"filename" in options
        if self._is_file:
            self.form.file_names[self._name] = options[b"filename"].decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        cap = self._max_file_bytes if self._is_file else _MAX_FIELD_BYTES
        if self._over or len(self._content) + end - start > cap:
            self._over = True
            self._content.clear()
            return
        self._content += data[start:end]

    def _part_end(self) -> None:
        if self._is_file:
            if self._over:
                self.form.too_large.add(self._name)
            self.form.files[self._name] = bytes(self._content)
        elif self._over:
            raise FormParserError("a field is too long")
        else:
            self.form.fields[self._name] = self._content.decode("utf-8")
        self._content = bytearray()
