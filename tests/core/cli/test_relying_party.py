"""`proofing relying-party list | add | rotate | retire`: a key is shown once, and accepted until it ends."""

import asyncio
import json

import pytest

from proofing import bootstrap
from proofing.cli import main
from proofing.verifications.credentials import DEFAULT_SCOPES, looks_like_token

SETTINGS = {
    "policies": {"standard": {"steps": ["document"]}},
    "relying_parties": {"acme": {"display_name": "Acme", "policies": ["standard"]}},
}


@pytest.fixture(autouse=True)
def settled(bare_environment, settings_file, monkeypatch):
    """Point the command line at an embedded product of the test's own."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**SETTINGS)))


def made(capsys, *arguments: str) -> list[dict]:
    """Run the command that makes keys, and return them."""
    capsys.readouterr()
    assert main(["relying-party", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def listed(capsys) -> dict[str, dict]:
    """Return all keys as `list` has them, by id."""
    assert main(["relying-party", "list", "--json"]) == 0
    return {key["id"]: key for party in json.loads(capsys.readouterr().out) for key in party["keys"]}


def is_accepted(token: str) -> bool:
    """Return whether a web process lets the key in."""

    async def ask() -> bool:
        async with bootstrap.start(await bootstrap.configure(role="web"), "web") as runtime:
            return await runtime.service.relying_parties.recognize(token) is not None

    return asyncio.run(ask())


def test_a_key_is_made_and_shown_once(capsys):
    """With all scopes but the reviewer's; the list has its beginning alone."""
    assert main(["relying-party", "add", "acme", "--mode", "test"]) == 0
    out = capsys.readouterr().out
    token = next(line.split()[1] for line in out.splitlines() if line.startswith("key"))
    assert looks_like_token(token)
    assert "not shown again" in out
    assert main(["relying-party", "list"]) == 0
    line = capsys.readouterr().out
    assert ",".join(DEFAULT_SCOPES) in line
    assert "never used" in line
    assert token not in line
    assert token.split("_")[-1] not in line
    assert is_accepted(token)
    assert next(iter(listed(capsys).values()))["last_used_at"] is not None


def test_scopes_are_chosen(capsys):
    """By their names; an unknown one is refused with those that there are."""
    (key,) = made(capsys, "add", "acme", "--scopes", "reviews:write")
    assert key["scopes"] == ["reviews:write"]
    with pytest.raises(SystemExit):
        main(["relying-party", "add", "acme", "--scopes", "everything"])
    assert "verifications:write" in capsys.readouterr().err


def test_a_rotation_has_two_live_keys_for_a_time(capsys):
    """The old one is accepted until it ends; meanwhile there is no second rotation."""
    (old,) = made(capsys, "add", "acme", "--scopes", "events:read")
    (new,) = made(capsys, "rotate", "acme")
    assert new["scopes"] == ["events:read"]
    assert is_accepted(old["key"])
    assert is_accepted(new["key"])
    keys = listed(capsys)
    assert (keys[old["id"]]["state"], keys[new["id"]]["state"]) == ("ending", "usable")
    assert main(["relying-party", "rotate", "acme"]) == 1
    assert old["id"] in capsys.readouterr().err
    assert main(["relying-party", "retire", old["id"]]) == 0
    assert not is_accepted(old["key"])
    assert is_accepted(new["key"])
    assert len(made(capsys, "rotate", "acme")) == 1


def test_modes_are_rotated_apart(capsys):
    """A key of the other mode stays as it is."""
    (live,) = made(capsys, "add", "acme")
    made(capsys, "add", "acme", "--mode", "test")
    made(capsys, "rotate", "acme", "--mode", "test")
    assert listed(capsys)[live["id"]]["retire_at"] is None


@pytest.mark.parametrize("command", [["add", "nobody"], ["rotate", "nobody"], ["retire", "key_unknown"]])
def test_what_is_not_there(capsys, command):
    """Is named, with what there is; nothing is made."""
    assert main(["relying-party", *command]) == 66
    assert command[1] in capsys.readouterr().err
    assert listed(capsys) == {}


def test_nothing_to_rotate(capsys):
    """Says what to do."""
    assert main(["relying-party", "rotate", "acme"]) == 1
    assert "add one" in capsys.readouterr().err


def test_a_client_secret_is_no_api_key(capsys):
    """The kind is in the token, and each is accepted for its own purpose alone."""
    (secret,) = made(capsys, "add", "acme", "--kind", "client_secret")
    assert secret["key"].startswith("proofing_secret_live_")
    assert secret["scopes"] == []
    assert not is_accepted(secret["key"])
