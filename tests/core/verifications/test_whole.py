"""Events from a verification to its relying party, through a whole process and its stores."""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager

import pytest
from standardwebhooks import Webhook

from proofing.app.verifications import PartyRef, Request
from proofing.client.webhooks import WebhookVerifier
from proofing.contracts.verification_store import DeliveryState
from proofing.contracts.verifications import Mode
from proofing.testing.processes import start_process_async
from proofing.testing.waiting import eventually
from proofing.verifications.credentials import CredentialError
from proofing.verifications.deliveries import Deliverer
from proofing.verifications.sending import EventSender
from proofing.verifications.webhook_keys import WebhookKeys

AGENCY = PartyRef(name="agency", mode=Mode.LIVE)


def settings_of(url: str, **webhook) -> dict:
    """Return settings with one relying party and its endpoint."""
    return {
        "policies": {"phone": {"steps": ["phone"]}},
        "relying_parties": {
            "agency": {
                "display_name": "Agency",
                "policies": ["phone"],
                "webhooks": {"main": {"url": url, **webhook}},
            }
        },
    }


def keys_of(running) -> WebhookKeys:
    """Return what makes and reads keys in the process."""
    return WebhookKeys(running.runtime.backends.verifications, running.runtime.parts.sealer)


@asynccontextmanager
async def delivering(running):
    """Run the deliverer of the process."""
    stop = asyncio.Event()
    task = asyncio.create_task(running.runtime.deliverer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def delivered(running, count: int):
    """Wait until so many deliveries have ended."""
    store = running.runtime.backends.verifications

    async def found():
        rows = await store.deliveries(state=DeliveryState.DELIVERED)
        return rows if len(rows) >= count else None

    return await eventually(found)


async def test_a_relying_party_hears_of_each_change(process, support):
    """In the words of its view, signed for both kinds of verifiers; the store remembers the deliveries."""
    async with (
        support.serving(support.Endpoint()) as endpoint,
        process(**settings_of(endpoint.url)) as running,
    ):
        keys = await keys_of(running).add("agency", Mode.LIVE, "main")
        verifications = running.service.verifications
        async with delivering(running):
            created = await verifications.create(AGENCY, Request(subject="customer-77"))
            await delivered(running, 1)
            await verifications.cancel(AGENCY, created.record.id)
            await delivered(running, 2)
    events = []
    for request in endpoint.received:
        assert Webhook(keys.secret).verify(request.body, request.headers) == json.loads(request.body)
        events.append(WebhookVerifier(keys.public).verify(request.headers, request.body))
        assert b"customer-77" not in request.body
    assert [event.type for event in events] == ["verification.created", "verification.canceled"]
    assert [event.data["sequence"] for event in events] == [1, 2]
    assert {event.data["id"] for event in events} == {created.record.id}
    assert len({event.id for event in events}) == 2


async def test_only_the_types_that_are_named_are_sent(process, support):
    """Others can still be polled."""
    async with support.serving(support.Endpoint()) as endpoint:
        settings = settings_of(endpoint.url, events=["verification.canceled"])
        async with process(**settings) as running:
            await keys_of(running).add("agency", Mode.LIVE, "main")
            verifications = running.service.verifications
            created = await verifications.create(AGENCY, Request(subject="a"))
            await verifications.cancel(AGENCY, created.record.id)
            async with delivering(running):
                await delivered(running, 1)
            store = running.runtime.backends.verifications
            polled = await store.events("agency", Mode.LIVE, after=0, limit=10)
    assert [json.loads(request.body)["type"] for request in endpoint.received] == ["verification.canceled"]
    assert [event.type for event in polled] == ["verification.created", "verification.canceled"]


async def test_keys_are_made_rotated_and_retired(process):
    """Old and new keys sign alongside each other; after the overlap, or a retirement, the new ones alone."""
    async with process(**settings_of("http://127.0.0.1:1/")) as running:
        keys = keys_of(running)
        place = ("agency", Mode.LIVE, "main")
        with pytest.raises(CredentialError, match="add"):
            await keys.rotate(*place, overlap_seconds=1)
        first = await keys.add(*place)
        with pytest.raises(CredentialError, match="rotate"):
            await keys.add(*place)
        second = await keys.rotate(*place, overlap_seconds=3600)
        assert len(await keys_of(running).signing_keys(*place)) == 4
        with pytest.raises(CredentialError, match="being rotated"):
            await keys.rotate(*place, overlap_seconds=1)
        for one in first.ids:
            assert await keys.retire("agency", one)
            assert not await keys.retire("bank", one)
        assert {one.id for one in await keys.usable(*place)} == set(second.ids)
        # Endpoints, modes and relying parties have none of each other.
        for other in (("agency", Mode.TEST, "main"), ("agency", Mode.LIVE, "b"), ("bank", Mode.LIVE, "main")):
            assert await keys.signing_keys(*other) == []
        stored = await running.runtime.backends.verifications.credentials()
        assert all(second.secret.encode() not in one.sealed for one in stored)
        assert not await keys.retire("agency", "key_unknown")


CHILD = """
import asyncio, sys
from proofing import bootstrap
from proofing.verifications.deliveries import Deliverer
from proofing.verifications.sending import EventSender
from proofing.verifications.webhook_keys import WebhookKeys

async def main():
    configuration = await bootstrap.configure()
    async with bootstrap.start(configuration, "worker") as runtime:
        keys = WebhookKeys(runtime.backends.verifications, runtime.parts.sealer)
        sender = EventSender(configuration.live, keys, allows_loopback=True)
        await Deliverer(runtime.backends.verifications, sender, lease_seconds=1.0).run(asyncio.Event())

asyncio.run(main())
"""


async def test_a_killed_process_loses_no_event(process, support, tmp_path):
    """In the middle of an attempt, by SIGKILL: when its lease ends, another sends the event again."""
    async with support.serving(support.Endpoint(), is_open=False) as endpoint:
        url = endpoint.url
        async with process(**settings_of(url)) as running:
            await keys_of(running).add("agency", Mode.LIVE, "main")
            await running.service.verifications.create(AGENCY, Request(subject="a"))
            environ = {
                **os.environ,
                "PROOFING_ENV": "test",
                "PROOFING_SETTINGS": str(tmp_path / "settings.yaml"),
            }
            child = await start_process_async(sys.executable, "-c", CHILD, env=environ, cwd=tmp_path)
            try:
                await eventually(lambda: endpoint.received)
            finally:
                child.kill()
                await child.wait()
            endpoint.opened.set()
            store = running.runtime.backends.verifications
            sender = EventSender(running.runtime.configuration.live, keys_of(running), allows_loopback=True)
            stop = asyncio.Event()
            task = asyncio.create_task(Deliverer(store, sender, lease_seconds=1.0).run(stop))
            (row,) = await delivered(running, 1)
            stop.set()
            await task
            await sender.close()
    assert row.attempts == 2
    assert [request.headers["proofing-attempt"] for request in endpoint.received] == ["1", "2"]
    assert {request.headers["webhook-id"] for request in endpoint.received} == {row.event.id}
