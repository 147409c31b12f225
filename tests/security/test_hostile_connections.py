"""Thousands of connections that hold on to a web process leave it open for everybody else."""

import asyncio
import json
from collections import Counter
from itertools import product

from proofing_devtools.flood import Hostility, flood, hostile_request
from proofing_devtools.web_process import get, pending_session, running_web

CASES = {"test_visitors_are_served_during_a_flood": (60, 5_000)}
#: How much memory a web process may take for all connections, and for each that leaves its answers unread: a
#: page of their own, what h11 holds of the requests behind it, and the objects of the connection.
BYTES, BYTES_EACH = 200_000_000, 120_000
#: Visits while each flood is held; each opens a connection of its own.
VISITS = 20
PAGES = ("/", "/exited", "/healthz", "/session-ended")


async def test_visitors_are_served_during_a_flood(cases, claim, tmp_path):
    """Every visit is answered while hostile connections of each kind come, are closed, and come again."""
    caps = {"web_max_connections": cases, "web_max_connections_per_address": max(20, cases // 20)}
    with running_web(tmp_path, {"trusted_proxies": 0, **caps}) as web:
        session_id, job = await pending_session(web)
        for kind, addresses in product(Hostility, (1, 500)):
            request = hostile_request(kind, job=job, session_id=session_id)
            with flood(kind, web.port, cases, addresses=addresses, request=request) as attack:
                await asyncio.to_thread(attack.wait_until_tried, cases)
                answers = [await get(web.port, PAGES[number % len(PAGES)]) for number in range(VISITS)]
            assert Counter(status for status, _ in answers) == {200: VISITS}, kind
            assert web.resident_bytes() < BYTES + cases * BYTES_EACH, kind
            claim(
                "S16",
                f"{cases:,} hostile connections, {kind.value.replace('_', ' ')}, from "
                f"{'one address' if addresses == 1 else f'{addresses} addresses'}, against one web process",
                f"{VISITS} of {VISITS} visits answered",
            )
        _, metrics = await get(web.probe_port, "/metrics")
        assert b"proofing_web_connections_closed_total" in metrics
        events = Counter(json.loads(line)["name"] for line in web.log_file.read_text().splitlines())
        assert events["request_failed"] == 0
        # One line per minute and reason, however many connections.
        assert 1 <= events["connections_closed"] <= 60
        assert web.process.poll() is None
