"""No personal data is anywhere but where it belongs, however jobs end."""

import asyncio
import base64
import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from proofing.cli.smoke import Answers, Walk
from proofing.images import Side
from proofing.testing.canary import Canary, grep_paths
from proofing.testing.processes import free_port
from proofing.testing.product import Product
from proofing.testing.services import running_services

#: First names that the mock vendor answers in its special ways, each hidden in an unmistakable name.
BAD_NAMES = ("Qxfailvzk", "Qxtimevzk", "Qxparsevzk", "Qxbadvzk")
BAD_PHONES = ("7035555555", "7035555888", "7035555999")


def canaries() -> list[tuple[Canary, dict]]:
    """Return 112 persons, and what is special about each one's document; every eighth one passes."""
    people = []
    for number in range(112):
        changes, document = {}, {}
        match number % 4:
            case 0 if number % 8:
                alerts = [{"name": "Visible Pattern", "result": "Failed"}]
                document = {"failed_alerts": alerts, "doc_auth_result": "Failed"}
            case 0:
                document = {"http_status": {"result": 500}}
            case 1:
                changes = {"first_name": BAD_NAMES[number // 4 % 4] + "abcd"[number % 4] + str(number)}
            case 2:
                changes = {"phone": BAD_PHONES[number // 4 % 3]}
            case 3 if number % 8 == 3:
                changes = {"state_id_number": "mvatimeout"}
        people.append((Canary(seed=number, changes=changes), document))
    return people


def document_of(canary: Canary, special: dict) -> bytes:
    """Return the testers' document form for one person."""
    known = canary.applicant.reveal()
    names = (
        "first_name last_name dob address1 address2 city state zipcode "
        "state_id_number state_id_jurisdiction document_type_received"
    ).split()
    form = {"document": {name: known[name] for name in names}, **special}
    return yaml.safe_dump(form).encode()


async def walk(product: Product, canary: Canary, special: dict) -> tuple[dict, list[httpx.Headers]]:
    """Take one person through the flow, and return the report and every response's headers."""
    headers: list[httpx.Headers] = []

    async def keep(response: httpx.Response) -> None:
        headers.append(response.headers)

    form = document_of(canary, special)
    documents = {
        Side.FRONT: (form, "application/yaml"),
        Side.BACK: (form + b"\n", "application/yaml"),
    }
    answers = Answers(documents=documents, ssn=canary.applicant.ssn, phone=canary.applicant.phone)
    async with httpx.AsyncClient(
        base_url=product.url,
        headers={"origin": product.url},
        follow_redirects=True,
        timeout=90,
        event_hooks={"response": [keep]},
    ) as client:
        report = await Walk(client, answers).run()
    return report, headers


async def foreign_pages(product: Product) -> bytes:
    """Return every page that a stranger can get."""
    pages = b""
    async with httpx.AsyncClient(base_url=product.url, follow_redirects=True) as client:
        for path in (
            "/",
            "/consent",
            "/document",
            "/ssn",
            "/verify",
            "/phone",
            "/done",
            "/nowhere",
            "/api/session",
        ):
            pages += (await client.get(path)).content
    return pages


@dataclass
class Traces:
    """Everything that the persons left behind."""

    directories: list[Path]
    people: list[tuple[Canary, dict]]
    walks: list[tuple[dict, list[httpx.Headers]]]
    foreign: bytes
    processes: bytes
    stores: bytes
    output: str
    log: Path


@pytest.fixture(scope="module", params=["embedded", "services"])
def traces(request, tmp_path_factory):
    """Run everybody through the product, in both shapes, and return what was left behind."""
    directory = tmp_path_factory.mktemp("canary")
    limits = {"proof_ssn_max_attempts": 1000}
    if request.param == "embedded":
        product = Product(directory, limits)
        yield collect(product, canaries(), [directory], lambda: b"")
        return
    port = free_port()
    with running_services(f"http://localhost:{port}") as services:
        settings = {**services.settings, **limits}
        product = Product(directory, settings, workers=2, port=port, variables=services.variables)
        yield collect(product, canaries(), [directory, services.postgres.data], lambda: stored(services))


def collect(product, people, directories, read_stores) -> Traces:
    """Walk *people* through *product* and look at it while it runs."""

    async def everybody():
        gate = asyncio.Semaphore(6)

        async def one(canary, special):
            async with gate:
                return await walk(product, canary, special)

        walks = await asyncio.gather(*(one(*person) for person in people))
        return walks, await foreign_pages(product)

    with product:
        walks, foreign = asyncio.run(everybody())
        processes = b""
        for pid in product.pids():
            for name in ("cmdline", "environ"):
                processes += Path(f"/proc/{pid}/{name}").read_bytes() + b"\n"
        stores = read_stores()
    return Traces(directories, people, walks, foreign, processes, stores, product.output, product.log_file)


def stored(services) -> bytes:
    """Return every byte that Redis and the S3 stand-in hold, and what PostgreSQL would dump."""
    redis = services.redis
    content = b""
    for key in redis.command("KEYS", "*"):
        content += f"{key}\n{redis.command('DUMP', key)}\n".encode("utf-8", "surrogatepass")
    content += repr(redis.command("SLOWLOG", "GET", 1000)).encode()
    for bucket in services.s3.buckets.values():
        for key, found in bucket.objects.items():
            content += key.encode() + b"\n" + found.body + b"\n"
    content += repr(services.s3.requests).encode()
    services.postgres.run_sql("CHECKPOINT")
    return content


def test_enough_jobs_ran_and_failed(traces):
    """At least 200 jobs, of which at least 80 did not pass, in many ways."""
    lines = [json.loads(line) for line in traces.log.read_text().splitlines()]
    ends = Counter((line["end"], line["outcome"]) for line in lines if line["name"] == "perform")
    assert sum(ends.values()) >= 200, ends
    assert (
        sum(count for (end, outcome), count in ends.items() if (end, outcome) != ("done", "passed")) >= 80
    ), ends
    assert len(ends) >= 4


def test_no_value_is_in_files_logs_output_or_processes(traces):
    """Logs, databases and their journals, images, settings, output, arguments, environment: no value."""
    people = [canary for canary, _special in traces.people]
    assert grep_paths(people, traces.directories) == []
    assert people[0].scan_paths(traces.directories[:1]) == []
    for canary in people:
        assert canary.find_leaks(traces.foreign) == []
        assert canary.find_leaks(traces.processes) == []
        assert canary.find_leaks(traces.stores) == []
        assert canary.find_leaks(traces.output) == []


def test_no_value_is_in_a_url_cookie_or_header(traces):
    """Redirects, cookies and headers hold none of the values."""
    for (canary, _special), (_report, headers) in zip(traces.people, traces.walks, strict=True):
        shown = "\n".join(f"{name}: {value}" for each in headers for name, value in each.items())
        assert canary.find_leaks(shown) == []


def test_planted_leaks_are_found(tmp_path):
    """The scanner sees what it must: twelve leaks in twelve disguises, each found."""
    canary = canaries()[0][0]
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
