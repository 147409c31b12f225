"""Slots for the tests of image stores: terms with bodies that keep them, and what spoils a request."""

import hashlib
import secrets
import uuid
from urllib.parse import urlencode, urlsplit, urlunsplit

from proofing.contracts.stores import OBJECT_PREFIX, PresignedUpload, UploadConstraints


def make_terms(
    length: int = 5_000, *, object_key: str | None = None, ttl_seconds: float = 300.0
) -> tuple[UploadConstraints, bytes]:
    """Return the terms of a fresh slot, and a body that keeps them."""
    body = secrets.token_bytes(length)
    return (
        UploadConstraints(
            object_key=object_key or f"{OBJECT_PREFIX}{uuid.uuid4()}/front",
            length=length,
            sha256=hashlib.sha256(body).digest(),
            ttl_seconds=ttl_seconds,
        ),
        body,
    )


def is_accepted(status: int) -> bool:
    """Return whether the HTTP *status* says that the upload was kept."""
    return 200 <= status < 300


def replace_header(upload: PresignedUpload, name: str, value: str | None) -> dict[str, str]:
    """Return the headers of *upload* with *name* changed, or left out when *value* is None."""
    headers = {key: text for key, text in upload.headers.items() if key.lower() != name}
    return headers if value is None else {**headers, name: value}


def with_query(url: str, query: list[tuple[str, str]]) -> str:
    """Return *url* with another query."""
    return urlunsplit(urlsplit(url)._replace(query=urlencode(query)))


def spoil(value: str) -> str:
    """Return *value* with its last character changed, numbers staying numbers."""
    last = value[-1:]
    return value[:-1] + (str((int(last) + 1) % 10) if last.isdigit() else ("b" if last == "a" else "a"))
