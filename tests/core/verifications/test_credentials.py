"""Tokens: recognized by prefix and checksum, compared by digest, never kept."""

import asyncio
import random
import re
import string

import pytest

from proofing import bootstrap
from proofing.contracts.verification_store import CredentialKind
from proofing.contracts.verifications import Mode
from proofing.verifications.credentials import (
    MAX_KEYS,
    CredentialError,
    Credentials,
    Scope,
    looks_like_token,
)


@pytest.fixture
async def credentials(settings_file, bare_environment, monkeypatch):
    """Return credentials in the embedded store, and the store."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    configuration = await bootstrap.configure(settings_file(), role="relying-party")
    store = bootstrap.make_backends(configuration, "relying-party").verifications
    await store.open()
    yield bootstrap.make_credentials(configuration, store)
    await store.close()


async def add(credentials: Credentials, **values):
    """Return a new key."""
    return await credentials.add(
        values.pop("party", "agency"), values.pop("mode", Mode.TEST), scopes=tuple(Scope), **values
    )


async def test_a_scanner_of_source_code_finds_a_token(credentials):
    """By one pattern, whatever is around it; every token differs in all random characters."""
    tokens = [(await add(credentials)).token for _ in range(5)]
    pattern = r"\bproofing_(?:key|secret)_(?:live|test)_[0-9a-f]{32}_[0-9A-Za-z]{33}\b"
    assert re.findall(pattern, f"key: '{tokens[0]}',") == [tokens[0]]
    assert len({token[-33:] for token in tokens}) == 5


async def test_a_typing_mistake_asks_no_store(credentials):
    """One character changed, left out or exchanged with its neighbor is seen by the checksum."""
    token = (await add(credentials)).token
    draw = random.Random(4)  # noqa: S311 - repeatable
    for _ in range(300):
        place = draw.randrange(len(token))
        other = draw.choice(string.ascii_letters + string.digits + "_")
        changed = token[:place] + other + token[place + 1 :]
        assert looks_like_token(changed) is (changed == token)
        assert not looks_like_token(token[:place] + token[place + 1 :])
    assert await credentials.recognize(token[:-1]) is None


async def test_the_store_has_no_secret(credentials):
    """Neither the token nor its secret part, in any column."""
    made = await add(credentials)
    kept = await credentials._store.credential(made.credential.id)
    secret = made.token.split("_")[-1][:-6]
    assert secret not in str([getattr(kept, name) for name in type(kept).__slots__])
    assert secret not in repr(made)
    assert len(kept.digest) == 32


async def test_each_part_of_a_token_counts(credentials):
    """A secret with another id, another mode or another kind opens nothing."""
    one, two = await add(credentials), await add(credentials)
    assert (await credentials.recognize(one.token)).id == one.credential.id
    from proofing.verifications import credentials as module  # noqa: PLC0415 - to forge

    parts, other = module._parse(one.token), module._parse(two.token)
    for forged in (
        module._Token(parts.kind, parts.mode, other.digits, parts.secret),
        module._Token(parts.kind, Mode.LIVE, parts.digits, parts.secret),
        module._Token(CredentialKind.CLIENT_SECRET, parts.mode, parts.digits, parts.secret),
        module._Token(parts.kind, parts.mode, "0" * 32, parts.secret),
    ):
        token = module._write(forged)
        assert looks_like_token(token)
        for kind in (CredentialKind.API_KEY, CredentialKind.CLIENT_SECRET):
            assert await credentials.recognize(token, kind) is None


async def test_ten_thousand_forged_keys_open_nothing(credentials):
    """Right ids and checksums with secrets that are guessed: none is accepted."""
    made = await add(credentials)
    from proofing.verifications import credentials as module  # noqa: PLC0415 - to forge

    parts = module._parse(made.token)
    draw = random.Random(5)  # noqa: S311 - repeatable
    alphabet = string.ascii_letters + string.digits

    async def attempt() -> bool:
        secret = "".join(draw.choices(alphabet, k=27))
        token = module._write(module._Token(parts.kind, parts.mode, parts.digits, secret))
        return await credentials.recognize(token) is not None

    for _ in range(100):
        assert not any(await asyncio.gather(*(attempt() for _ in range(100))))
    assert await credentials.recognize(made.token) is not None


async def test_a_use_is_noted_once_a_minute(credentials, monkeypatch):
    """Not with every request: that would be a write for each."""
    made = await add(credentials)
    store = credentials._store
    await credentials.recognize(made.token)
    first = (await store.credential(made.credential.id)).last_used_at
    await credentials.recognize(made.token)
    assert (await store.credential(made.credential.id)).last_used_at == first
    now = store.now()
    monkeypatch.setattr(store, "now", lambda: now + 61.0)
    await credentials.recognize(made.token)
    assert (await store.credential(made.credential.id)).last_used_at > first


async def test_there_is_an_end_to_keys(credentials):
    """A script that makes one each time is stopped before lists are of no use."""
    for _ in range(MAX_KEYS):
        made = await add(credentials)
    with pytest.raises(CredentialError, match="retire one"):
        await add(credentials)
    await credentials.retire(made.credential.id)
    await add(credentials)
