"""`proofing verification list | show | cancel | redact | decide`."""

import asyncio
import json

import pytest

from proofing import bootstrap
from proofing.app.verifications import Request
from proofing.cli import main
from proofing.contracts.verifications import VerificationState
from proofing_devtools.verifications import ACME, ACME_TEST, OTHER, SETTINGS, SUBJECT

UNKNOWN = "ver_" + "0" * 32


@pytest.fixture(autouse=True)
def settled(bare_environment, settings_file, monkeypatch):
    """Point the command line at an embedded product of the test's own."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**SETTINGS)))


def create(party=ACME, subject=SUBJECT, *, state=VerificationState.CREATED):
    """Create a verification and return its id; put it into *state*, as a vendor would."""

    async def make():
        async with bootstrap.start(await bootstrap.configure(role="web"), "web") as runtime:
            created = await runtime.service.verifications.create(
                party, Request(subject=subject, policy="phone")
            )
            record = created.record
            if state is not VerificationState.CREATED:
                changed = record.changed(at=record.created_at, state=state)
                await runtime.backends.verifications.change(changed)
            return record.id

    return asyncio.run(make())


def test_a_list_without_verifications_says_so(capsys):
    """Alongside the lines, not among them; JSON is an empty list."""
    assert main(["verification", "list"]) == 0
    assert capsys.readouterr() == ("", "no verifications\n")
    assert main(["verification", "list", "--json"]) == 0
    assert capsys.readouterr() == ("[]\n", "")


def test_verifications_are_listed_and_shown(capsys):
    """Of all relying parties, by name, mode and state; whom they are about is nowhere."""
    mine, test, other = create(), create(ACME_TEST), create(OTHER)
    assert main(["verification", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {mine, test, other}
    for arguments, expected in (
        (["--relying-party", "acme"], {mine, test}),
        (["--relying-party", "acme", "--mode", "live"], {mine}),
        (["--state", "canceled"], set()),
        (["--relying-party", "absent"], set()),
    ):
        assert main(["verification", "list", *arguments, "--json"]) == 0
        assert {one["id"] for one in json.loads(capsys.readouterr().out)} == expected
    assert main(["verification", "show", mine]) == 0
    text = capsys.readouterr().out
    assert "acme" in text
    assert SUBJECT not in text
    assert main(["verification", "show", mine, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "created"


@pytest.mark.parametrize("command", [["show"], ["cancel"], ["redact"], ["decide"]])
def test_an_id_that_is_unknown_is_named(capsys, command):
    """Exit code 66."""
    more = ["--outcome", "failed", "--reason", "forged"] if command == ["decide"] else []
    assert main(["verification", *command, UNKNOWN, *more]) == 66
    assert UNKNOWN in capsys.readouterr().err


def test_one_is_canceled_then_redacted(capsys):
    """In this order only; a second cancel says what it is."""
    one = create()
    assert main(["verification", "redact", one]) == 1
    assert "cannot redact a verification that is created" in capsys.readouterr().err
    assert main(["verification", "cancel", one]) == 0
    assert capsys.readouterr().out == f"{one} is canceled\n"
    assert main(["verification", "cancel", one]) == 1
    assert "canceled" in capsys.readouterr().err
    assert main(["verification", "redact", one, "--json"]) == 0
    assert "redacted_at" in json.loads(capsys.readouterr().out)
    assert main(["verification", "show", one, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sealed"] == []


@pytest.mark.parametrize("outcome", ["verified", "failed"])
def test_a_review_is_decided_once(capsys, outcome):
    """With a code for the reason, which the relying party gets."""
    one = create(state=VerificationState.NEEDS_REVIEW)
    decide = ["verification", "decide", one, "--outcome", outcome, "--reason"]
    assert main([*decide, "Looks fine"]) == 2
    assert "--reason" in capsys.readouterr().err
    assert main([*decide, "seen_in_person", "--json"]) == 0
    review = json.loads(capsys.readouterr().out)["review"]
    assert review["reason"] == "seen_in_person"
    assert review["outcome"] == ("approved" if outcome == "verified" else "rejected")
    assert main([*decide, "seen_in_person"]) == 1
    assert f"is {outcome}" in capsys.readouterr().err
