"""A stranger reads the OpenAPI document and sends what it allows and forbids to a real server: schemathesis.

The long form, with more than 5,000 cases, runs with `make security`.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from proofing.verifications.credentials import Scope
from proofing_devtools.web_process import running_web

HERE = Path(__file__).parent
HOOKS = "schemathesis_hooks"
POLICIES = {
    "standard": {"steps": ["document"], "claims": ["first_name"]},
    "full": {"steps": ["document", "selfie", "resolution", "phone", "code"]},
}
PARTIES = {
    "agency": {
        "display_name": "Agency",
        "policies": ["standard", "full"],
        "return_urls": ["https://agency.example.gov/back"],
        "requests_per_minute": 1_000_000,
        "webhooks": {"main": {"url": "https://agency.example.gov/hooks", "mode": "test"}},
    }
}


@pytest.fixture
def server(tmp_path):
    """Return the URL of a running web process, and a key of mode test with all scopes."""
    settings = {"messenger_vendor": "mock", "policies": POLICIES, "relying_parties": PARTIES}
    with running_web(tmp_path / "web", settings) as web:
        environ = {**os.environ, "PROOFING_ENV": "test", "PROOFING_SETTINGS": str(web.settings_file)}
        command = [sys.executable, "-m", "proofing.cli", "relying-party", "add", "agency", "--mode", "test"]
        scopes = ["--scopes", ",".join(Scope), "--json"]
        made = subprocess.run([*command, *scopes], env=environ, capture_output=True, text=True, check=True)
        yield web.url, json.loads(made.stdout)[0]["key"]


def run(server, folder, *options: str, hooks: str | None = None) -> int:
    """Run schemathesis, with *hooks* if any, and return how many cases it tried; fail with what it found."""
    url, key = server
    command = [
        Path(sys.executable).parent / "st",
        "--config-file",
        HERE / "schemathesis.toml",
        "run",
        f"{url}/v1/openapi.json",
        *("-H", f"Authorization: Bearer {key}", "--seed", "1", "--warnings", "off", *options),
    ]
    environ = dict(os.environ)
    if hooks is not None:
        environ |= {"PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": hooks}
    found = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr
    generated = re.search(r"([\d,]+) generated", found.stdout)
    assert generated, found.stdout
    return int(generated[1].replace(",", ""))


def test_nothing_is_found(server, tmp_path):
    """The edges of every parameter, field and header, and some random requests."""
    assert run(server, tmp_path, "--phases", "coverage,fuzzing", "-n", "5") > 300


@pytest.mark.security
def test_nothing_is_found_in_thousands_of_cases(server, tmp_path):
    """Also in sequences of requests that follow from each other. Simulated vendors take milliseconds."""
    options = ("--phases", "coverage,fuzzing,stateful")
    assert run(server, tmp_path, *options, "-n", "500", hooks=HOOKS) > 5000
