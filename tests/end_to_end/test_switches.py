"""Switches are flipped under load, in the settings file and in secrets on S3: no job is lost."""

import asyncio
import contextlib
import json
import os
import time
from collections import Counter

import httpx
import pytest
import yaml
from bench.report import Row, quantile, report

from proofing.cli.smoke import Answers, Walk
from proofing.contracts.images import Side
from proofing.testing.images import make_jpeg
from proofing.testing.waiting import eventually
from proofing_devtools.aws_signature import SignedRequest
from proofing_devtools.product import NO_AUTHORITIES, Product
from proofing_devtools.s3 import DEFAULT_CREDENTIAL, Bucket, running_s3

FLIPS = int(os.environ.get("CHAOS_FLIPS", "50"))
KEYS = dict.fromkeys(("hmac_fingerprinter_key", "session_encryption_key"), "5a" * 32)
#: Each edit changes two keys; people who are in the middle of a form meet them.
STATES = [
    {"ruby_workers_idv_enabled": False, "vendor_status": {"mock:polling": "full_outage"}},
    {"ruby_workers_idv_enabled": True, "device_profiling_enabled": False},
    {"doc_auth_enable_presigned_s3_urls": False, "vendor_status": {"mock:polling": "operational"}},
    {"doc_auth_enable_presigned_s3_urls": True, "device_profiling_enabled": True},
]
#: What the walk, which takes no photo twice, calls a page of photos that has changed.
RETAKES = {f"{path} was answered with HTTP 409" for path in ("/api/document", "/document")}


class Switchboard:
    """A product with several processes, its settings file, and its secrets in a bucket."""

    def __init__(self, product, bucket):
        self.product = product
        self._bucket = bucket
        self.values = {"file": {}, "secrets": {}}
        self._base = dict(product.settings)
        self.authors = []
        #: How long each flip took to be in effect in every process.
        self.seconds = []

    def write(self, source, **values):
        """Change *values* in one source, in one atomic step."""
        self.values[source] |= values
        author = f"flip {len(self.authors)}"
        self.authors.append(author)
        mine = self.values[source] | {"settings_changed_by": author}
        if source == "file":
            part = self.product.settings_file.with_suffix(".part")
            part.write_text(yaml.safe_dump({"default": self._base | mine}))
            part.replace(self.product.settings_file)
        else:
            self.put(KEYS | mine)
        return author

    def put(self, secrets):
        """Replace the object."""
        text = yaml.safe_dump(secrets).encode()
        self._bucket.put("test/secrets.yaml", SignedRequest("PUT", "", "", (), text), time.time())

    def all_lines(self):
        """Return the lines of the log that are whole."""
        whole, _, _part = self.product.log_file.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def lines(self, name):
        """Return the lines of an event."""
        return [line for line in self.all_lines() if line["name"] == name]

    async def flip(self, source, values, processes):
        """Change *values*, and wait until every process has taken them over."""
        began = time.monotonic()
        author = self.write(source, **values)

        def followers():
            return {line["pid"] for line in self.lines("settings_reloaded") if line["author"] == author}

        await eventually(lambda: followers() >= processes)
        self.seconds.append(time.monotonic() - began)


@contextlib.contextmanager
def running(directory, workers):
    """Give a switchboard whose product is ready."""
    with running_s3([Bucket(name="secrets")]) as s3:
        settings = {
            "plugins": ["aws", "huey", "local", "mock"],
            "secret_store": "aws",
            "aws": {
                "region": s3.region,
                "secret_bucket": "secrets",
                "s3_endpoint_url": s3.url,
                "s3_addressing": "path",
            },
            "mock": {"latency_seconds": 0.3},
        }
        variables = {
            "AWS_ACCESS_KEY_ID": DEFAULT_CREDENTIAL.access_key,
            "AWS_SECRET_ACCESS_KEY": DEFAULT_CREDENTIAL.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        product = Product(directory, settings, workers=workers, variables=variables)
        board = Switchboard(product, s3.buckets["secrets"])
        board.put(KEYS)
        with product:
            yield board


async def flip_under_load(directory, *, flips, workers, people):
    """Flip switches while people are proofed; return walks, troubles, answers from 500 on, and the board."""
    with running(directory, workers) as board:
        over, walks, troubles, answers = asyncio.Event(), Counter(), Counter(), Counter()

        async def note(response):
            answers[response.status_code // 100] += 1

        async def person():
            while not over.is_set():
                documents = {
                    side: (make_jpeg(comment=os.urandom(16)), "image/jpeg")
                    for side in (Side.FRONT, Side.BACK)
                }
                async with httpx.AsyncClient(
                    base_url=board.product.url,
                    verify=NO_AUTHORITIES,
                    timeout=60,
                    headers={"origin": board.product.url},
                    follow_redirects=True,
                    event_hooks={"response": [note]},
                ) as http:
                    result = await Walk(http, Answers(documents=documents)).run()
                walks[result["passed"]] += 1
                troubles.update(step["detail"] for step in result["steps"] if "detail" in step)

        load = [asyncio.create_task(person()) for _ in range(people)]
        processes = await eventually(
            lambda: (
                found
                if len(found := {line["pid"] for line in board.lines("started")}) == 1 + workers
                else None
            )
        )
        for number in range(flips):
            # The secrets win over the file: a switch is in one of them alone.
            source = ("file", "secrets")[number // 2 % 2]
            await board.flip(source, STATES[number % len(STATES)], processes)
        over.set()
        await asyncio.gather(*load)
    return walks, troubles, answers, board


def check(walks, troubles, answers, board, flips):
    """Nobody was refused, every job ended well, and every process took over every edit as a whole."""
    # Who was at the photos when the way of taking them changed is shown the other page; all else passes.
    assert set(troubles) <= RETAKES
    assert (walks[True] > 0, walks[False], answers[5]) == (True, troubles.total(), 0)
    ends = Counter(line.get("end_state") for line in board.lines("perform"))
    assert ends == {"done": ends["done"]}
    taken = board.lines("settings_reloaded")
    assert {line["author"] for line in taken} == set(board.authors)
    assert len(board.authors) == flips
    # The settings of an edit came together: every process logged the same keys for it.
    names = {author: set() for author in board.authors}
    for line in taken:
        names[line["author"]].add(tuple(line["names"]))
    assert {len(found) for found in names.values()} == {1}
    assert board.lines("settings_reload_refused") == []
    assert [line["name"] for line in board.all_lines() if line["level"] == "error"] == []


async def test_switches_in_short(tmp_path):
    """Four edits, two of each source, over a web process and two workers."""
    flips = 4
    check(*await flip_under_load(tmp_path, flips=flips, workers=2, people=2), flips)


@pytest.mark.chaos
async def test_switches_in_full(tmp_path):
    """Fifty; the numbers go into a report."""
    walks, troubles, answers, board = await flip_under_load(tmp_path, flips=FLIPS, workers=3, people=3)
    ends = Counter(line.get("end_state") for line in board.lines("perform"))
    report(
        "switches",
        [
            Row(measure="edits under load", unit="", ours=len(board.authors)),
            Row(measure="in effect in every process, median", unit="s", ours=quantile(board.seconds, 0.5)),
            Row(
                measure="in effect in every process, longest",
                unit="s",
                ours=max(board.seconds),
                limit="5",
            ),
            Row(measure="proofings that passed meanwhile", unit="", ours=walks[True]),
            Row(measure="people who were asked for their photos again", unit="", ours=troubles.total()),
            Row(measure="proofings that failed", unit="", ours=walks[False] - troubles.total(), limit="0"),
            Row(measure="jobs done", unit="", ours=ends["done"]),
            Row(measure="jobs that ended otherwise", unit="", ours=ends.total() - ends["done"], limit="0"),
            Row(measure="answers from 500 on", unit="", ours=answers[5], limit="0"),
        ],
    )
    check(walks, troubles, answers, board, FLIPS)
