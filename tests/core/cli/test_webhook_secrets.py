"""`proofing relying-party webhook-secret`: keys that sign events are shown once, rotated, retired."""

import asyncio
import json

import pytest

from proofing import bootstrap
from proofing.cli import main
from proofing.contracts.verifications import Mode
from proofing.verifications.signatures import HMACKey
from proofing.verifications.webhook_keys import WebhookKeys

WEBHOOK = {"url": "https://hooks.example.com/proofing"}


@pytest.fixture(autouse=True)
def settled(bare_environment, settings_file, monkeypatch):
    """Point the command line at settings with two endpoints, one of them for test events."""
    webhooks = {"main": WEBHOOK, "trial": {**WEBHOOK, "mode": "test"}}
    party = {"display_name": "Agency", "policies": ["phone"], "webhooks": webhooks}
    settings = {"policies": {"phone": {"steps": ["phone"]}}, "relying_parties": {"agency": party}}
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**settings)))


def run(*arguments: str) -> int:
    """Run a subcommand."""
    return main(["relying-party", "webhook-secret", *arguments])


def signing(endpoint: str, mode: Mode = Mode.LIVE):
    """Return the keys by which a process signs now."""

    async def read():
        async with bootstrap.start(await bootstrap.configure(), "worker") as runtime:
            keys = WebhookKeys(runtime.backends.verifications, runtime.parts.sealer)
            return await keys.signing_keys("agency", mode, endpoint)

    return asyncio.run(read())


def test_a_secret_is_shown_once_and_signs(capsys):
    """The process that delivers opens what the command sealed; lists show public keys alone."""
    assert run("add", "agency", "main") == 0
    lines = capsys.readouterr().out.splitlines()
    secret, public = lines[0].split()[-1], lines[1].split()[-1]
    assert lines[2] == "Keep the secret now: it is not shown again."
    hmac, ed25519 = signing("main")
    assert isinstance(hmac, HMACKey)
    assert ed25519.public_text == public
    assert run("list", "agency") == 0
    output = capsys.readouterr().out
    assert public in output
    assert secret not in output
    assert signing("trial", Mode.TEST) == []


def test_a_rotation_signs_with_both_and_a_retired_key_with_none(capsys):
    """By ids of the list; JSON for programs."""
    assert run("add", "agency", "trial", "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert run("add", "agency", "trial") == 1
    assert "has keys: rotate them" in capsys.readouterr().err
    assert run("rotate", "agency", "trial", "--overlap-hours", "24", "--json") == 0
    second = json.loads(capsys.readouterr().out)
    assert first["secret"] != second["secret"]
    assert len(signing("trial", Mode.TEST)) == 4
    assert run("list", "agency", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert {one["id"] for one in listed} == {*first["ids"], *second["ids"]}
    assert {one["id"] for one in listed if one["retire_at"]} == set(first["ids"])
    assert {(one["mode"], one["endpoint"]) for one in listed} == {("test", "trial")}
    for key in first["ids"]:
        assert run("retire", "agency", key) == 0
    assert len(signing("trial", Mode.TEST)) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["add", "bank", "main"], 66, "bank is not in relying_parties of the settings; there are: agency"),
        (["add", "agency", "x"], 66, "x is not in webhooks of agency; there are: main, trial"),
        (["rotate", "agency", "main"], 1, "main of agency has no keys: add them"),
        (["rotate", "bank", "main"], 66, "bank is not in relying_parties"),
        (["list", "bank"], 66, "bank is not in relying_parties"),
        (["list", "agency"], 0, "agency has no webhook secrets"),
        (["retire", "agency", "key_1"], 66, "agency has no webhook key key_1"),
    ],
)
def test_what_is_not_there_is_said(capsys, arguments, code, text):
    """With what there is, or what to do."""
    assert run(*arguments) == code
    assert text in capsys.readouterr().err
