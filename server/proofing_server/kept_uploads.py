"""Finished uploads that the session keeps, so that a reload or a closed tab loses no picture.

The session holds slot, IV and facts of each side, and the sealed key of each page that uploaded one; see
docs/adr/0013. No web process can open these keys. Pure functions on the session's data, safe to run again.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proofing.contracts.images import Side
from proofing.sessions.uploads import EncryptedImage

#: What a session holds.
Data = dict[str, Any]
_UPLOADS = "uploads"
_KEYS = "image_keys"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeptUploads:
    """What a submission takes from the session.

    Attributes:
        images: by side.
        sealed_keys: by attempt, of these pictures.
        metadata: facts by side, for the job's log line.
    """

    images: Mapping[Side, EncryptedImage]
    sealed_keys: Mapping[str, bytes]
    metadata: Mapping[str, Mapping[str, Any]]


def has_key(data: Mapping[str, Any], attempt: str) -> bool:
    """Tell whether the sealed key of *attempt* is kept."""
    return attempt in data.get(_KEYS, {})


def keep(data: Data, side: Side, upload: Mapping[str, Any], *, sealed_key: bytes | None) -> str | None:
    """Keep a finished upload in place of an earlier one, and return the slot of that.

    Args:
        data: of the session.
        side: of the picture.
        upload: ``attempt``, ``slot``, ``iv`` in base64, ``expires_at`` as a Unix time, ``facts``, and
            ``fingerprint``.
        sealed_key: of the attempt; None when it is kept already.
    """
    uploads: dict[str, dict[str, Any]] = data.setdefault(_UPLOADS, {})
    earlier: str | None = uploads.get(side.value, {}).get("slot")
    uploads[side.value] = dict(upload)
    if sealed_key is not None:
        data.setdefault(_KEYS, {})[upload["attempt"]] = base64.b64encode(sealed_key).decode()
    _drop_unused_keys(data)
    return earlier if earlier != upload["slot"] else None


def remove(data: Data, side: Side) -> str | None:
    """Forget the upload of *side* and return its slot, if there was one."""
    upload: dict[str, str] = data.get(_UPLOADS, {}).pop(side.value, {})
    _drop_unused_keys(data)
    return upload.get("slot")


def remove_slot(data: Data, side: Side, slot: str) -> None:
    """Forget the upload of *side*, if it is in *slot*."""
    if data.get(_UPLOADS, {}).get(side.value, {}).get("slot") == slot:
        remove(data, side)


def expire(data: Data, *, now: float) -> None:
    """Forget uploads whose slots have expired, and keys that nothing needs any more."""
    uploads: dict[str, Any] = data.get(_UPLOADS, {})
    for side in [side for side, upload in uploads.items() if upload["expires_at"] <= now]:
        del uploads[side]
    _drop_unused_keys(data)


def forget(data: Data) -> None:
    """Forget all uploads and keys: they were submitted."""
    data.pop(_UPLOADS, None)
    data.pop(_KEYS, None)


def kept(data: Mapping[str, Any], *, now: float) -> dict[str, dict[str, Any]]:
    """Return the uploads that can still be submitted, by side."""
    uploads: dict[str, dict[str, Any]] = data.get(_UPLOADS, {})
    return {side: upload for side, upload in uploads.items() if upload["expires_at"] > now}


def for_submission(data: Mapping[str, Any], *, besides: Mapping[Side, Any], now: float) -> KeptUploads:
    """Return what the session has for the sides that a submission does not name itself."""
    uploads = {side: upload for side, upload in kept(data, now=now).items() if Side(side) not in besides}
    return KeptUploads(
        images={
            Side(side): EncryptedImage(
                slot=upload["slot"], iv=base64.b64decode(upload["iv"]), attempt=upload["attempt"]
            )
            for side, upload in uploads.items()
        },
        sealed_keys={
            upload["attempt"]: base64.b64decode(data[_KEYS][upload["attempt"]]) for upload in uploads.values()
        },
        metadata={side: upload["facts"] for side, upload in uploads.items()},
    )


def _drop_unused_keys(data: Data) -> None:
    """Forget the keys of attempts of which no upload is kept."""
    used = {upload["attempt"] for upload in data.get(_UPLOADS, {}).values()}
    data[_KEYS] = {attempt: key for attempt, key in data.get(_KEYS, {}).items() if attempt in used}
    for name in (_UPLOADS, _KEYS):
        if not data.get(name):
            data.pop(name, None)
