"""The contract suite of call stores: adding, costs, decisions, erasure, retention, a killed process.

Subclass `CallStoreContract` and say how to make a store, here and in a process of its own::

    class TestMyStore(CallStoreContract):
        def make_store(self) -> CallStore:
            return MyStore(...)

        def process_spec(self) -> Mapping[str, Any]:
            return {"plugin": "mine", "settings": {...}}
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.call_records import CallRecord, CallStore, CostGroup, CostLine, RecordedDecision
from proofing.contracts.results import ProoferKind
from proofing.testing.call_basis import (
    DECEMBER,
    GIVE_UP_SECONDS,
    NOVEMBER,
    CallStoreBasis,
    all_calls,
    make_call,
    make_decision,
)
from proofing.testing.call_process import start_adder
from proofing.testing.injections import Calls, assert_unavailable, extended, foreign_errors

_DAY = 86400.0
#: More rows than one statement of any store deletes.
_MANY = 2500


class CallStoreContract(CallStoreBasis):
    """What every call store does. All stores from `make_store` look at the same data."""

    async def test_the_contract_is_kept(self, store: CallStore) -> None:
        """It has every method."""
        assert isinstance(store, CallStore)

    async def test_close_is_harmless(self) -> None:
        """`close` may come before `open` and twice; data survives it."""
        store = self.make_store()
        await store.close()
        await store.open()
        await store.add([make_call()], [])
        await store.close()
        await store.close()
        await store.open()
        assert len(await all_calls(store)) == 1
        await store.close()

    # Adding

    async def test_what_a_record_holds_comes_back(self, store: CallStore) -> None:
        """Every field, absent ones, text of any script, and prices to the last digit."""
        full = make_call(
            at=NOVEMBER + 0.123456,
            transaction_id="é'\"%s\\ \n",
            is_shadow=True,
            is_uncertain=True,
            price=Decimal("0.000001"),
        )
        bare = make_call(
            at=NOVEMBER + 1.0,
            transaction_id=None,
            relying_party=None,
            outcome="timeout",
            permissible_purpose=None,
            price=None,
            currency=None,
        )
        large = make_call(at=NOVEMBER + 2.0, price=Decimal("123456.654321"))
        await store.add([full, bare, large], [])
        assert await all_calls(store) == [full, bare, large]

    async def test_nothing_to_add_is_fine(self, store: CallStore) -> None:
        """Most jobs of test mode have nothing."""
        await store.add([], [])
        assert await all_calls(store) == []

    async def test_what_is_known_stays_as_it_is(self, pair: Sequence[CallStore]) -> None:
        """A rescued job adds its records again, with others, and with other prices by now."""
        first, second = pair
        call, decision = make_call(), make_decision()
        await first.add([call], [decision])
        news = make_call(at=call.at + 1.0), make_decision(job=decision.job, number=1)
        changed = replace(decision, decision=replace(decision.decision, vendor="another"))
        await second.add(
            [replace(call, price=Decimal("9.99"), outcome="failed"), news[0]], [changed, news[1]]
        )
        assert await all_calls(first) == [call, news[0]]
        found = await first.decisions_of_jobs([decision.job])
        assert sorted(found, key=lambda one: one.id) == [decision, news[1]]

    async def test_one_batch_may_name_a_record_twice(self, store: CallStore) -> None:
        """The first one counts."""
        call, decision = make_call(), make_decision()
        await store.add([call, replace(call, outcome="failed")], [decision, decision])
        assert await all_calls(store) == [call]
        assert await store.decisions_of_jobs([decision.job]) == [decision]

    async def test_many_at_once_are_all_kept(self, pair: Sequence[CallStore]) -> None:
        """Two workers add side by side."""
        batches = [[make_call() for _ in range(5)] for _ in range(20)]
        await asyncio.gather(*(pair[number % 2].add(batch, []) for number, batch in enumerate(batches)))
        found = {one.id for one in await all_calls(pair[0])}
        assert found == {one.id for batch in batches for one in batch}

    @pytest.mark.parametrize("lines", [1, 7, 40])
    async def test_a_killed_process_loses_nothing(self, lines: int) -> None:
        """What `add` returned from is kept, and what it was at is kept with its decision, or not at all."""
        async with self.opened(1) as (store,):
            process = await start_adder(self.process_spec())
            assert process.stdout is not None
            async with asyncio.timeout(GIVE_UP_SECONDS * 3):
                output = b"".join([await process.stdout.readline() for _ in range(lines)])
                process.kill()
                output += await process.stdout.read()
                await process.wait()
            whole, _, _partial = output.decode().rpartition("\n")
            reported = set(whole.splitlines())
            found = {one.id for one in await all_calls(store)}
            assert reported <= found
            assert len(found) <= len(reported) + 1
            assert {one.job for one in await store.decisions_of_jobs(sorted(found))} == found

    # The ledger

    async def test_pages_of_calls(self, store: CallStore) -> None:
        """Oldest first, from the first moment until before the last, also where many are of one moment."""
        calls = [make_call(id=f"{number:064x}", at=NOVEMBER + number // 3) for number in range(9)]
        await store.add(calls[::-1], [])
        found: list[CallRecord] = []
        while page := await store.calls(
            begin=NOVEMBER, end=NOVEMBER + 2, limit=4, after=(found[-1].at, found[-1].id) if found else None
        ):
            assert len(page) <= 4
            found += page
        assert found == calls[:6]

    async def test_costs_are_exact(self, store: CallStore) -> None:
        """What binary fractions would get wrong: ten times 0.1 is 1, and a third decimal place counts."""
        prices = ["0.1"] * 10 + ["0.005", "1000000.01"]
        await store.add([make_call(price=Decimal(price)) for price in prices], [])
        (line,) = await store.costs(begin=NOVEMBER, end=DECEMBER, by=CostGroup.VENDOR)
        assert line.total == Decimal("1000001.015")
        assert isinstance(line.total, Decimal)
        assert line.calls == 12

    async def test_costs_of_each_group(self, store: CallStore) -> None:
        """A line for each group and currency, with what is uncertain or has no price; of no other month."""
        euro = make_call(vendor="zeta", price=Decimal(2), currency="EUR", relying_party=None)
        await store.add(
            [
                make_call(),
                make_call(is_uncertain=True, at=NOVEMBER + 2 * _DAY),
                make_call(price=None, currency=None, relying_party="other", is_shadow=True),
                euro,
                replace(euro, id="00", kind=ProoferKind.PHONE, at=DECEMBER - 0.001),
                make_call(at=NOVEMBER - 0.001),
                make_call(at=DECEMBER),
            ],
            [],
        )

        async def lines(by: CostGroup) -> list[tuple[str, str | None, int, int, int, str]]:
            found: Sequence[CostLine] = await store.costs(begin=NOVEMBER, end=DECEMBER, by=by)
            return [
                (one.group, one.currency, one.calls, one.uncertain, one.unpriced, str(one.total.normalize()))
                for one in found
            ]

        assert await lines(CostGroup.VENDOR) == [
            ("acme:resolution", None, 1, 0, 1, "0"),
            ("acme:resolution", "USD", 2, 1, 0, "0.9"),
            ("zeta", "EUR", 2, 0, 0, "4"),
        ]
        assert await lines(CostGroup.RELYING_PARTY) == [
            ("", "EUR", 2, 0, 0, "4"),
            ("agency", "USD", 2, 1, 0, "0.9"),
            ("other", None, 1, 0, 1, "0"),
        ]
        assert await lines(CostGroup.KIND) == [
            ("phone", "EUR", 1, 0, 0, "2"),
            ("resolution", None, 1, 0, 1, "0"),
            ("resolution", "EUR", 1, 0, 0, "2"),
            ("resolution", "USD", 2, 1, 0, "0.9"),
        ]
        assert await lines(CostGroup.DAY) == [
            ("2026-11-01", None, 1, 0, 1, "0"),
            ("2026-11-01", "EUR", 1, 0, 0, "2"),
            ("2026-11-01", "USD", 1, 0, 0, "0.45"),
            ("2026-11-03", "USD", 1, 1, 0, "0.45"),
            ("2026-11-30", "EUR", 1, 0, 0, "2"),
        ]

    # Decisions

    async def test_the_decisions_of_a_person(self, store: CallStore) -> None:
        """Newest first, until a moment, of nobody else."""
        mine = [make_decision(person="one", at=float(at)) for at in (30, 10, 20)]
        await store.add([], [*mine, make_decision(person="another", at=15.0)])
        third, first, second = mine
        assert await store.decisions_of("one") == [third, second, first]
        assert await store.decisions_of("one", until=20.0) == [second, first]
        assert await store.decisions_of("one", until=20.0, limit=1) == [second]
        assert await store.decisions_of("nobody") == []

    async def test_the_latest_decisions(self, store: CallStore) -> None:
        """Newest first, page by page, also where many are of one moment; and all of some jobs."""
        made = [
            make_decision(job=f"job-{number // 2}", number=number, at=float(number // 3))
            for number in range(8)
        ]
        await store.add([], made)
        found: list[RecordedDecision] = []
        last = None
        while page := await store.latest_decisions(limit=3, before=last):
            found += page
            last = (page[-1].at, page[-1].job, page[-1].id)
        assert found == sorted(made, key=lambda one: (one.at, one.job, one.id), reverse=True)
        of_two = await store.decisions_of_jobs(["job-1", "job-3", "job-9"])
        assert {one.job for one in of_two} == {"job-1", "job-3"}
        assert len(of_two) == 4
        assert await store.decisions_of_jobs([]) == []

    async def test_a_person_is_forgotten(self, store: CallStore) -> None:
        """Decisions about them; those about others and call records, which name nobody, stay."""
        other = make_decision(person="another")
        await store.add([make_call()], [make_decision(person="one"), make_decision(person="one"), other])
        assert await store.forget("one") == 2
        assert await store.forget("one") == 0
        assert await store.decisions_of("one") == []
        assert await store.latest_decisions(limit=9) == [other]
        assert len(await all_calls(store)) == 1

    async def test_jobs_are_forgotten(self, store: CallStore) -> None:
        """Their decisions; those of other jobs of the same person stay."""
        kept = make_decision(person="one", job="job-3")
        jobs = ("job-1", "job-1", "job-2")
        mine = [make_decision(person="one", job=job, number=number) for number, job in enumerate(jobs)]
        await store.add([make_call()], [*mine, kept])
        assert await store.forget_jobs([]) == 0
        assert await store.forget_jobs(["job-1", "job-2", "nobody's"]) == len(mine)
        assert await store.forget_jobs(["job-1"]) == 0
        assert await store.latest_decisions(limit=9) == [kept]
        assert len(await all_calls(store)) == 1

    async def test_old_records_are_swept(self, store: CallStore) -> None:
        """Decisions and call records each by their own age; more than one statement deletes."""
        calls = [make_call(at=100.0 + number) for number in range(_MANY)]
        decisions = [make_decision(at=1000.0 + number) for number in range(3)]
        await store.add(calls, decisions)
        assert await store.sweep(decisions_before=1001.0, calls_before=100.0 + _MANY - 1) == _MANY
        assert await all_calls(store) == calls[-1:]
        assert await store.latest_decisions(limit=9) == decisions[:0:-1]
        assert await store.sweep(decisions_before=1001.0, calls_before=100.0) == 0

    # Failures

    async def test_logs_hold_no_values(self, store: CallStore, caplog: pytest.LogCaptureFixture) -> None:
        """Neither people nor transaction ids are logged."""
        with caplog.at_level(logging.DEBUG):
            decision = make_decision(person="canary-person", job="canary-job")
            await store.add([make_call(transaction_id="canary-transaction")], [decision])
            await store.decisions_of("canary-person")
            await store.forget("canary-person")
        assert "canary" not in caplog.text

    @foreign_errors
    async def test_foreign_exceptions_are_unavailable(
        self,
        store: CallStore,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        foreign: Exception,
    ) -> None:
        """Whatever the library raises is `StoreUnavailableError` at every method, and the store recovers."""
        await store.add([make_call()], [])
        other = self.make_store()
        with monkeypatch.context() as broken:
            self.break_library(broken, foreign)
            calls: Calls = {
                "open": other.open,
                "add": lambda: store.add([make_call()], [make_decision()]),
                "calls": lambda: store.calls(begin=0.0, end=1.0, limit=1),
                "costs": lambda: store.costs(begin=0.0, end=1.0, by=CostGroup.DAY),
                "latest_decisions": lambda: store.latest_decisions(limit=1),
                "decisions_of_jobs": lambda: store.decisions_of_jobs(["job"]),
                "decisions_of": lambda: store.decisions_of("person"),
                "forget": lambda: store.forget("person"),
                "forget_jobs": lambda: store.forget_jobs(["job"]),
                "sweep": lambda: store.sweep(decisions_before=1.0, calls_before=1.0),
            }
            calls = extended(calls, store, CallStore, without={"migrate"})
            await assert_unavailable(calls, StoreUnavailableError, foreign, caplog)
            await other.close()
        assert len(await all_calls(store)) == 1

    async def test_unreachable_backend_is_reported_in_time(self) -> None:
        """A backend that does not answer is an error within the store's own deadline."""
        store = self.make_unreachable_store()

        async def use() -> None:
            await store.open()
            await store.add([make_call()], [])

        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(use(), GIVE_UP_SECONDS)
        await store.close()
