"""The live tests with the sandbox for an account: they pass, and what they record has names and no values."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from proofing.testing.images import make_jpeg
from proofing_sandbox.specimen import specimen

ROOT = Path(__file__).parents[2]
#: Values that are found where they are not expected.
PERSON = {
    "first_name": "Zyxwadora",
    "last_name": "Quillfeather",
    "dob": "1985-03-07",
    "ssn": "900-47-1836",
    "address1": "9471 Elmgrove Terrace",
    "city": "Troyburgh",
    "state": "MI",
    "zipcode": "48084",
    "phone": "202-555-0147",
    "email": "zyxwadora@quillfeather.example",
    "state_id_number": "S90047183600",
    "state_id_jurisdiction": "MI",
    "document_type_received": "drivers_license",
    "uuid": "zyx-4711-quill",
}
COMMENT = b"a-comment-in-an-image-47118"


def secrets_of(values):
    """Return every text of the sandbox's settings whose name says that it is a secret."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from secrets_of(value)
        elif any(word in name for word in ("key", "secret", "password", "sid", "username", "certificate")):
            yield str(value)


def run(directory, *options):
    """Run the live tests, and return what pytest printed."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")}
    environ |= {"LIVE_VENDORS": str(directory)} if directory else {}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "live", "tests/live"]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def account(sandbox, tmp_path):
    """A directory with the settings, and people whose values are canaries."""
    directory = tmp_path / "account"
    directory.mkdir()
    values = {
        "plugins": ["huey", "local", "mock", *sandbox.settings],
        "log_directory": str(directory / "log"),
        **sandbox.settings,
    }
    (directory / "settings.yaml").write_text(yaml.safe_dump({"default": values}))
    for side in ("front", "back", "selfie"):
        (directory / f"{side}.jpg").write_bytes(make_jpeg(comment=COMMENT + side.encode()))
    circumstances = {"device_session_id": "0123456789abcdef0123456789abcdef", "ip_address": "192.0.2.47"}
    images = {side: f"{side}.jpg" for side in ("front", "back", "selfie")}
    person = {**PERSON, "images": images, "circumstances": circumstances}
    (directory / "applicant.yaml").write_text(yaml.safe_dump(person))
    passport = {"mrz": "\n".join(specimen().mrz), "document_type_received": "passport", "uuid": "zyx-4711"}
    (directory / "applicant-dos-passport.yaml").write_text(yaml.safe_dump(passport))
    return directory


def test_what_is_recorded_has_no_value(account, sandbox):
    """Neither of the person, nor of the document that was read, nor of the settings."""
    code, output = run(account)
    assert code == 0, output
    recordings = sorted((account / "recordings").iterdir())
    assert len(recordings) >= 15
    read = specimen()
    canaries = [
        *(value for name, value in PERSON.items() if name not in {"state", "document_type_received"}),
        *(PERSON[name].replace("-", "") for name in ("ssn", "phone", "dob")),
        *secrets_of(sandbox.settings),
        *(read.license_number, read.address1, *read.mrz, "192.0.2.47", COMMENT.decode()),
    ]
    canaries = [
        value
        for value in canaries
        if value not in {"state_id_jurisdiction", "True", "False"} and len(value) > 3
    ]
    assert len(canaries) > 30
    written = [output, *(path.read_text() for path in recordings)]
    written += [path.read_text() for path in (account / "log").rglob("*") if path.is_file()]
    for text in written:
        assert [value for value in canaries if value.lower() in text.lower()] == []
    calls = {path.stem: json.loads(path.read_text())["calls"] for path in recordings}
    assert (
        calls["resolution-socure-kyc"][0]["request"]["firstName"]
        == f"<{len(PERSON['first_name'])} characters>"
    )
    assert len(calls["state_id-aamva-state_id"]) == 3


def test_without_an_account_they_are_skipped():
    """With the place that says what they need."""
    code, output = run(None, "-rs")
    assert code == 0, output
    assert "docs/howto/test-live-vendors.md" in output
    assert "1 skipped" in output


def test_they_are_not_part_of_the_usual_tests():
    """Vendors bill them."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "tests/live"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert "1 deselected" in done.stdout
