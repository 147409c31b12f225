"""Finished uploads that the session keeps, so that a reload or a closed tab loses no image.

The session holds slot, IV and facts of each side, and the sealed key of each page that uploaded one; see
docs/adr/0013. No web process can open these keys. Pure functions on the session's data, safe to run again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from proofing.contracts.images import Side
from proofing.sessions.data import KeptUpload, SessionData
from proofing.sessions.uploads import EncryptedImage


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeptUploads:
    """What a submission takes from the session.

    Attributes:
        images: by side.
        sealed_keys: by attempt, of these images.
        metadata: facts by side, for the job's log line.
    """

    images: Mapping[Side, EncryptedImage]
    sealed_keys: Mapping[str, bytes]
    metadata: Mapping[str, Mapping[str, int | str | bool]]


def has_key(data: SessionData, attempt: str) -> bool:
    """Return whether the sealed key of *attempt* is kept."""
    return attempt in data.image_keys


def keep(data: SessionData, side: Side, upload: KeptUpload, *, sealed_key: bytes | None) -> str | None:
    """Keep a finished upload in place of an earlier one, and return the slot of that.

    Args:
        data: of the session.
        side: of the image.
        upload: that is finished.
        sealed_key: of the attempt; None when it is kept already.
    """
    earlier = data.uploads.get(side)
    data.uploads[side] = upload
    if sealed_key is not None:
        data.image_keys[upload.attempt] = sealed_key
    _drop_unused_keys(data)
    return earlier.slot if earlier and earlier.slot != upload.slot else None


def remove(data: SessionData, side: Side) -> None:
    """Remove the upload of *side*, if there is one."""
    data.uploads.pop(side, None)
    _drop_unused_keys(data)


def remove_slot(data: SessionData, side: Side, slot: str) -> None:
    """Remove the upload of *side*, if it is in *slot*."""
    if (upload := data.uploads.get(side)) and upload.slot == slot:
        remove(data, side)


def expire(data: SessionData, *, now: float) -> None:
    """Remove uploads whose slots have expired, and keys that nothing needs anymore."""
    data.uploads = kept(data, now=now)
    data.submitted_uploads = _alive(data.submitted_uploads, now=now)
    _drop_unused_keys(data)


def clear(data: SessionData) -> None:
    """Remove all uploads and keys."""
    data.uploads, data.submitted_uploads, data.image_keys = {}, {}, {}


def submit(data: SessionData) -> None:
    """Remove all uploads: a job has them. Those of the document may be left when it ends."""
    uploads, data.uploads = data.uploads, {}
    data.submitted_uploads = {side: one for side, one in uploads.items() if side is not Side.SELFIE}
    _drop_unused_keys(data)


def take_back(data: SessionData, sides: Collection[Side]) -> None:
    """Keep the uploads of *sides* again, which the job that has ended left; the others are gone."""
    data.uploads |= {side: upload for side, upload in data.submitted_uploads.items() if side in sides}
    data.submitted_uploads = {}
    _drop_unused_keys(data)


def kept(data: SessionData, *, now: float) -> dict[Side, KeptUpload]:
    """Return the uploads that can still be submitted, by side."""
    return _alive(data.uploads, now=now)


def for_submission(data: SessionData, *, besides: Collection[Side], now: float) -> KeptUploads:
    """Return what the session has for the sides that a submission does not name itself."""
    uploads = {side: upload for side, upload in kept(data, now=now).items() if side not in besides}
    return KeptUploads(
        images={
            side: EncryptedImage(slot=upload.slot, iv=upload.iv, attempt=upload.attempt)
            for side, upload in uploads.items()
        },
        sealed_keys={upload.attempt: data.image_keys[upload.attempt] for upload in uploads.values()},
        metadata={side: upload.facts for side, upload in uploads.items()},
    )


def _alive(uploads: Mapping[Side, KeptUpload], *, now: float) -> dict[Side, KeptUpload]:
    return {side: upload for side, upload in uploads.items() if upload.expires_at > now}


def _drop_unused_keys(data: SessionData) -> None:
    """Remove the keys of attempts of which no upload is kept."""
    used = data.attempts_with_uploads
    data.image_keys = {attempt: key for attempt, key in data.image_keys.items() if attempt in used}
