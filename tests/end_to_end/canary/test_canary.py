"""S1: no personal data is anywhere but where it belongs, however jobs end."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import sqlite3
import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.app.verifications import PartyRef, Request
from proofing.base.tracing import ATTRIBUTES
from proofing.cli.smoke import Answers
from proofing.contracts.images import Side
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.verifications import VerificationState
from proofing.testing.canary import Canary, grep_paths
from proofing.testing.processes import free_port
from proofing_devtools.capture import DEVICE
from proofing_devtools.collector import CollectedSpan, running_collector
from proofing_devtools.product import NO_AUTHORITIES, Product
from proofing_devtools.services import running_services

#: Rounds through all causes.
ROUNDS = [pytest.param(1, id="short"), pytest.param(15, id="long", marks=pytest.mark.security)]
#: The relying party that sends every second person, and what it gets of them.
PARTY = PartyRef(name="agency")
RELYING_PARTIES = {
    "policies": {
        "everything": {
            "steps": ["document", "selfie", "resolution", "phone", "code"],
            "claims": ["first_name", "last_name", "dob", "ssn", "phone", "state_id_number"],
        }
    },
    "relying_parties": {
        "agency": {
            "display_name": "Agency",
            "policies": ["everything"],
            # Nothing answers there: each attempt to deliver an event fails, and is logged.
            "webhooks": {"main": {"url": "http://localhost:9/hooks"}},
        }
    },
}
#: Of so many the released attributes are collected; of the others they stay, sealed.
COLLECTED = 1
#: How many people's values one search looks for; more take too much memory.
BATCH = 100
#: What only a killed worker brings about: tests/retention/test_flows.py kills them. And a vendor that is out,
#: as it would be for everybody: tests/core/jobs/test_asking.py, tests/server/test_outages.py.
NOT_REACHED = {"worker_lost", "unknown_outcome", "vendor_unavailable"}


async def walk(product, guest) -> tuple[dict, list[httpx.Headers]]:
    """Take one person through the flow, and return the report and every response's headers."""
    headers: list[httpx.Headers] = []

    async def keep(response: httpx.Response) -> None:
        headers.append(response.headers)
        if response.headers.get("content-type", "").startswith("text/html"):
            # The one place where the person, and nobody else, sees the code of a mock messenger.
            guest.codes.extend(re.findall(r'id="test-code">(\d+)<', (await response.aread()).decode()))

    form = guest.form()
    documents = {
        Side.FRONT: (guest.cause.wrap(form), "application/yaml"),
        Side.BACK: (guest.cause.wrap(form + b"\n"), "application/yaml"),
        Side.SELFIE: (guest.cause.wrap(form + b"\n\n"), "application/yaml"),
    }
    applicant = guest.canary.applicant
    answers = Answers(documents=documents, typed={"ssn": applicant.ssn, "phone": applicant.phone})
    async with httpx.AsyncClient(
        base_url=product.url,
        headers={"origin": product.url},
        follow_redirects=True,
        timeout=90,
        verify=NO_AUTHORITIES,
        event_hooks={"response": [keep]},
    ) as client:
        walker = guest.cause.walk(client, answers)
        report = await (walker.run_link(f"/start/{guest.tokens[0]}") if guest.is_sent else walker.run())
    return report, headers


@contextlib.asynccontextmanager
async def web_service(product):
    """Be a web process."""
    configuration = await bootstrap.configure(environ=product.environment, role="web")
    async with bootstrap.start(configuration, "web") as started:
        yield started


async def send(product, people) -> list[str]:
    """Be the relying party that sends *people*; return the ids of their verifications."""
    ids = []
    async with web_service(product) as started:
        for guest in people:
            known = guest.canary.extra
            request = Request(subject=known["subject"], metadata={"case": known["metadata"]})
            created = await started.service.verifications.create(PARTY, request)
            guest.tokens.append(created.token)
            ids.append(created.record.id)
    return ids


async def collect_claims(product, people, ids) -> int:
    """Be the relying party that collects what is released of those who passed; return of how many."""
    count = 0
    async with web_service(product) as started:
        for guest, verification_id in zip(people, ids, strict=True):
            record = await started.service.verifications.get(PARTY, verification_id)
            if record.state is VerificationState.VERIFIED and count < COLLECTED:
                found = await started.service.verifications.collect_claims(PARTY, verification_id)
                assert found["ssn"] == guest.canary.applicant.ssn
                count += 1
    return count


async def hand_in(product, people: list) -> list[str]:
    """Be a web process that submits altered jobs; return their ends, as the status records have them."""
    ends = []
    async with web_service(product) as started:
        service, enqueue = started.service, started.backends.queue.enqueue
        for guest in people:
            alter = guest.cause.alter or (lambda message: message)

            async def altered(messages, alter=alter, **named):
                return await enqueue([alter(message) for message in messages], **named)

            started.backends.queue.enqueue = altered
            person = PersonRef(reference=secrets.token_hex(16))
            device = {"circumstances": replace(DEVICE["circumstances"], device_session_id=guest.cause.device)}
            result_id = await service.submit_applicant(
                JobKind.RESOLUTION, person, guest.canary.applicant, **device
            )
            if not guest.cause.ends:
                await service.cancel(person, result_id, JobKind.RESOLUTION)
            record = await service.wait(person, result_id, JobKind.RESOLUTION, timeout_seconds=30)
            ends.append(str(record.end_state))
    return ends


async def pages(product: Product, probes: list[int]) -> bytes:
    """Return every page that a stranger can get, and what the probes tell."""
    paths = "/ /consent /document /ssn /verify /phone /done /nowhere /api/session".split()
    urls = [f"{product.url}{path}" for path in paths]
    answers = ("metrics", "healthz/queue", "readyz")
    urls += [f"http://localhost:{port}/{path}" for port in probes for path in answers]
    found = b""
    async with httpx.AsyncClient(follow_redirects=True) as client:
        for url in urls:
            answer = await client.get(url)
            assert not url.endswith("metrics") or b"proofing_jobs" in answer.content
            found += answer.content
    return found


@dataclass
class ErasureIndex:
    """Everything that the people left behind.

    Attributes:
        directories: of the product, of PostgreSQL, and of what was seen while it ran.
        ends: of the jobs that our process submitted.
        inbox: hashes of the SSNs that the resolution vendor was asked about.
        spans: that the processes have sent to a collector, whose bodies are in one of the directories.
    """

    shape: str
    directories: list[Path]
    people: list
    walks: list[tuple[dict, list[httpx.Headers]]]
    ends: list[str]
    inbox: set[str]
    log: Path
    spans: list[CollectedSpan]

    @property
    def jobs(self) -> list[dict]:
        """The last lines of all jobs; a stale one is discarded before it runs, or as it starts."""
        lines = map(json.loads, self.log.read_text().splitlines())
        return [
            {"outcome": "unknown", **line}
            for line in lines
            # What was parked has not ended.
            if (line["name"] == "perform" and not line.get("parked"))
            or (line["name"] == "discard" and line["end_state"] == "stale")
        ]


@pytest.fixture(scope="module", params=["embedded", "services"])
def shape(request):
    """Name the shape of the product."""
    return request.param


@pytest.fixture(scope="module", params=ROUNDS)
def traces(request, shape, guests, clumsy, tmp_path_factory):
    """Run everybody through the product, in both shapes, and return what was left behind."""
    directory, seen = tmp_path_factory.mktemp("canary"), tmp_path_factory.mktemp("seen")
    inbox = tmp_path_factory.mktemp("vendor") / "inbox"
    (directory / "temporary").mkdir()
    variables = {
        "CANARY_INBOX": str(inbox),
        "CANARY_SEEN": str(seen),
        "PYTHONPATH": str(clumsy),
        "TMPDIR": str(directory / "temporary"),
    }
    probes = [free_port(), free_port()]
    settings = {
        "plugins": ["huey", "local", "mock", "clumsy"],
        "resolution_vendor": "clumsy",
        "messenger_vendor": "mock",
        # Shorter numbers are found by chance.
        "phone_code_digits": 10,
        "proof_ssn_max_attempts": 1000,
        "selfie": "required",
        **RELYING_PARTIES,
        "web_probe_port": probes[0],
        "worker_probe_port": probes[1],
    }
    people = guests(request.param)
    with pytest.MonkeyPatch.context() as patch, running_collector() as collector:
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        look_at_product = partial(
            collect, shape, people=people, inbox=inbox, probes=probes, collector=collector
        )
        patch.syspath_prepend(clumsy)
        if shape == "embedded":
            settings["huey"] = {"path": str(directory / "huey.db")}
            product = Product(directory, settings, variables=variables)
            folders, look_at = [directory, seen], lambda _is_last: None
            yield look_at_product(product, directories=folders, look_at=look_at)
            return
        port = free_port()
        with running_services(f"http://localhost:{port}") as services:
            settings = {**services.settings, **settings, "plugins": [*services.settings["plugins"], "clumsy"]}
            variables |= services.variables
            for name, value in services.variables.items():
                patch.setenv(name, value)
            product = Product(directory, settings, workers=2, port=port, variables=variables)
            folders = [directory, seen, services.postgres.data.parent]
            look_at = partial(look, services, seen)
            yield look_at_product(product, directories=folders, look_at=look_at)


def collect(shape, product, *, people, directories, inbox, probes, collector, look_at) -> ErasureIndex:
    """Walk *people* through *product* and look at it while it runs and at the end."""
    seen = directories[1]
    walkers = [guest for guest in people if guest.cause.walk]
    others = [guest for guest in people if not guest.cause.walk]
    sent = [guest for guest in people if guest.is_sent]

    async def watch():
        while True:
            await asyncio.to_thread(look_at, False)
            await asyncio.sleep(0.2)

    async def everybody():
        gate = asyncio.Semaphore(6)
        watching = asyncio.create_task(watch())

        async def one(guest):
            async with gate:
                return await walk(product, guest)

        ids = await send(product, sent)
        walks = asyncio.gather(*(one(guest) for guest in walkers))
        ends = await hand_in(product, others)
        walks = await walks
        assert await collect_claims(product, sent, ids) == COLLECTED
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        (seen / "pages").write_bytes(await pages(product, probes))
        return walks, ends

    with product:
        walks, ends = asyncio.run(everybody())
        assert shape == "services" or b"CREATE TABLE" in (directories[0] / "huey.db").read_bytes()
        look_at(True)
        pids = product.pids()
        for pid in pids:
            (seen / f"{pid}.cmdline").write_bytes(Path(f"/proc/{pid}/cmdline").read_bytes())
        # Web and workers hide theirs from everybody but root; the plugin has written them down.
        assert os.geteuid() == 0 or not any(is_readable(pid) for pid in pids[1:])
    assert len(pids) >= 3
    for pid in pids:
        assert b"CANARY_SEEN=" in (seen / f"{pid}.environ").read_bytes()
        assert b"CANARY_SEEN=" in (seen / f"{pid}.environ-at-end").read_bytes()
    asked = set(inbox.read_text().split())
    (seen / "spans").write_bytes(b"\n".join(collector.bodies))
    return ErasureIndex(shape, directories, people, walks, ends, asked, product.log_file, collector.spans())


def is_readable(pid: int) -> bool:
    """Return whether we can read the variables of a process."""
    try:
        Path(f"/proc/{pid}/environ").read_bytes()
    except PermissionError:
        return False
    return True


def look(services, seen: Path, is_last: bool) -> None:
    """Keep what PostgreSQL tells of its connections and would dump; at the end, all that the others hold."""
    number = sum(1 for _ in seen.iterdir())
    activity = services.postgres.run_sql("select * from pg_stat_activity")
    (seen / f"{number}.activity").write_text(activity)
    if is_last or number % 10 == 0:
        dump = [str(services.postgres._program("pg_dumpall")), "-d", services.postgres.dsn()]
        done = subprocess.run(dump, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C"})
        assert b"CREATE TABLE proofing.job" in done.stdout
        (seen / f"{number}.dump").write_bytes(done.stdout)
    if not is_last:
        return
    services.postgres.run_sql("CHECKPOINT")
    redis = services.redis
    content = b""
    for key in redis.command("KEYS", "*"):
        content += f"{key}\n{redis.command('DUMP', key)}\n".encode("utf-8", "surrogatepass")
    content += repr(redis.command("SLOWLOG", "GET", 1000)).encode()
    for bucket in services.s3.buckets.values():
        for key, found in bucket.objects.items():
            content += key.encode() + b"\n" + found.body + b"\n"
    content += repr(services.s3.requests).encode()
    (seen / "stores").write_bytes(content)


def test_every_job_ended_as_it_was_meant_to(traces):
    """Each cause brought about its end; the values did reach the vendor."""
    wanted = Counter(end for guest in traces.people for end in guest.cause.ends)
    found = Counter((line["job_class"], line["end_state"], line["outcome"]) for line in traces.jobs)
    assert found == wanted
    others = [guest.cause for guest in traces.people if not guest.cause.walk]
    assert traces.ends == [cause.ends[0][1] if cause.ends else "canceled" for cause in others]
    assert set(traces.ends) | {end for _, end, _ in wanted} == set(EndState) - NOT_REACHED
    asked = [guest for guest in traces.people if guest.is_asked_about]
    assert traces.inbox >= {
        hashlib.sha256(guest.canary.applicant.ssn.encode()).hexdigest() for guest in asked
    }


def test_no_value_is_anywhere(traces, claim):
    """Logs, databases, journals, dumps, images, settings, output, arguments, environment, pages, metrics."""
    people = [guest.secrets for guest in traces.people]
    assert any(guest.codes for guest in traces.people)
    for start in range(0, len(people), BATCH):
        assert grep_paths(people[start : start + BATCH], traces.directories) == []
    assert people[0].scan_paths(traces.directories[:2]) == []
    assert list((traces.directories[0] / "temporary").iterdir()) == []
    failed = [line for line in traces.jobs if line["outcome"] != "passed"]
    ways = {way(line) for line in failed} | {"canceled"}
    assert len(failed) >= len(traces.jobs) * 0.4
    assert len(ways) >= 15, ways
    values = sum(len(canary.values) for canary in people)
    ends = {line["end_state"] for line in failed} | {"canceled"}
    causes = len({id(guest.cause) for guest in traces.people}) - 1  # one of them passes
    claim(
        "S1",
        f"Personal data is nowhere but where it belongs, however jobs end ({traces.shape})",
        f"0 hits of {values:,} values in all spellings; {len(traces.jobs):,} jobs, {len(failed)} of them"
        f" failing, by {causes} causes, with {len(ends)} of {len(EndState)} ends",
    )


def way(line: dict) -> tuple:
    """Return what tells one way of failing from another in the log."""
    errors = tuple(
        sorted((call.get("cause") or "", *call.get("codes", ())) for call in line.get("vendors", ()))
    )
    reasons = tuple(line.get("reasons") or ())
    cause = line.get("exception_class_warn") or line.get("exception_class")
    return line["job_class"], line["end_state"], reasons, cause, errors


def test_spans_follow_a_person_from_the_request_to_the_vendor(traces):
    """They are among what was searched; and there were many, of web and worker, with no event in any."""
    by_id = {span.span_id: span for span in traces.spans}
    asked = [span for span in traces.spans if span.name == "ask clumsy"]
    assert len(asked) >= len(traces.people) / 2
    ways = set()
    for span in asked:
        way = [span]
        while way[-1].parent_id in by_id:
            way.append(by_id[way[-1].parent_id])
        ways.add(tuple((step.service, step.name) for step in way))
    assert (
        ("proofing-worker", "ask clumsy"),
        ("proofing-worker", "perform resolution"),
        ("proofing-web", "submit resolution"),
        ("proofing-web", "POST /verify"),
    ) in ways
    assert {name for span in traces.spans for name in span.attributes} <= set(ATTRIBUTES.values())
    assert sum(span.events for span in traces.spans) == 0


def test_no_value_is_in_a_url_cookie_or_header(traces):
    """Redirects, cookies and headers hold none of the values."""
    walkers = [guest for guest in traces.people if guest.cause.walk]
    for guest, (_report, headers) in zip(walkers, traces.walks, strict=True):
        shown = "\n".join(f"{name}: {value}" for each in headers for name, value in each.items())
        assert guest.canary.find_leaks(shown) == []


def test_planted_leaks_are_found(tmp_path):
    """The scanner sees what it must: twelve leaks in twelve disguises, each found."""
    canary = Canary(seed=1)
    person = canary.applicant
    planted = {
        "log": json.dumps({"name": "perform", "error": person.ssn}),
        "dashes": f"{person.ssn[:3]}-{person.ssn[3:5]}-{person.ssn[5:]}",
        "query": f"/verify?phone=%28{person.phone[:3]}%29%20{person.phone[3:6]}-{person.phone[6:]}",
        "base64": base64.b64encode(f"x{person.last_name}".encode()).decode(),
        "hex": person.state_id_number.encode().hex(),
        "upper": person.last_name.upper(),
        "date": "/".join((person.dob[5:7], person.dob[8:], person.dob[:4])),
        "reversed": person.ssn[::-1],
        "json": json.dumps(person.address1),
        "repr": repr(person.reveal()),
        "spaces": person.address1.replace(" ", "+"),
        "binary": "\x00" + person.zipcode + "\x00",
    }
    for name, content in planted.items():
        path = tmp_path / name
        path.write_text(content)
        assert canary.scan_paths([path]), name
        assert grep_paths([canary], [path]), name
    database = sqlite3.connect(tmp_path / "rows.db")
    database.execute("CREATE TABLE rows (value TEXT)")
    database.execute("INSERT INTO rows VALUES (?)", (person.first_name,))
    database.commit()
    database.close()
    assert canary.scan_paths([tmp_path / "rows.db"])
