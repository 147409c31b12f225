"""Upload slots: one for each picture of each attempt, used once, known to the browser by id only.

A slot passes three states, each an atomic step of the result store: reserved (owner, attempt, side), signed
(length and hash are fixed, the one URL is made), used (a job reads it). The browser never names a URL, bucket
or key. docs/explanation/encrypted-capture.md.
"""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proofing.encryption import IV_BYTES, TAG_BYTES, KeyRing
from proofing.errors import InvalidInputError, LimitReachedError, UploadRefusedError
from proofing.images import Side
from proofing.jobs.arguments import UploadedImage
from proofing.jobs.runner import is_genuine
from proofing.settings import LiveSettings
from proofing.stores import OBJECT_PREFIX, ImageStore, PresignedUpload, ResultStore, UploadTerms
from proofing.together import all_ended
from proofing.traces import Trace, Traces

#: Pictures that one attempt may upload, replaced ones included.
MAX_SLOTS = 8
#: A slot that no job has used by then is forgotten.
SLOT_LIFE_SECONDS = 12 * 60.0
#: No object stands longer, used or not; between the two a job that used its slot late fetches its pictures.
OBJECT_LIFE_SECONDS = 15 * 60.0

_ID_BYTES = 16  # 128 bits
_LABEL = "slot"
_STATES = ("reserved", "signed", "used")
_ID = re.compile(r"[0-9a-f]{32}")
SHA256_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EncryptedImage:
    """What the form says of one uploaded picture: its slot and the 12-byte IV it was encrypted under."""

    slot: str
    iv: bytes


class UploadDesk:
    """Hands out slots and takes them back."""

    def __init__(self, results: ResultStore, images: ImageStore, keys: KeyRing, live: LiveSettings) -> None:
        """Keep slots in *results*, signed with *keys*; let *images* sign the URLs."""
        self._results = results
        self._images = images
        self._keys = keys
        self._live = live
        self._traces = Traces(results, live)

    def source(self, attempt: str) -> str:
        """Return the CSP source that allows exactly the uploads of *attempt*."""
        return self._images.upload_source(_prefix(attempt))

    async def reserve(self, owner: str, *, attempt: str, side: Side) -> str:
        """Reserve a slot and return its id.

        Raises:
            InvalidInputError: *attempt* is no id.
            LimitReachedError: the attempt has used up its slots.
        """
        if not _ID.fullmatch(attempt):
            raise InvalidInputError({"attempt": "malformed"})
        counter = f"slots:{owner}:{attempt}"
        usage = await self._results.count(counter, maximum=MAX_SLOTS, window_seconds=SLOT_LIFE_SECONDS)
        if not usage.counted:
            raise LimitReachedError("slots", usage.seconds_left)
        slot = secrets.token_hex(_ID_BYTES)
        keys = [_slot_key(state, slot) for state in _STATES]
        trace = Trace(keys=keys, counters=[counter], objects=[_prefix(attempt) + slot])
        await self._traces.note(owner, trace)
        await self._keep("reserved", slot, {"owner": owner, "attempt": attempt, "side": side.value})
        return slot

    async def presign(
        self, owner: str, *, attempt: str, slot: str, length: int, sha256: bytes
    ) -> PresignedUpload:
        """Fix the terms of a slot and return its one upload.

        Args:
            owner: of the slot.
            attempt: of the slot.
            slot: its id.
            length: of the ciphertext with its tag, in bytes.
            sha256: of the same, 32 bytes.

        Raises:
            UploadRefusedError: 404 unknown, foreign or expired; 409 signed before; 413 too large;
                400 empty or no hash.
        """
        reserved = await self._find("reserved", slot)
        if reserved is None or reserved["owner"] != owner or reserved["attempt"] != attempt:
            raise UploadRefusedError(404, "unknown")
        if length > self._live.current.max_image_upload_bytes + TAG_BYTES:
            raise UploadRefusedError(413, "length")
        if length <= TAG_BYTES or len(sha256) != SHA256_BYTES:
            raise UploadRefusedError(400, "terms")
        terms = {**reserved, "length": length, "sha256": base64.b64encode(sha256).decode()}
        if not await self._keep("signed", slot, terms):
            raise UploadRefusedError(409, "used")
        return await self._images.presign(
            UploadTerms(
                object_key=_prefix(attempt) + slot,
                length=length,
                sha256=sha256,
                life_seconds=self._live.current.upload_url_valid_seconds,
            )
        )

    async def use(
        self, owner: str, *, attempt: str, images: Mapping[Side, EncryptedImage], result_id: str
    ) -> dict[Side, UploadedImage]:
        """Mark the slots of a submission as used by the job *result_id* and return what the job reads.

        Raises:
            InvalidInputError: naming each side whose slot is unknown, foreign, unsigned, used, or of another
                attempt or side, or whose IV has the wrong length. Other sides may be marked: see `free`.
        """
        found: dict[Side, UploadedImage] = {}
        wrong: dict[str, str] = {}
        kept = await asyncio.gather(*(self._find("signed", image.slot) for image in images.values()))
        for (side, image), signed in zip(images.items(), kept, strict=True):
            mine = signed is not None and (signed["owner"], signed["attempt"], signed["side"]) == (
                owner,
                attempt,
                side.value,
            )
            if signed is None or not mine or len(image.iv) != IV_BYTES:
                wrong[side.value] = "upload_missing"
                continue
            found[side] = UploadedImage(
                slot=image.slot,
                object_key=_prefix(attempt) + image.slot,
                length=signed["length"],
                sha256=base64.b64decode(signed["sha256"]),
                iv=image.iv,
            )
        if not wrong:
            marked = await all_ended(
                self._keep("used", uploaded.slot, {"job": result_id}) for uploaded in found.values()
            )
            wrong = {
                side.value: "upload_missing"
                for side, was_free in zip(found, marked, strict=True)
                if not was_free
            }
        if wrong:
            raise InvalidInputError(wrong)
        return found

    async def free(self, images: Mapping[Side, EncryptedImage], *, result_id: str) -> None:
        """Take back the marks of a submission that failed: the same pictures can be submitted again."""
        for image in images.values():
            used = await self._find("used", image.slot)
            if used is not None and used["job"] == result_id:
                await self._results.delete(_slot_key("used", image.slot))

    async def is_over(self, object_key: str) -> bool:
        """Tell whether the job that read this object has ended, whatever became of its process."""
        used = await self._find("used", object_key.rpartition("/")[2])
        if used is None:
            return False
        record = await self._results.status(used["job"])
        return record is not None and record.is_done and is_genuine(self._keys, record)

    async def _keep(self, state: str, slot: str, values: Mapping[str, Any]) -> bool:
        """Write one state of a slot, once."""
        text = json.dumps(values, sort_keys=True)
        mac = self._keys.sign(f"{state}|{slot}|{text}".encode(), _LABEL)
        blob = json.dumps({"values": text, "mac": mac}).encode()
        return await self._results.add(_slot_key(state, slot), blob, life_seconds=SLOT_LIFE_SECONDS)

    async def _find(self, state: str, slot: str) -> dict[str, Any] | None:
        """Read one state of a slot; None when there is none, or when it is not ours."""
        if not _ID.fullmatch(slot):
            return None
        blob = await self._results.load(_slot_key(state, slot))
        if blob is None:
            return None
        try:
            kept = json.loads(blob)
            text, mac = str(kept["values"]), str(kept["mac"])
        except (ValueError, KeyError, TypeError):
            return None
        if not self._keys.verify(f"{state}|{slot}|{text}".encode(), mac, _LABEL):
            return None
        values: dict[str, Any] = json.loads(text)
        return values


def new_attempt() -> str:
    """Return the random id of a document attempt."""
    return secrets.token_hex(_ID_BYTES)


def _slot_key(state: str, slot: str) -> str:
    """Return the key under which one state of a slot is kept."""
    return f"slot:{state}:{slot}"


def _prefix(attempt: str) -> str:
    """Return the key prefix of an attempt's objects."""
    return f"{OBJECT_PREFIX}{attempt}/"
