"""Tampered, moved and replayed: nothing of it is accepted, and no vendor hears of it."""

import json
import random
import secrets
from dataclasses import replace
from types import SimpleNamespace

import pytest

from proofing.app.service import PersonRef
from proofing.base.errors import EncryptionError, InvalidInputError, UploadRefusedError
from proofing.contracts.images import Side
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing.contracts.stores import DataKey, UploadConstraints
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import KeyRing, SealContext, Sealer, open_image, seal_image
from proofing.crypto.record_macs import is_genuine, sign_record
from proofing.sessions.uploads import EncryptedImage, UploadSlots
from proofing.testing.images import make_jpeg
from proofing_devtools.capture import APPLICANT, DEVICE, PERSON, upload_images
from proofing_huey.serializer import AuthenticatedSerializer, MessageRefusedError
from proofing_local.slots import SlotSigner

#: Test to the numbers of its short and its long form; together at least 100,000 and 1,000,000.
CASES = {
    "test_sealed_messages": (50_000, 600_000),
    "test_images": (25_000, 200_000),
    "test_verdicts": (10_000, 90_000),
    "test_slots": (6_000, 50_000),
    "test_queue_messages": (6_000, 50_000),
    "test_upload_urls": (5_000, 30_000),
    "test_jobs_with_tampered_arguments": (100, 1_000),
}
SEED = 20261124
CLAIM = "Tampered, cut, extended, spliced, swapped: not accepted"


class KeysInMemory:
    """A key service that only remembers: unwrapping checks key id and context, as a real one does."""

    def __init__(self):
        self._kept = {}

    async def generate(self, context):
        """Make a key."""
        key, wrapped = secrets.token_bytes(32), secrets.token_bytes(48)
        self._kept[wrapped] = (key, "k1", dict(context))
        return DataKey(key, wrapped, "k1")

    async def unwrap(self, wrapped, key_id, context):
        """Give the key back for the very same context."""
        key, *bound = self._kept.get(wrapped, (b"", "", {}))
        if bound != [key_id, dict(context)]:
            raise EncryptionError
        return key


def draw():
    """Return a repeatable source of chance."""
    return random.Random(SEED)  # noqa: S311 - no secret


def spoil(generator, blob, valid):
    """Return *blob* changed in one of nine ways, so that it is not one of the *valid* ones."""
    while (changed := change(generator, blob, generator.choice(valid))) in valid:
        pass
    return changed


def change(generator, blob, other):  # noqa: PLR0911 - one return for each way is the table
    """Return *blob* changed in one of nine ways; *other* is a valid one to splice with."""
    position = generator.randrange(len(blob))
    match generator.randrange(9):
        case 0:  # one bit
            flipped = bytes([blob[position] ^ 1 << generator.randrange(8)])
            return blob[:position] + flipped + blob[position + 1 :]
        case 1:  # one byte
            return blob[:position] + generator.randbytes(1) + blob[position + 1 :]
        case 2:  # cut at the end
            return blob[:position]
        case 3:  # cut at the beginning
            return blob[position + 1 :]
        case 4:  # extended
            return blob + generator.randbytes(generator.randrange(1, 40))
        case 5:  # spliced with another valid one
            return blob[:position] + other[position:]
        case 6:  # a hole
            return blob[:position] + blob[position + generator.randrange(1, 4) :]
        case 7:  # a byte more
            return blob[:position] + generator.randbytes(1) + blob[position:]
        case _:  # the last 16 bytes are a tag or the end of a MAC
            return blob[:-16] + generator.randbytes(16)


async def test_sealed_messages(cases, claim):
    """Arguments, results and sessions open for exactly what they were sealed for."""
    generator, keys, ring = draw(), KeysInMemory(), KeyRing(bytes(range(32)), [bytes(32)])
    sealer = Sealer(keys, ring, environment="test", data_key_max_messages=50)
    abroad = Sealer(keys, ring, environment="production", data_key_max_messages=50)
    sealed = []
    for number in range(60):
        purpose = list(Purpose)[number % len(Purpose)]
        context = SealContext(purpose=purpose, subject=f"person-{number // 6}", item=f"job-{number}")
        sealed.append((await sealer.seal(f"plain {number}".encode() * 4, context), context))
    blobs = [blob for blob, _context in sealed]
    accepted = 0
    for number in range(cases):
        blob, context = generator.choice(sealed)
        _other, foreign = generator.choice(sealed)
        opener = sealer
        if number % 4:
            blob = spoil(generator, blob, blobs)
        elif number % 8:
            opener = abroad
        elif foreign == context:
            context = replace(context, item=context.item + "0")
        else:
            context = foreign
        try:
            await opener.open(blob, context)
            accepted += 1
        except EncryptionError:
            pass
    assert accepted == 0
    for blob, context in sealed:
        assert (await sealer.open(blob, context)).startswith(b"plain")
    claim("S2", f"{CLAIM}: sealed messages", f"0 of {cases:,}")


async def test_images(cases, claim):
    """An image opens under its own key, IV, slot and side."""
    generator, accepted = draw(), 0
    images = []
    for number in range(40):
        key, iv, slot = secrets.token_bytes(32), secrets.token_bytes(12), secrets.token_hex(16)
        side = (Side.FRONT, Side.BACK)[number % 2]
        body = seal_image(generator.randbytes(200), key, iv, slot=slot, side=side)
        images.append({"ciphertext": body, "key": key, "iv": iv, "slot": slot, "side": side})
    bodies = [image["ciphertext"] for image in images]
    for number in range(cases):
        image, other = generator.sample(images, 2)
        tried = dict(image)
        if number % 3:
            tried["ciphertext"] = spoil(generator, image["ciphertext"], bodies)
        elif number % 2:
            name = generator.choice(("ciphertext", "key", "iv", "slot"))
            tried[name] = other[name]
        else:
            name = generator.choice(("key", "iv"))
            length = generator.choice((0, 1, 8, 11, 13, 16, 24, 31, 33))
            tried[name] = (image[name] * 4)[:length]
            tried["side"] = generator.choice((Side.FRONT, Side.BACK))
        if tried == image:
            tried["side"] = Side.SELFIE
        try:
            await open_image(**tried)
            accepted += 1
        except EncryptionError:
            pass
    assert accepted == 0
    claim("S2", f"{CLAIM}: images", f"0 of {cases:,}")


def test_verdicts(cases, claim):
    """A status record that anybody but us wrote or changed is refused."""
    generator, ring, accepted = draw(), KeyRing(bytes(range(32)), [bytes(32)]), 0
    records = []
    for number in range(60):
        begun = StatusRecord(
            result_id=f"job-{number}",
            kind=list(JobKind)[number % 3],
            owner=f"person-{number % 7}",
            submitted_at=5.0,
        )
        outcome = (Outcome.FAILED, Outcome.PASSED)[number % 2]
        ended = begun.finished(EndState.DONE, at=7.0, outcome=outcome, reasons=(f"reason-{number % 5}",))
        records.append(sign_record(ring, ended))
    texts = [record.to_json().encode() for record in records]
    for number in range(cases):
        record, other = generator.sample(records, 2)
        if number % 2:
            changes = {
                "outcome": Outcome.PASSED if record.outcome is Outcome.FAILED else Outcome.FAILED,
                "result_id": other.result_id,
                "owner": record.owner + "0",
                "kind": next(kind for kind in JobKind if kind is not record.kind),
                "reasons": (*record.reasons, "more"),
                "timed_out": True,
                "finished_at": 8.0,
                "end_state": EndState.STALE,
                "mac": generator.choice((other.mac, "", record.mac[:-1], record.mac.upper() + "0", "ä")),
            }
            name = generator.choice(list(changes))
            found = replace(record, **{name: changes[name]})
        else:
            text = spoil(generator, record.to_json().encode(), texts)
            try:
                found = StatusRecord.from_json(text)
            except ValueError:
                continue
        is_ours = is_genuine(ring, found)
        accepted += is_ours and found not in records
    assert accepted == 0
    claim("S2", f"{CLAIM}: verdicts", f"0 of {cases:,}")


async def test_slots(cases, claim):
    """What a result store says of upload slots is believed only as we wrote it, and only under its own id."""
    generator, kept, accepted = draw(), {}, 0
    ring = KeyRing(bytes(range(32)))
    upload_slots = UploadSlots(SimpleNamespace(load=_loader(kept)), None, ring, None, None)
    attempt, slots = "a" * 32, [secrets.token_hex(16) for _ in range(30)]
    signed = {}
    for slot in slots:
        text = json.dumps(
            {"owner": "person-1", "attempt": attempt, "side": "front", "length": 99, "sha256": ""}
        )
        for state in ("reserved", "signed"):
            mac = ring.sign(f"{state}|{slot}|{text}".encode(), "slot")
            signed[state, slot] = json.dumps({"values": text, "mac": mac}).encode()
    for number in range(cases):
        slot, other = generator.sample(slots, 2)
        blob = signed["signed", slot]
        if number % 5 == 0:
            blob = generator.choice(
                (signed["reserved", slot], signed["signed", other], b"null", b"[]", b"\xff")
            )
        elif number % 5 == 1:
            blob = blob.replace(b"person-1", b"person-2").replace(b"99", b"10")
        else:
            blob = spoil(generator, blob, [signed["signed", other], blob])
            if _same_json(blob, signed["signed", slot]):
                blob = b""
        kept[f"slot:signed:{slot}"] = blob
        wanted = {Side.FRONT: EncryptedImage(slot=slot, iv=bytes(12))}
        try:
            await upload_slots.find("person-1", attempt=attempt, images=wanted)
            accepted += 1
        except InvalidInputError:
            pass
    assert accepted == 0
    claim("S2", f"{CLAIM}: upload slots", f"0 of {cases:,}")


def _loader(kept):
    """Return the one method of a result store that reads a slot."""

    async def load(key):
        return kept.get(key)

    return load


def _same_json(blob, original):
    """Return whether a change of the bytes changed no value."""
    try:
        return json.loads(blob) == json.loads(original)
    except ValueError:
        return False


def test_queue_messages(cases, claim):
    """Huey's storage yields only what we wrote, for the queue that we wrote it for."""
    generator, accepted, key = draw(), 0, bytes(range(32))
    serializer = AuthenticatedSerializer(key, "high_document_proofing", [bytes(32)])
    elsewhere = AuthenticatedSerializer(key, "high_address_proofing", [bytes(32)])
    strange = AuthenticatedSerializer(secrets.token_bytes(32), "high_document_proofing")
    blobs = [serializer.serialize({"id": number, "text": "x" * 50}) for number in range(20)]
    for number in range(cases):
        blob = generator.choice(blobs)
        reader = serializer
        if number % 5 == 0:
            reader = generator.choice((elsewhere, strange))
        else:
            blob = spoil(generator, blob, blobs)
        try:
            reader.deserialize(blob)
            accepted += 1
        except MessageRefusedError:
            pass
    assert accepted == 0
    claim("S2", f"{CLAIM}: queue messages", f"0 of {cases:,}")


def test_upload_urls(cases, claim):
    """Our own signed upload takes no other key, length, type, hash or time than it names."""
    generator, accepted = draw(), 0
    signer = SlotSigner(lambda: bytes(range(32)), lambda: [bytes(32)])
    uploads = []
    for number in range(20):
        terms = UploadConstraints(
            object_key=f"captures/{number:032x}/{number:032x}",
            length=100 + number,
            sha256=generator.randbytes(32),
            ttl_seconds=300,
        )
        upload = signer.sign(terms, now=1000.0)
        query = dict(part.split("=") for part in upload.url.partition("?")[2].replace("%2F", "/").split("&"))
        headers = {name.lower(): value for name, value in upload.headers.items()}
        uploads.append((terms.object_key, query, {**headers, "content-length": str(terms.length)}))
        signer.check(terms.object_key, query=query, headers=uploads[-1][2], now=1200.0)
    for _ in range(cases):
        (key, query, headers), other = generator.sample(uploads, 2)
        now, tried = 1200.0, [dict(query), dict(headers)]
        match generator.randrange(4):
            case 0:
                key = other[0]
            case 1:
                now = 1300.0 + generator.random() * 1e6
            case _:
                values, theirs = generator.choice(((tried[0], other[1]), (tried[1], other[2])))
                name = generator.choice(sorted(values))
                change = generator.choice(("", values[name] + "0", theirs[name], values[name][:-1]))
                values[name] = change if change != values[name] else values[name] + "1"
        try:
            signer.check(key, query=tried[0], headers=tried[1], now=now)
            accepted += 1
        except UploadRefusedError:
            pass
    assert accepted == 0
    claim("S2", f"{CLAIM}: upload URLs of the local store", f"0 of {cases:,}")


async def test_jobs_with_tampered_arguments(cases, claim, process):
    """A job whose arguments were changed, or are another job's, ends as such, and no vendor is asked."""
    generator = draw()
    async with process(proof_ssn_max_attempts=10_000) as running:
        for number in range(cases):
            person = PersonRef(reference=f"person-{number}")
            await running.service.submit_applicant(JobKind.RESOLUTION, person, APPLICANT, **DEVICE)
        blobs = [message.encrypted_arguments for message in running.queue.waiting]
        for number, message in enumerate(running.queue.waiting):
            other = blobs[(number + 1) % cases]
            spoiled = other if number % 2 else spoil(generator, blobs[number], blobs)
            running.queue.waiting[number] = replace(message, encrypted_arguments=spoiled)
        ends = await running.drain()
        assert {record.end_state for record in ends} == {EndState.DECRYPT_ERROR}
        assert len(ends) == cases
        assert running.asked == []
    claim("S2", "Jobs with tampered or swapped arguments ask no vendor", f"0 calls in {cases:,} jobs")


@pytest.mark.parametrize("kind", ["id", "owner"])
async def test_moved_jobs_ask_no_vendor(kind, process):
    """The arguments of a job under another id, or in another person's name, do not open."""
    async with process() as running:
        await running.service.submit_applicant(
            JobKind.RESOLUTION, PersonRef(reference="person-1"), APPLICANT, **DEVICE
        )
        (message,) = running.queue.waiting
        change = {"id": {"result_id": "other"}, "owner": {"owner": "person-2"}}[kind]
        running.queue.waiting[0] = replace(message, **change)
        (end,) = await running.drain()
        assert end.end_state is EndState.DECRYPT_ERROR
        assert running.asked == []


async def test_a_replayed_job_changes_no_verdict(process):
    """The same job a second time leaves the first end unchanged."""
    async with process() as running:
        person = PersonRef(reference="person-1")
        result_id = await running.service.submit_applicant(JobKind.RESOLUTION, person, APPLICANT, **DEVICE)
        (message,) = running.queue.waiting
        await running.drain()
        first = await running.service.status(person, result_id, JobKind.RESOLUTION)
        running.queue.waiting.append(message)
        await running.drain()
        assert await running.service.status(person, result_id, JobKind.RESOLUTION) == first


async def test_a_replayed_document_asks_nobody(process):
    """The images of a job are gone with its end, so that running it again has nothing to show a vendor."""
    async with process() as running:
        images = {Side.FRONT: make_jpeg(), Side.BACK: make_jpeg(comment=b"back")}
        uploaded = await upload_images(running.service, images)
        await running.service.submit_uploads(PERSON, **uploaded)
        (message,) = running.queue.waiting
        await running.drain()
        asked = list(running.asked)
        assert asked
        running.queue.waiting.append(message)
        await running.drain()
        assert running.asked == asked
