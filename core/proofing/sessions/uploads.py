"""Upload slots: one for each image of each attempt, used once, known to the browser by id only.

A slot passes three states, each an atomic step of the result store: reserved (owner, attempt, side), signed
(length and hash are fixed, the one URL is made), used (a job reads it). Or it is released: another slot of
its side replaces it, or the person removes the image. The browser never names a URL, bucket or key.
docs/explanation/encrypted-capture.md.
"""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from proofing.base.errors import InvalidInputError, UploadRefusedError
from proofing.contracts.images import Side, UploadedImage
from proofing.contracts.stores import (
    OBJECT_PREFIX,
    Count,
    ImageStore,
    Mark,
    PresignedUpload,
    ResultStore,
    UploadConstraints,
)
from proofing.crypto.contexts import image_key_context
from proofing.crypto.encryption import IV_BYTES, KEY_BYTES, TAG_BYTES, KeyRing, Sealer
from proofing.crypto.record_macs import is_genuine
from proofing.rules.limits import reached
from proofing.sessions.erasure_index import DataFootprint, ErasureIndex
from proofing.settings import LiveSettings

#: Slots of one attempt that live at the same time; replaced and failed ones are released.
MAX_SLOTS = 8
#: Slots that one person may take, replaced and failed ones included.
MAX_SLOTS_AN_HOUR = 60
#: A slot that no job has used by then expires.
SLOT_LIFE_SECONDS = 12 * 60.0
#: No object is stored longer, used or not; between the two a job that used its slot late fetches its
#: images.
OBJECT_LIFE_SECONDS = 15 * 60.0

#: What is known of a reserved slot: owner, attempt, side.
Reservation = Mapping[str, Any]

_ID_BYTES = 16  # 128 bits
_LABEL = "slot"
#: What is wrong with a side whose slot is not good.
_MISSING = "upload_missing"
_STATES = ("reserved", "signed", "used", "released")
_HOUR_SECONDS = 3600.0
_ID = re.compile(r"[0-9a-f]{32}")
SHA256_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EncryptedImage:
    """One uploaded image.

    Attributes:
        slot: id of its slot.
        iv: the 12 bytes it was encrypted under.
        attempt: of an earlier page, which uploaded it; None for the attempt that is submitted.
    """

    slot: str
    iv: bytes
    attempt: str | None = None


class UploadSlots:
    """Issues and releases slots."""

    def __init__(
        self, results: ResultStore, images: ImageStore, keys: KeyRing, live: LiveSettings, sealer: Sealer
    ) -> None:
        """Keep slots in *results*, signed with *keys*; let *images* sign the URLs, and *sealer* seal keys."""
        self._results = results
        self._sealer = sealer
        self._images = images
        self._keys = keys
        self._live = live
        self._erasure_index = ErasureIndex(results, live)

    def source(self, attempt: str) -> str:
        """Return the CSP source that allows exactly the uploads of *attempt*."""
        return self._images.csp_connect_source(_prefix(attempt))

    async def reserve(self, owner: str, *, attempt: str, side: Side, verification: str | None = None) -> str:
        """Reserve a slot and return its id; the one that the side had in this attempt is released.

        *verification* is the id of the one that the attempt belongs to, if any.

        Raises:
            InvalidInputError: *attempt* is not an id.
            LimitReachedError: the person has taken too many within an hour, or the attempt at one moment.
        """
        if not _ID.fullmatch(attempt):
            raise InvalidInputError({"attempt": "malformed"})
        latest, live, hourly = _latest_key(attempt, side), _live_counter(owner, attempt), f"slots:{owner}"
        slot = secrets.token_hex(_ID_BYTES)
        footprint = DataFootprint(
            verification=verification,
            keys=[latest, *(_slot_key(state, slot) for state in _STATES)],
            counters=[hourly, live],
            objects=[_prefix(attempt) + slot],
        )
        reserved = {"owner": owner, "attempt": attempt, "side": side.value}
        mark = self._mark("reserved", slot, reserved)
        is_first = Mark(key=latest, value=slot.encode(), ttl_seconds=SLOT_LIFE_SECONDS)
        admit = partial(
            self._results.admit,
            counts=[
                Count(counter=hourly, maximum=MAX_SLOTS_AN_HOUR, window_seconds=_HOUR_SECONDS),
                Count(counter=live, maximum=MAX_SLOTS, window_seconds=SLOT_LIFE_SECONDS),
            ],
        )
        admission, _ = await asyncio.gather(
            admit(marks=[mark, is_first]), self._erasure_index.record(owner, footprint)
        )
        if latest not in admission.taken:
            if admission.full is not None:
                raise reached("slots", admission.full[1])
            return slot
        admission, earlier = await asyncio.gather(admit(marks=[mark]), self._results.load(latest))
        if admission.full is not None and earlier is not None and admission.full[0] == live:
            # The slot that this one replaces makes room for it.
            await self.release(owner, earlier.decode())
            admission, earlier = await admit(marks=[mark]), None
        if admission.full is not None:
            raise reached("slots", admission.full[1])
        remembering = self._results.save(latest, slot.encode(), ttl_seconds=SLOT_LIFE_SECONDS)
        if earlier is None:
            await remembering
        else:
            await asyncio.gather(remembering, self.release(owner, earlier.decode()))
        return slot

    async def reserved(self, slot: str) -> Reservation | None:
        """Return what *slot* is reserved for, or None; may be read before it is known who asks."""
        return await self._find("reserved", slot)

    async def release(self, owner: str, slot: str) -> bool:
        """Release a slot that no job has used, and make room for another; return whether there was one.

        Its object, if it arrived, is deleted by the sweeper: a web process may not.
        """
        reserved = await self._find("reserved", slot)
        if reserved is None or reserved["owner"] != owner or await self._find("used", slot) is not None:
            return False
        if not await self._keep("released", slot, {}):
            return False
        await asyncio.gather(
            self._results.delete(_slot_key("signed", slot)),
            self._results.delete(_slot_key("reserved", slot)),
            self._results.refund(_live_counter(owner, reserved["attempt"])),
        )
        return True

    async def expires_at(self, owner: str, *, attempt: str, slot: str, side: Side) -> float:
        """Return until when a signed slot can be submitted, as a Unix time.

        Raises:
            UploadRefusedError: 404 unknown, foreign, unsigned, expired, or used by a job.
        """
        signed, used = await asyncio.gather(self._signed(slot), self._find("used", slot))
        if signed is None or used is not None or not _is_for(signed, owner, attempt, side):
            raise UploadRefusedError(404, "unknown")
        return float(signed["signed_at"]) + SLOT_LIFE_SECONDS

    async def presign(
        self,
        owner: str,
        *,
        attempt: str,
        slot: str,
        length: int,
        sha256: bytes,
        reserved: Reservation | None = None,
    ) -> PresignedUpload:
        """Fix the terms of a slot and return its one upload.

        Args:
            owner: of the slot.
            attempt: of the slot.
            slot: its id.
            length: of the ciphertext with its tag, in bytes.
            sha256: of the same, 32 bytes.
            reserved: what `reserved` returned, if it was asked already.

        Raises:
            UploadRefusedError: 404 unknown, foreign, released or expired; 409 signed before; 413 too large;
                400 empty or no hash.
        """
        reserved = reserved or await self.reserved(slot)
        if reserved is None or reserved["owner"] != owner or reserved["attempt"] != attempt:
            raise UploadRefusedError(404, "unknown")
        if length > self._live.current.max_image_upload_bytes + TAG_BYTES:
            raise UploadRefusedError(413, "length")
        if length <= TAG_BYTES or len(sha256) != SHA256_BYTES:
            raise UploadRefusedError(400, "terms")
        terms = {
            **reserved,
            "length": length,
            "sha256": base64.b64encode(sha256).decode(),
            "signed_at": self._results.now(),
        }
        is_first, released = await asyncio.gather(
            self._keep("signed", slot, terms), self._find("released", slot)
        )
        if released is not None:
            raise UploadRefusedError(404, "unknown")
        if not is_first:
            raise UploadRefusedError(409, "used")
        return await self._images.presign(
            UploadConstraints(
                object_key=_prefix(attempt) + slot,
                length=length,
                sha256=sha256,
                ttl_seconds=self._live.current.upload_url_valid_seconds,
            )
        )

    async def seal_key(self, owner: str, *, attempt: str, key: bytes) -> bytes:
        """Return the key of a page's images, sealed for the worker; no web process can open it again.

        Raises:
            InvalidInputError: *key* has not 32 bytes.
            StoreUnavailableError: the key service does not answer.
        """
        check_image_key(key)
        return await self._sealer.seal(key, image_key_context(owner, attempt))

    async def find(
        self, owner: str, *, attempt: str, images: Mapping[Side, EncryptedImage]
    ) -> dict[Side, UploadedImage]:
        """Return what a job of these slots reads; nothing is changed.

        Raises:
            InvalidInputError: naming each side whose slot is unknown, foreign, unsigned, or of another
                attempt or side, or whose IV has the wrong length.
        """
        found: dict[Side, UploadedImage] = {}
        wrong: dict[str, str] = {}
        kept = await asyncio.gather(*(self._signed(image.slot) for image in images.values()))
        for (side, image), signed in zip(images.items(), kept, strict=True):
            of = image.attempt or attempt
            if signed is None or not _is_for(signed, owner, of, side) or len(image.iv) != IV_BYTES:
                wrong[side.value] = _MISSING
                continue
            found[side] = UploadedImage(
                slot=image.slot,
                attempt=of,
                object_key=_prefix(of) + image.slot,
                length=signed["length"],
                sha256=base64.b64decode(signed["sha256"]),
                iv=image.iv,
            )
        if wrong:
            raise InvalidInputError(wrong)
        return found

    def marks(self, found: Mapping[Side, UploadedImage], *, result_id: str) -> list[Mark]:
        """Return the marks by which the job *result_id* takes its slots; each slot has room for one."""
        return [self._mark("used", uploaded.slot, {"job": result_id}) for uploaded in found.values()]

    @staticmethod
    def taken(images: Mapping[Side, EncryptedImage], keys: Collection[str]) -> InvalidInputError:
        """Return the error for slots of *images* whose marks *keys* already exist."""
        sides = {side.value for side, image in images.items() if _slot_key("used", image.slot) in keys}
        return InvalidInputError(dict.fromkeys(sides, _MISSING))

    async def free(self, slots: Collection[str], *, result_id: str) -> None:
        """Take back the marks by which the job *result_id* took *slots*: they can be submitted again."""
        used = await asyncio.gather(*(self._find("used", slot) for slot in slots))
        for slot, mark in zip(slots, used, strict=True):
            if mark is not None and mark["job"] == result_id:
                await self._results.delete(_slot_key("used", slot))

    async def is_over(self, object_key: str) -> bool:
        """Return whether nobody reads this object anymore: its slot was released, or its job has ended.

        Not over is one that may be submitted again, after a selfie that failed, as long as its slot lives.
        """
        slot = object_key.rpartition("/")[2]
        used, released = await asyncio.gather(self._find("used", slot), self._find("released", slot))
        if used is None:
            return released is not None
        record = await self._results.status(used["job"])
        if record is None or not record.is_done or not is_genuine(self._keys, record):
            return False
        if not record.blames_selfie_alone:
            return True
        signed = await self._signed(slot)
        return signed is None or signed["side"] == Side.SELFIE

    async def _keep(self, state: str, slot: str, values: Mapping[str, Any]) -> bool:
        """Write one state of a slot, once."""
        mark = self._mark(state, slot, values)
        return await self._results.add(mark.key, mark.value, ttl_seconds=mark.ttl_seconds)

    def _mark(self, state: str, slot: str, values: Mapping[str, Any]) -> Mark:
        """Return the signed value of one state of a slot."""
        text = json.dumps(values, sort_keys=True)
        mac = self._keys.sign(f"{state}|{slot}|{text}".encode(), _LABEL)
        blob = json.dumps({"values": text, "mac": mac}).encode()
        return Mark(key=_slot_key(state, slot), value=blob, ttl_seconds=SLOT_LIFE_SECONDS)

    async def _signed(self, slot: str) -> dict[str, Any] | None:
        """Return the terms of a slot; None when it was released, also while it was being signed."""
        signed, released = await asyncio.gather(self._find("signed", slot), self._find("released", slot))
        return signed if released is None else None

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


def check_image_key(key: bytes) -> None:
    """Refuse a key of another length than 32 bytes."""
    if len(key) != KEY_BYTES:
        raise InvalidInputError({"encryption_key": "malformed"})


def _is_for(signed: Mapping[str, Any], owner: str, attempt: str, side: Side) -> bool:
    """Return whether a signed slot belongs to this person, attempt and side."""
    return (signed["owner"], signed["attempt"], signed["side"]) == (owner, attempt, side.value)


def _live_counter(owner: str, attempt: str) -> str:
    """Return the counter of an attempt's live slots."""
    return f"slots:{owner}:{attempt}"


def _latest_key(attempt: str, side: Side) -> str:
    """Return the key under which the latest slot of a side is known."""
    return f"slot:latest:{attempt}:{side.value}"


def _slot_key(state: str, slot: str) -> str:
    """Return the key under which one state of a slot is kept."""
    return f"slot:{state}:{slot}"


def _prefix(attempt: str) -> str:
    """Return the key prefix of an attempt's objects."""
    return f"{OBJECT_PREFIX}{attempt}/"
