"""The cases of the verification store contract about several processes, and one that is killed."""

import asyncio

import pytest

from proofing.contracts.verification_store import VerificationStore
from proofing.contracts.verifications import Mode, Sealed, VerificationRecord
from proofing.testing.verification_basis import GIVE_UP_SECONDS, PARTY, SEALED, VerificationStoreBasis
from proofing.testing.verification_process import start_writer

#: More than a process gets through before it is killed.
_ENDLESS = 1_000_000
_ALL = 10_000


class SurvivalCases(VerificationStoreBasis):
    """What returned is there after a kill, and nothing is there by half."""

    @pytest.mark.parametrize("lines", [1, 2, 3, 17, 40])
    async def test_a_killed_process_leaves_whole_changes(self, lines: int) -> None:
        """What it reported is kept; what it was at is kept with everything that belongs to it, or not."""
        async with self.opened(1) as (store,):
            process = await start_writer(self.process_spec(), count=_ENDLESS)
            assert process.stdout is not None
            async with asyncio.timeout(GIVE_UP_SECONDS * 3):
                output = b"".join([await process.stdout.readline() for _ in range(lines)])
                process.kill()
                output += await process.stdout.read()
                await process.wait()
            whole, _, _partial = output.decode().rpartition("\n")
            reported = {name: int(sequence) for name, sequence in map(str.split, whole.splitlines())}
            records = {one.id: one for one in await store.page(PARTY, Mode.LIVE, limit=_ALL)}
            for name, sequence in reported.items():
                assert records[name].sequence >= sequence
            assert len(records) <= len(reported) + 1
            for record in records.values():
                await self._is_whole(store, record)

    async def _is_whole(self, store: VerificationStore, record: VerificationRecord) -> None:
        """Assert that everything is there that belongs to the changes of *record*, and nothing else."""
        found = await store.load(record.id)
        assert found is not None
        events = await store.events(PARTY, Mode.LIVE, after=0, limit=_ALL)
        mine = [event.id for event in events if event.verification_id == record.id]
        assert len(mine) == record.sequence
        assert [event.cursor for event in events] == list(range(1, len(events) + 1))
        for event_id in mine:
            assert len(await store.deliveries(event_id=event_id)) == 1
        assert await store.idempotent_answer("acme/live/create", record.id) is not None
        assert len(await store.begun_jobs(record.id)) == (record.sequence == 2)
        assert len(await store.ends(record.id)) == (record.sequence == 3)
        claims = {Sealed.SUBJECT: SEALED[Sealed.SUBJECT], Sealed.CLAIMS: b"claims"}
        assert found.sealed == (claims if record.sequence == 3 else SEALED)

    async def test_a_poller_misses_no_event_of_other_processes(self) -> None:
        """Three processes commit at once; each page continues where the one before it ended."""
        processes, each = 3, 12
        total = processes * each * 3
        async with self.opened(1) as (store,), asyncio.timeout(GIVE_UP_SECONDS * 3):
            writers = [await start_writer(self.process_spec(), count=each) for _ in range(processes)]
            seen: list[int] = []
            while len(seen) < total:
                page = await store.events(PARTY, Mode.LIVE, after=len(seen), limit=5)
                seen += [event.cursor for event in page]
                assert seen == list(range(1, len(seen) + 1))
            assert [await writer.wait() for writer in writers] == [0] * processes
