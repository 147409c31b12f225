"""The cases of the result store contract about values under a key and about limit counters."""

import asyncio
from collections.abc import Sequence

from proofing.contracts.stores import ResultStore, Usage
from proofing.testing.store_basis import (
    LIFE_SECONDS,
    SHORT_LIFE_SECONDS,
    ResultStoreBasis,
    make_ended,
    make_record,
)
from proofing.testing.waiting import eventually


class ValueCases(ResultStoreBasis):
    """Values live as long as they were given; counters are exact however many count at once."""

    async def test_a_counter_is_reset(self, pair: Sequence[ResultStore]) -> None:
        """A counter that was reset begins again; another one is left alone."""
        first, second = pair
        for counter in ("reset", "other"):
            await first.count(counter, maximum=5, window_seconds=LIFE_SECONDS)
        assert await second.reset("reset")
        assert not await first.reset("reset")
        assert (await first.usage("reset")) == Usage(count=0, seconds_left=0)
        assert (await first.usage("other")).count == 1
        assert (await second.count("reset", maximum=1, window_seconds=LIFE_SECONDS)).counted

    # Blobs

    async def test_save_load_replace_delete(self, pair: Sequence[ResultStore]) -> None:
        """A value is what was saved last, until it is deleted."""
        first, second = pair
        value = bytes(range(256)) * 100
        assert await first.load("session:a b/c") is None
        await first.save("session:a b/c", value, ttl_seconds=LIFE_SECONDS)
        assert await second.load("session:a b/c") == value
        await second.save("session:a b/c", b"", ttl_seconds=LIFE_SECONDS)
        assert await first.load("session:a b/c") == b""
        await first.delete("session:a b/c")
        assert await second.load("session:a b/c") is None
        await first.delete("session:a b/c")

    async def test_value_expires_and_save_renews(self, store: ResultStore) -> None:
        """A value is gone after its life; saving again gives it a new one."""
        await store.save("short", b"1", ttl_seconds=SHORT_LIFE_SECONDS)
        await store.save("renewed", b"2", ttl_seconds=SHORT_LIFE_SECONDS)
        await store.save("renewed", b"3", ttl_seconds=LIFE_SECONDS)

        async def is_gone() -> bool:
            return await store.load("short") is None

        await eventually(is_gone)
        assert await store.load("renewed") == b"3"

    async def test_add_keeps_first(self, pair: Sequence[ResultStore]) -> None:
        """Of many at once, across processes, one value is kept."""
        added = await asyncio.gather(
            *(
                store.add("slot", b"%d" % number, ttl_seconds=LIFE_SECONDS)
                for number, store in enumerate(list(pair) * 10)
            )
        )
        assert sum(added) == 1
        assert await pair[1].load("slot") == b"%d" % added.index(True)

    async def test_add_after_expiry_and_delete(self, store: ResultStore) -> None:
        """A key is free again when its value is gone."""
        assert await store.add("slot", b"1", ttl_seconds=SHORT_LIFE_SECONDS)

        async def is_free() -> bool:
            return await store.add("slot", b"2", ttl_seconds=LIFE_SECONDS)

        await eventually(is_free)
        assert await store.load("slot") == b"2"
        await store.delete("slot")
        assert await store.add("slot", b"3", ttl_seconds=LIFE_SECONDS)

    async def test_names_do_not_collide(self, store: ResultStore) -> None:
        """Records, results, values and counters have rooms of their own."""
        ended = make_ended(make_record())
        name = ended.result_id
        await store.finish(ended, ttl_seconds=LIFE_SECONDS, sealed_result=b"sealed")
        await store.save(name, b"value", ttl_seconds=LIFE_SECONDS)
        await store.count(name, maximum=5, window_seconds=LIFE_SECONDS)
        await store.add_member(name, b"member", ttl_seconds=LIFE_SECONDS)
        assert await store.status(name) == ended
        assert await store.members(name) == {b"member"}
        assert await store.load(name) == b"value"
        assert (await store.usage(name)).count == 1
        await store.delete(name)
        assert await store.result(name) == b"sealed"
        assert await store.status(name) == ended

    # Limits

    async def test_unused_counter(self, store: ResultStore) -> None:
        """A counter that never ran is at zero, and has nothing to refund."""
        assert await store.usage("idv_resolution:1") == Usage(count=0, seconds_left=0)
        assert (await store.refund("idv_resolution:1")).count == 0

    async def test_count_up_to_maximum(self, store: ResultStore) -> None:
        """The last permitted attempt counts; the one after it does not."""
        for expected in (1, 2, 3):
            usage = await store.count("limit", maximum=3, window_seconds=100.0)
            assert (usage.count, usage.counted) == (expected, True)
            assert 99.0 < usage.seconds_left <= 100.0
        usage = await store.count("limit", maximum=3, window_seconds=LIFE_SECONDS)
        assert (usage.count, usage.counted) == (3, False)
        # Refused: the window was not restarted with the longer time.
        assert 0 < usage.seconds_left <= 100.0
        assert (await store.usage("limit")).count == 3

    async def test_nothing_is_permitted_at_zero(self, store: ResultStore) -> None:
        """A maximum of nothing lets nothing through."""
        usage = await store.count("limit", maximum=0, window_seconds=100.0)
        assert (usage.count, usage.counted) == (0, False)

    async def test_counted_attempt_restarts_window(self, store: ResultStore) -> None:
        """Each counted attempt starts the window again."""
        await store.count("limit", maximum=3, window_seconds=10.0)
        usage = await store.count("limit", maximum=3, window_seconds=1000.0)
        assert usage.seconds_left > 900.0

    async def test_parallel_counts_are_exact(self, pair: Sequence[ResultStore]) -> None:
        """Of 100 attempts at once, across processes, exactly the permitted ones count."""
        usages = await asyncio.gather(
            *(store.count("limit", maximum=7, window_seconds=100.0) for store in pair for _ in range(50))
        )
        assert sum(usage.counted for usage in usages) == 7
        assert {usage.count for usage in usages if not usage.counted} == {7}

    async def test_give_back(self, store: ResultStore) -> None:
        """A refunded attempt may be made again; the window stays, and nothing goes below zero."""
        await store.count("limit", maximum=1, window_seconds=100.0)
        usage = await store.refund("limit")
        assert usage.count == 0
        assert usage.seconds_left <= 100.0
        assert (await store.refund("limit")).count == 0
        assert (await store.count("limit", maximum=1, window_seconds=100.0)).counted

    async def test_window_ends(self, store: ResultStore) -> None:
        """After the window the counter begins again."""
        await store.count("limit", maximum=1, window_seconds=SHORT_LIFE_SECONDS)

        async def counts() -> bool:
            return (await store.count("limit", maximum=1, window_seconds=100.0)).counted

        await eventually(counts)
        assert (await store.usage("limit")).count == 1
