"""The form post with images, for when the browser does not upload them: never in clear on a disk.

Starlette's own parser spools files over 1 MB into temporary files as they are; here each part has its own
cap, and waits encrypted until the form is complete.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from proofing_server.spool import Forms, SpooledFile
from proofing_server.waits import Waits

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


@asynccontextmanager
async def read_multipart(
    request: Request, forms: Forms, *, max_file_bytes: int
) -> AsyncIterator[MultipartForm]:
    """Read the body of *request*, keeping at most *max_file_bytes* of each file, and give it for the block.

    Raises:
        HTTPException: 415 when it is not a multipart form, 400 when it cannot be read.
        StoreUnavailableError: too many forms are in progress.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if media_type != b"multipart/form-data" or not boundary:
        raise HTTPException(415)
    collector = _Collector(max_file_bytes, forms)
    try:
        try:
            parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
            async for chunk in request.stream():
                parser.write(chunk)
                await collector.flush()
            parser.finalize()
        except (FormParserError, UnicodeDecodeError):
            raise HTTPException(400) from None
        async with AsyncExitStack() as opened:
            with Waits.of(request.scope).counted():
                size = sum(file.size for file in collector.files.values())
                await opened.enter_async_context(forms.opened(size))
            for name, file in collector.files.items():
                collector.form.files[name] = await file.read()
                file.close()
            yield collector.form
    finally:
        collector.close()


class _Collector:
    """Receives the parser's events and builds the form."""

    def __init__(self, max_file_bytes: int, forms: Forms) -> None:
        self.form = MultipartForm()
        self.files: dict[str, SpooledFile] = {}
        self._forms = forms
        self._max_file_bytes = max_file_bytes
        self._parts = 0
        self._file: SpooledFile | None = None
        self._start_part()

    async def flush(self) -> None:
        """Bring what was received of a file out of memory."""
        for file in self.files.values():
            await file.flush()

    def close(self) -> None:
        """Delete the files."""
        for file in self.files.values():
            file.close()

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
        self._file = None
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
            self._begin_file()

    def _begin_file(self) -> None:
        """Begin a file; of a repeated field the last one counts."""
        if self._name in self.files:
            self.files[self._name].close()
        self._file = self.files[self._name] = SpooledFile(self._forms)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            if not self._over and self._file.size + end - start <= self._max_file_bytes:
                self._file.write(data[start:end])
            elif not self._over:
                self._over = True
                self.form.too_large.add(self._name)
                self._begin_file()
            return
        if self._over or len(self._content) + end - start > _MAX_FIELD_BYTES:
            self._over = True
            self._content.clear()
            return
        self._content += data[start:end]

    def _part_end(self) -> None:
        if self._is_file:
            return
        if self._over:
            raise FormParserError("a field is too long")
        self.form.fields[self._name] = self._content.decode("utf-8")
        self._content = bytearray()
