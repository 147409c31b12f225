"""Upload slots: reserved, signed and used once each, by their owner, for their side and attempt."""

import asyncio
import json
import secrets
import time
from dataclasses import replace

import pytest

from proofing.base.errors import InvalidInputError, LimitReachedError, UploadRefusedError
from proofing.contracts.images import Side
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.crypto.encryption import IV_BYTES, TAG_BYTES, KeyRing
from proofing.crypto.record_macs import sign_record
from proofing.sessions.uploads import MAX_SLOTS, MAX_SLOTS_AN_HOUR, EncryptedImage, UploadSlots, new_attempt

OWNER, IV, SHA = "person-1", b"\x01" * IV_BYTES, b"\x02" * 32
JOB = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


@pytest.fixture
async def running(process):
    """A process with local stores."""
    async with process() as started:
        yield started


@pytest.fixture
def upload_slots(running):
    """Its upload slots."""
    return running.service.uploads


async def sign(upload_slots, slot, attempt, *, owner=OWNER, length=1000, sha256=SHA):
    """Sign one slot."""
    return await upload_slots.presign(owner, attempt=attempt, slot=slot, length=length, sha256=sha256)


async def use(upload_slots, owner, *, attempt, images, result_id):
    """Take the slots for a job, as a submit does, and return what the job reads."""
    found = await upload_slots.find(owner, attempt=attempt, images=images)
    admission = await upload_slots._results.admit(marks=upload_slots.marks(found, result_id=result_id))
    if not admission.granted:
        raise upload_slots.taken(images, admission.taken)
    return found


async def test_a_slot_goes_through_its_states_once(upload_slots):
    """Reserved, signed, used: the job gets what was signed, under a key that the server chose."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    await sign(upload_slots, slot, attempt)
    used = await use(
        upload_slots,
        OWNER,
        attempt=attempt,
        images={Side.FRONT: EncryptedImage(slot=slot, iv=IV)},
        result_id=JOB,
    )
    found = used[Side.FRONT]
    assert (found.slot, found.length, found.sha256, found.iv) == (slot, 1000, SHA, IV)
    assert found.object_key.endswith(f"{attempt}/{slot}")
    with pytest.raises(UploadRefusedError) as caught:
        await sign(upload_slots, slot, attempt)
    assert (caught.value.status, caught.value.code) == (409, "used")
    with pytest.raises(InvalidInputError) as refused:
        await use(
            upload_slots,
            OWNER,
            attempt=attempt,
            images={Side.FRONT: EncryptedImage(slot=slot, iv=IV)},
            result_id=JOB,
        )
    assert refused.value.fields == {"front": "upload_missing"}


@pytest.mark.parametrize(
    "attempt", ["", "x" * 32, "../" + "0" * 29, "A" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n"]
)
async def test_an_attempt_is_an_id(upload_slots, attempt):
    """Nothing that could reach another prefix is taken."""
    with pytest.raises(InvalidInputError):
        await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)


async def test_a_replaced_slot_is_released(upload_slots):
    """However often a side's photo is chosen, one slot lives, and the ones before can do nothing anymore."""
    attempt = new_attempt()
    back = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.BACK)
    slots = []
    for _ in range(3 * MAX_SLOTS):
        slots.append(await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT))
        if len(slots) % 2:
            await sign(upload_slots, slots[-1], attempt)
    await sign(upload_slots, slots[-1], attempt)
    assert len(set(slots)) == len(slots)
    for slot in slots[:-1]:
        with pytest.raises(UploadRefusedError) as caught:
            await sign(upload_slots, slot, attempt)
        assert (caught.value.status, caught.value.code) == (404, "unknown")
        images = {Side.FRONT: EncryptedImage(slot=slot, iv=IV)}
        with pytest.raises(InvalidInputError):
            await use(upload_slots, OWNER, attempt=attempt, images=images, result_id=JOB)
    await sign(upload_slots, back, attempt)
    images = {
        side: EncryptedImage(slot=slot, iv=IV) for side, slot in ((Side.FRONT, slots[-1]), (Side.BACK, back))
    }
    assert len(await use(upload_slots, OWNER, attempt=attempt, images=images, result_id=JOB)) == len(images)


async def test_a_slot_that_is_released_while_it_is_signed_stays_released(upload_slots):
    """What was read of it before is old: nothing is signed, finished or submitted."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    reserved = await upload_slots.reserved(slot)
    assert await upload_slots.release(OWNER, slot)
    with pytest.raises(UploadRefusedError) as caught:
        await upload_slots.presign(
            OWNER, attempt=attempt, slot=slot, length=1000, sha256=SHA, reserved=reserved
        )
    assert (caught.value.status, caught.value.code) == (404, "unknown")
    with pytest.raises(UploadRefusedError) as caught:
        await upload_slots.expires_at(OWNER, attempt=attempt, slot=slot, side=Side.FRONT)
    assert caught.value.status == 404
    with pytest.raises(InvalidInputError):
        await upload_slots.find(OWNER, attempt=attempt, images={Side.FRONT: EncryptedImage(slot=slot, iv=IV)})


async def test_an_upload_that_a_job_has_taken_is_not_finished_again(upload_slots):
    """A late answer of the browser must not bring a used image back into the session."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    await sign(upload_slots, slot, attempt)
    which = {"attempt": attempt, "slot": slot, "side": Side.FRONT}
    assert await upload_slots.expires_at(OWNER, **which)
    images = {Side.FRONT: EncryptedImage(slot=slot, iv=IV)}
    await use(upload_slots, OWNER, attempt=attempt, images=images, result_id=JOB)
    with pytest.raises(UploadRefusedError) as caught:
        await upload_slots.expires_at(OWNER, **which)
    assert (caught.value.status, caught.value.code) == (404, "unknown")
    await upload_slots.free([slot], result_id=JOB)
    assert await upload_slots.expires_at(OWNER, **which)


async def test_live_slots_of_an_attempt_are_counted(upload_slots):
    """Taken at the same moment, no more than eight live; what is released makes room, once."""
    attempt = new_attempt()
    answers = await asyncio.gather(
        *(upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT) for _ in range(20)),
        return_exceptions=True,
    )
    slots = [answer for answer in answers if isinstance(answer, str)]
    assert 1 <= len(slots) <= 20
    live = [slot for slot in slots if await is_live(upload_slots, slot, attempt)]
    assert 1 <= len(live) <= MAX_SLOTS
    assert {type(answer) for answer in answers} <= {str, LimitReachedError}
    assert await upload_slots.release(OWNER, live[0])
    assert not await upload_slots.release(OWNER, live[0])
    for side in (Side.BACK, Side.PASSPORT):
        await upload_slots.reserve(OWNER, attempt=new_attempt(), side=side)


async def is_live(upload_slots, slot, attempt):
    """Return whether a slot can be signed."""
    try:
        await sign(upload_slots, slot, attempt)
    except UploadRefusedError:
        return False
    return True


async def test_slots_of_a_person_are_limited_by_the_hour(upload_slots):
    """Sixty, in however many attempts, and the limit says for how long; another person has their own."""
    for number in range(MAX_SLOTS_AN_HOUR):
        await upload_slots.reserve(OWNER, attempt=f"{number // 7:032x}", side=Side.FRONT)
    with pytest.raises(LimitReachedError) as caught:
        await upload_slots.reserve(OWNER, attempt=new_attempt(), side=Side.FRONT)
    assert 3000 < caught.value.seconds_left <= 3600
    await upload_slots.reserve("person-2", attempt=new_attempt(), side=Side.FRONT)


async def test_only_a_free_slot_of_ones_own_is_released(upload_slots):
    """Another person's slot, an unknown one, and one that a job reads stay as they are."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    await sign(upload_slots, slot, attempt)
    assert not await upload_slots.release("person-2", slot)
    assert not await upload_slots.release(OWNER, "0" * 32)
    assert not await upload_slots.release(OWNER, "../x")
    images = {Side.FRONT: EncryptedImage(slot=slot, iv=IV)}
    await use(upload_slots, OWNER, attempt=attempt, images=images, result_id=JOB)
    assert not await upload_slots.release(OWNER, slot)


async def test_uploads_of_several_attempts_make_one_submission(upload_slots):
    """An image of an earlier page keeps its attempt; one that names the wrong attempt is missing."""
    earlier, later = new_attempt(), new_attempt()
    front = await upload_slots.reserve(OWNER, attempt=earlier, side=Side.FRONT)
    back = await upload_slots.reserve(OWNER, attempt=later, side=Side.BACK)
    await sign(upload_slots, front, earlier)
    await sign(upload_slots, back, later)
    images = {
        Side.FRONT: EncryptedImage(slot=front, iv=IV),
        Side.BACK: EncryptedImage(slot=back, iv=IV),
    }
    with pytest.raises(InvalidInputError) as refused:
        await use(upload_slots, OWNER, attempt=later, images=images, result_id=JOB)
    assert refused.value.fields == {"front": "upload_missing"}
    images[Side.FRONT] = EncryptedImage(slot=front, iv=IV, attempt=earlier)
    found = await use(upload_slots, OWNER, attempt=later, images=images, result_id=JOB)
    assert {side: image.attempt for side, image in found.items()} == {
        Side.FRONT: earlier,
        Side.BACK: later,
    }
    assert f"{earlier}/{front}" in found[Side.FRONT].object_key


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"owner": "person-2"}, 404),
        ({"attempt": "0" * 32}, 404),
        ({"slot": "0" * 32}, 404),
        ({"slot": "../../x"}, 404),
        ({"length": TAG_BYTES}, 400),
        ({"length": -1}, 400),
        ({"sha256": b"\x02" * 31}, 400),
        ({"sha256": b""}, 400),
        ({"length": 10**9}, 413),
    ],
)
async def test_terms_that_are_refused(upload_slots, changes, status):
    """Unknown and foreign are the same; too large is told apart; the slot stays free for right terms."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.BACK)
    values = {"slot": slot, "attempt": attempt, **changes}
    with pytest.raises(UploadRefusedError) as caught:
        await sign(upload_slots, **values)
    assert caught.value.status == status
    await sign(upload_slots, slot, attempt)


async def test_the_largest_and_the_smallest_upload(upload_slots, running):
    """The border is the setting plus the tag, and one byte of image."""
    most = running.service.settings.max_image_upload_bytes + TAG_BYTES
    for length in (TAG_BYTES + 1, most):
        attempt = new_attempt()
        slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
        signed = await sign(upload_slots, slot, attempt, length=length)
        assert signed.headers


async def test_of_two_signings_at_once_one_succeeds(upload_slots):
    """The step is atomic in the store."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    answers = await asyncio.gather(
        *(sign(upload_slots, slot, attempt) for _ in range(5)), return_exceptions=True
    )
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1


async def test_of_two_uses_at_once_one_succeeds(upload_slots):
    """Two submits with the same slots cannot both have them."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    await sign(upload_slots, slot, attempt)
    images = {Side.FRONT: EncryptedImage(slot=slot, iv=IV)}
    answers = await asyncio.gather(
        *(use(upload_slots, OWNER, attempt=attempt, images=images, result_id=JOB) for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, dict) for answer in answers) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda given: {**given, "owner": "person-2"},
        lambda given: {**given, "attempt": "0" * 32},
        lambda given: {**given, "side": Side.BACK},
        lambda given: {**given, "iv": b"\x01" * 11},
        lambda given: {**given, "iv": b""},
        lambda given: {**given, "slot": "0" * 32},
        lambda given: {**given, "slot": "captures/x"},
    ],
)
async def test_slots_that_are_not_good_are_named_and_none_is_marked(upload_slots, spoil):
    """Owner, attempt, side, IV and id must be right; afterward the right submit still works."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    await sign(upload_slots, slot, attempt)
    given = {"owner": OWNER, "attempt": attempt, "side": Side.FRONT, "slot": slot, "iv": IV}
    bad = spoil(given)
    with pytest.raises(InvalidInputError) as caught:
        await use(
            upload_slots,
            bad["owner"],
            attempt=bad["attempt"],
            images={bad["side"]: EncryptedImage(slot=bad["slot"], iv=bad["iv"])},
            result_id=JOB,
        )
    assert caught.value.fields == {bad["side"].value: "upload_missing"}
    image = EncryptedImage(slot=slot, iv=IV)
    assert await use(upload_slots, OWNER, attempt=attempt, images={Side.FRONT: image}, result_id=JOB)


async def test_a_reserved_slot_without_terms_is_no_upload(upload_slots):
    """Nothing can have been uploaded."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    with pytest.raises(InvalidInputError):
        await use(
            upload_slots,
            OWNER,
            attempt=attempt,
            images={Side.FRONT: EncryptedImage(slot=slot, iv=IV)},
            result_id=JOB,
        )


async def test_one_missing_side_keeps_the_other_free(upload_slots):
    """Either all slots of a submit are used or, when one is not good, none."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    await sign(upload_slots, slot, attempt)
    good = EncryptedImage(slot=slot, iv=IV)
    with pytest.raises(InvalidInputError) as caught:
        await use(
            upload_slots,
            OWNER,
            attempt=attempt,
            images={Side.FRONT: good, Side.BACK: EncryptedImage(slot=slot, iv=IV)},
            result_id=JOB,
        )
    assert caught.value.fields == {"back": "upload_missing"}
    assert await use(upload_slots, OWNER, attempt=attempt, images={Side.FRONT: good}, result_id=JOB)


async def test_a_submission_that_failed_frees_its_slots(upload_slots):
    """The same images are submitted again; those of another submission stay used."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    await sign(upload_slots, slot, attempt)
    images = {Side.FRONT: EncryptedImage(slot=slot, iv=IV)}
    await use(upload_slots, OWNER, attempt=attempt, images=images, result_id=JOB)
    await upload_slots.free([slot], result_id="another")
    with pytest.raises(InvalidInputError):
        await use(upload_slots, OWNER, attempt=attempt, images=images, result_id="another")
    await upload_slots.free([slot], result_id=JOB)
    assert await use(upload_slots, OWNER, attempt=attempt, images=images, result_id="another")


async def test_an_object_is_over_when_its_job_has_ended(upload_slots, running):
    """Not before its slot is used, nor while the job runs, nor because somebody wrote so into the store."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    await sign(upload_slots, slot, attempt)
    images = {Side.FRONT: EncryptedImage(slot=slot, iv=IV)}
    assert not await upload_slots.is_over(f"captures/{attempt}/{slot}")
    used = await use(upload_slots, OWNER, attempt=attempt, images=images, result_id=JOB)
    object_key = used[Side.FRONT].object_key
    assert not await upload_slots.is_over(object_key)
    results, keys = running.runtime.backends.results, running.service._tracker._keys
    record = StatusRecord(result_id=JOB, kind=JobKind.DOCUMENT, owner=OWNER, submitted_at=time.time())
    await results.begin(sign_record(keys, record), ttl_seconds=60)
    assert not await upload_slots.is_over(object_key)
    ended = record.finished(EndState.STALE, at=time.time())
    await results.finish(replace(ended, mac="0" * 64), ttl_seconds=60)
    assert not await upload_slots.is_over(object_key)
    await results.erase(JOB)
    await results.finish(sign_record(keys, ended), ttl_seconds=60)
    assert await upload_slots.is_over(object_key)


@pytest.mark.parametrize(
    "forge",
    [
        lambda kept: b"",
        lambda kept: b"\xff",
        lambda kept: b"[]",
        lambda kept: b"{}",
        lambda kept: kept.replace(b"person-1", b"person-2"),
        lambda kept: json.dumps({**json.loads(kept), "mac": "0" * 64}).encode(),
    ],
)
async def test_a_writer_of_the_store_cannot_make_slots(upload_slots, running, forge):
    """What has no MAC of Proofing is not a slot."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    results = running.runtime.backends.results
    key = f"slot:reserved:{slot}"
    await results.save(key, forge(await results.load(key)), ttl_seconds=60)
    with pytest.raises(UploadRefusedError) as caught:
        await sign(upload_slots, slot, attempt, owner="person-2")
    assert caught.value.status == 404


async def test_a_state_cannot_be_passed_off_as_another(upload_slots, running):
    """The MAC covers state and id: a reserved slot copied to *signed* is invalid."""
    attempt = new_attempt()
    slot = await upload_slots.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    results = running.runtime.backends.results
    await results.save(f"slot:signed:{slot}", await results.load(f"slot:reserved:{slot}"), ttl_seconds=60)
    with pytest.raises(InvalidInputError):
        await use(
            upload_slots,
            OWNER,
            attempt=attempt,
            images={Side.FRONT: EncryptedImage(slot=slot, iv=IV)},
            result_id=JOB,
        )


async def test_slots_of_another_key_are_not_ours(upload_slots, running):
    """An application with another key takes none of our slots."""
    backends = running.runtime.backends
    live = running.runtime.configuration.live
    other = UploadSlots(backends.results, backends.images, KeyRing(secrets.token_bytes(32), []), live, None)
    attempt = new_attempt()
    slot = await other.reserve(OWNER, attempt=attempt, side=Side.FRONT)
    with pytest.raises(UploadRefusedError):
        await sign(upload_slots, slot, attempt)


def test_attempts_are_random(upload_slots):
    """128 bits of them, and the CSP source is the store's for exactly the attempt."""
    assert len({new_attempt() for _ in range(100)}) == 100
    assert upload_slots.source(new_attempt()) == "'self'"


def test_images_of_a_form_do_not_print():
    """Slot and IV stay out of logs."""
    assert "aaaa" not in repr(EncryptedImage(slot="aaaa", iv=IV))
