"""The cases of the result store contract about changes in one step, sets, and the store's clock."""

import asyncio
import time
from collections.abc import Sequence

from proofing.contracts.stores import Count, Mark, ResultStore, Usage
from proofing.testing.store_basis import (
    LIFE_SECONDS,
    SHORT_LIFE_SECONDS,
    ResultStoreBasis,
    make_ended,
    make_record,
)
from proofing.testing.waiting import eventually


def mark(key: str, value: bytes = b"value") -> Mark:
    """Return a mark that lives."""
    return Mark(key=key, value=value, ttl_seconds=LIFE_SECONDS)


def count(counter: str, maximum: int) -> Count:
    """Return an attempt to count."""
    return Count(counter=counter, maximum=maximum, window_seconds=LIFE_SECONDS)


class ChangeCases(ResultStoreBasis):
    """What must happen in one step does, across processes."""

    # Compare and set

    async def test_a_value_changes_only_from_what_was_seen(self, pair: Sequence[ResultStore]) -> None:
        """A change that was made from an older value is refused, and learns of the newer one."""
        first, second = pair
        await first.save("session", b"1 a", ttl_seconds=LIFE_SECONDS)
        changed = await second.compare_and_set("session", b"2 b", expected=b"1", ttl_seconds=LIFE_SECONDS)
        assert changed == b"2 b"
        late = await first.compare_and_set("session", b"2 c", expected=b"1", ttl_seconds=LIFE_SECONDS)
        assert late == b"2 b"
        assert await first.load("session") == b"2 b"

    async def test_parallel_changes_lose_nothing(self, pair: Sequence[ResultStore]) -> None:
        """Of many changes at once, each repeated until it is made from the newest value, all are kept."""
        await pair[0].save("session", b"0 start", ttl_seconds=LIFE_SECONDS)

        async def add_one(store: ResultStore, name: bytes) -> None:
            seen = await store.load("session")
            while seen is not None:
                wanted = b"%d %s" % (int(seen.split()[0]) + 1, name)
                current = await store.compare_and_set(
                    "session", wanted, expected=seen, ttl_seconds=LIFE_SECONDS
                )
                if current == wanted:
                    return
                seen = current

        await asyncio.gather(*(add_one(store, b"%d" % number) for number, store in enumerate(list(pair) * 5)))
        kept = await pair[0].load("session")
        assert kept is not None
        assert kept.split()[0] == b"10"

    async def test_of_parallel_changes_one_is_kept(self, pair: Sequence[ResultStore]) -> None:
        """All learn of the same one."""
        await pair[0].save("session", b"old", ttl_seconds=LIFE_SECONDS)
        returned = await asyncio.gather(
            *(
                store.compare_and_set(
                    "session", b"new %d" % number, expected=b"old", ttl_seconds=LIFE_SECONDS
                )
                for number, store in enumerate(list(pair) * 10)
            )
        )
        assert len(set(returned)) == 1
        assert await pair[1].load("session") == returned[0]

    async def test_a_change_brings_nothing_back(self, pair: Sequence[ResultStore]) -> None:
        """Neither a value that was deleted nor one that has expired, whatever is expected; lives are new."""
        first, second = pair

        async def change(key: str) -> bytes | None:
            return await second.compare_and_set(key, b"new", expected=b"", ttl_seconds=LIFE_SECONDS)

        assert await change("session") is None
        assert await first.load("session") is None
        await first.save("kept", b"", ttl_seconds=SHORT_LIFE_SECONDS)
        assert await change("kept") == b"new"
        await first.save("short", b"1", ttl_seconds=SHORT_LIFE_SECONDS)

        async def is_gone() -> bool:
            return await first.load("short") is None

        await eventually(is_gone)
        assert await change("short") is None
        assert await first.load("kept") == b"new"
        await first.delete("kept")
        assert await change("kept") is None

    async def test_a_result_is_consumed_with_the_change_that_takes_it(
        self, pair: Sequence[ResultStore]
    ) -> None:
        """It is readable until then, and stays when the change is refused."""
        first, second = pair
        ended = make_ended(make_record())
        await first.finish(ended, ttl_seconds=LIFE_SECONDS, sealed_result=b"sealed")
        await first.save("session", b"1", ttl_seconds=LIFE_SECONDS)
        assert await second.result(ended.result_id) == b"sealed"
        assert await second.result(ended.result_id) == b"sealed"

        async def take(expected: bytes) -> bytes | None:
            return await first.compare_and_set(
                "session", b"2", expected=expected, ttl_seconds=LIFE_SECONDS, consumes=ended.result_id
            )

        assert await take(b"0") == b"1"
        assert await second.result(ended.result_id) == b"sealed"
        assert await take(b"1") == b"2"
        assert await second.result(ended.result_id) is None
        assert await second.status(ended.result_id) == ended

    # Admission

    async def test_all_is_admitted_or_nothing(self, pair: Sequence[ResultStore]) -> None:
        """One existing mark or one full counter, and nothing is kept or counted."""
        first, second = pair
        granted = await first.admit(marks=[mark("a"), mark("b")], counts=[count("x", 2), count("y", 1)])
        assert granted.granted
        assert (await second.load("a"), await second.load("b")) == (b"value", b"value")
        assert ((await second.usage("x")).count, (await second.usage("y")).count) == (1, 1)

        refused = await second.admit(marks=[mark("c"), mark("b"), mark("a")], counts=[count("x", 2)])
        assert not refused.granted
        assert refused.taken == {"a", "b"}
        assert await first.load("c") is None
        assert (await first.usage("x")).count == 1

        refused = await second.admit(marks=[mark("c")], counts=[count("x", 2), count("y", 1)])
        assert refused.full is not None
        assert refused.full[0] == "y"
        assert refused.full[1].count == 1
        assert 0 < refused.full[1].seconds_left <= LIFE_SECONDS
        assert await first.load("c") is None
        assert (await first.usage("x")).count == 1

    async def test_parallel_admissions_are_exact(self, pair: Sequence[ResultStore]) -> None:
        """Of 40 at once as many are granted as the counter allows, and each mark is kept for one of them."""
        answers = await asyncio.gather(
            *(
                store.admit(marks=[mark(f"slot-{number}")], counts=[count("limit", 7)])
                for number, store in enumerate(list(pair) * 20)
            )
        )
        assert sum(answer.granted for answer in answers) <= 7
        kept = [await pair[0].load(f"slot-{number}") is not None for number in range(40)]
        assert kept == [answer.granted for answer in answers]
        assert (await pair[0].usage("limit")).count == sum(kept)

    async def test_nothing_is_admitted_at_zero(self, store: ResultStore) -> None:
        """A maximum of nothing lets nothing through."""
        assert (await store.admit(counts=[count("limit", 0)])).full == (
            "limit",
            Usage(count=0, seconds_left=0),
        )

    # Sets

    async def test_members_of_a_set(self, pair: Sequence[ResultStore]) -> None:
        """Concurrent adds do not overwrite each other; the whole set is read and deleted together."""
        first, second = pair
        assert await first.members("set") == frozenset()
        await asyncio.gather(
            *(
                store.add_member("set", b"%d" % number, ttl_seconds=LIFE_SECONDS)
                for store in pair
                for number in range(10)
            )
        )
        assert await second.members("set") == {b"%d" % number for number in range(10)}
        assert await first.drop_members("set") == 10
        assert await second.members("set") == frozenset()
        assert await first.drop_members("set") == 0

    async def test_a_set_lives_as_long_as_its_last_member(self, store: ResultStore) -> None:
        """A later, longer life is that of all; a shorter one shortens nothing."""
        await store.add_member("short", b"1", ttl_seconds=SHORT_LIFE_SECONDS)
        await store.add_member("long", b"1", ttl_seconds=SHORT_LIFE_SECONDS)
        await store.add_member("long", b"2", ttl_seconds=LIFE_SECONDS)
        await store.add_member("long", b"3", ttl_seconds=SHORT_LIFE_SECONDS)

        async def is_gone() -> bool:
            return not await store.members("short")

        await eventually(is_gone)
        assert {b"1", b"2"} <= await store.members("long")

    # The clock

    async def test_the_clock_runs(self, pair: Sequence[ResultStore]) -> None:
        """Both views of the store have the same time, in seconds since the epoch, and it continues."""
        first, second = pair
        asked = await first.time()
        assert abs(asked - time.time()) < 60
        before = first.now()
        assert abs(before - asked) < 5
        assert abs(second.now() - before) < 5

        async def has_gone_on() -> bool:
            return first.now() > before and await first.time() > asked

        await eventually(has_gone_on)
