"""What identifies a person, or opens something, is in no log, metric, store or refusal."""

import base64
import json
import subprocess
import sys
import urllib.parse

import httpx
import pytest

from proofing.client import Client, ProblemError
from proofing_devtools.web_process import running_web

SUBJECT = "canary-subject-qzxwvk-4711"
METADATA = "canary-metadata-kvwxzq"
IDEMPOTENCY = "canary-idempotency-wkzqxv"
SETTINGS = {
    "policies": {"standard": {"steps": ["document"], "claims": ["first_name"]}},
    "relying_parties": {
        "agency": {
            "display_name": "Agency",
            "policies": ["standard"],
            "webhooks": {"main": {"url": "https://agency.example.gov/hooks", "mode": "test"}},
        }
    },
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return all that a web process wrote and answered while everything was done, right and wrong."""
    directory = tmp_path_factory.mktemp("canary")
    with running_web(directory, SETTINGS) as web:
        environ = {"PROOFING_ENV": "test", "PROOFING_SETTINGS": str(web.settings_file)}
        command = [sys.executable, "-m", "proofing.cli", "relying-party", "add", "agency", "--mode", "test"]
        made = subprocess.run([*command, "--json"], env=environ, capture_output=True, text=True, check=True)
        key = json.loads(made.stdout)[0]["key"]
        secrets, answers = {"key": key.split("_")[-1]}, []
        with Client(web.url, key) as client:
            found = client.create(subject=SUBJECT, metadata={"case": METADATA}, idempotency_key=IDEMPOTENCY)
            assert found.link is not None
            assert found.link.url is not None
            secrets["token"] = found.link.url.rpartition("/")[2]
            client.create(subject=SUBJECT, metadata={"case": METADATA}, idempotency_key=IDEMPOTENCY)
            answers += wrong_requests(web.url, key, found.id, secrets["token"])
            renewed = client.new_link(found.id)
            assert renewed.link is not None
            assert renewed.link.url is not None
            secrets["renewed"] = renewed.link.url.rpartition("/")[2]
            assert [one.id for one in client.list(subject=SUBJECT)] == [found.id]
            client.simulate(found.id, outcome="verified")
            assert client.collect_claims(found.id) == {"first_name": "ADA"}
            client.redact(found.id)
            answers += [repr(event).encode() for event in client.events()]
            with pytest.raises(ProblemError) as refused:
                client.collect_claims(found.id)
            answers.append(str(refused.value).encode())
        answers.append(httpx.get(f"http://localhost:{web.probe_port}/metrics").content)
    files = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert any(b"verification_changed" in content for content in files.values())
    assert any(b"/v1/verifications" in answer for answer in answers)
    return secrets, files, answers


def wrong_requests(url: str, key: str, verification_id: str, token: str) -> list[bytes]:
    """Return the answers to requests that are refused, with what identifies a person in odd places."""
    headers = {"Authorization": f"Bearer {key}"}
    sent: list[tuple[str, str, dict]] = [
        ("GET", f"/v1/verifications?subject={SUBJECT}", {}),
        ("GET", f"/v1/verifications/{SUBJECT}", {}),
        ("GET", f"/v1/{SUBJECT}/{token}", {}),
        ("POST", "/v1/verifications", {"json": {"subject": SUBJECT, "policy": METADATA}}),
        ("POST", "/v1/verifications", {"json": {"subject": f"{SUBJECT} two words"}}),
        ("POST", "/v1/verifications", {"json": {SUBJECT: METADATA}}),
        ("POST", "/v1/verifications", {"json": {"subject": "a", "metadata": {f"{SUBJECT} ": METADATA}}}),
        ("POST", "/v1/verifications", {"json": {"subject": SUBJECT}}),
        ("POST", "/v1/verifications", {"content": f'{{"subject":"{SUBJECT}"'}),
        ("POST", f"/v1/verifications/{verification_id}/decision", {"json": {"outcome": SUBJECT}}),
        ("DELETE", f"/v1/verifications/{SUBJECT}", {}),
    ]
    found = [
        httpx.request(method, url + path, headers=headers, **values).content for method, path, values in sent
    ]
    bad = httpx.get(f"{url}/v1/verifications", headers={"Authorization": f"Bearer {key[:-1]}"})
    page = httpx.get(f"{url}/start/{token}")
    assert page.status_code < 500
    return [*found, bad.content]


def spellings(value: str) -> list[bytes]:
    """Return how a value may be written."""
    plain = value.encode()
    coded = [base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3)]
    return [plain, urllib.parse.quote(value, safe="").encode(), plain.hex().encode(), *coded]


@pytest.mark.parametrize("name", ["subject", "metadata", "idempotency key", "key", "token", "renewed"])
def test_nothing_is_written(written, name):
    """Neither in logs nor in stores nor in metrics nor in refusals, in any spelling."""
    secrets, files, answers = written
    value = {"subject": SUBJECT, "metadata": METADATA, "idempotency key": IDEMPOTENCY, **secrets}[name]
    for spelling in spellings(value):
        assert [path.name for path, content in files.items() if spelling in content] == []
        assert [answer[:200] for answer in answers if spelling in answer] == []


def test_metrics_have_routes_and_no_ids(written):
    """A path holds an id or a token; a route does not."""
    _, _, answers = written
    metrics = next(answer for answer in answers if b"# HELP" in answer).decode()
    assert 'route="/v1/verifications/{id}/link"' in metrics
    assert 'route="/start/{token}"' in metrics
    assert "ver_" not in metrics
