"""Signing keys: made once for all hosts, published before they sign and after."""

import asyncio
import json
from dataclasses import replace

import pytest
from joserfc.jwk import JWKRegistry

from proofing.base.errors import StoreUnavailableError, Trouble
from proofing.bootstrap import configure, make_backends, make_signing_keys
from proofing.registry.backends import open_backend
from proofing.verifications.signing_keys import ALGORITHMS, SigningKeys


@pytest.fixture
async def hosts(bare_environment, settings_file, monkeypatch):
    """Return the keys as two hosts see them, which share a store."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file()))
    configuration = await configure(role="oidc")
    opened = []
    for _ in range(2):
        backends = make_backends(configuration, "oidc")
        await open_backend("key_service", backends.key_service)
        await open_backend("verification_store", backends.verifications)
        opened.append(backends)
    yield [make_signing_keys(configuration, one) for one in opened]
    for one in opened:
        await one.verifications.close()
        await one.key_service.close()


async def test_hosts_agree_on_the_first_key(hosts):
    """Both ask at once; then both sign with the same key, which both publish."""
    await asyncio.gather(*(host.signing_key("ES256") for host in hosts for _ in range(5)))
    signing = {(await host.signing_key("ES256")).id for host in hosts}
    assert len(signing) == 1
    for host in hosts:
        assert signing <= {key["kid"] for key in (await host.jwks())["keys"]}


async def test_a_key_has_its_thumbprint_as_id_and_no_private_member(hosts):
    """RFC 7638, as joserfc computes it."""
    keys = (await hosts[0].jwks())["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    for key in keys:
        assert JWKRegistry.import_key(key).thumbprint() == key["kid"]
        assert key.keys() <= {"kty", "crv", "x", "y", "n", "e", "alg", "kid", "use"}
        assert key["use"] == "sig"


async def test_a_new_key_is_published_before_it_signs(hosts):
    """The other host hears of it without a restart."""
    first, second = hosts
    before = await first.signing_key("RS256")
    made = await second.rotate("RS256")
    assert (await first.signing_key("RS256")).id == before.id
    published = {key["kid"] for key in (await first.jwks())["keys"]}
    assert {before.id, made.id} <= published
    assert made.usable_at > made.created_at
    leaked = await second.rotate("RS256", is_leaked=True)
    assert (await first.signing_key("RS256")).id == leaked.id
    published = {key["kid"] for key in (await first.jwks())["keys"]}
    assert leaked.id in published
    assert not {before.id, made.id} & published


class Refusing:
    """A store that takes no new credential, as the rights of web processes have it in production."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def add_credential(self, credential):
        """Refuse."""
        raise StoreUnavailableError("may not", trouble=Trouble.PERMISSION)


async def test_a_process_that_may_make_no_key_says_what_to_do(hosts, caplog):
    """An operator makes it; until then nothing is published."""
    operator, _ = hosts
    web = SigningKeys(Refusing(operator._store), operator._sealer)
    for ask in (web.jwks, lambda: web.signing_key("ES256")):
        with pytest.raises(StoreUnavailableError, match="proofing oidc rotate-key") as refused:
            await ask()
        assert refused.value.trouble is Trouble.PERMISSION
    assert "signing_key_not_made" in {record.getMessage() for record in caplog.records}
    made = [await operator.rotate(algorithm) for algorithm in ALGORITHMS]
    assert {key["kid"] for key in (await web.jwks())["keys"]} == {one.id for one in made}
    assert (await web.signing_key("ES256")).id == made[0].id


async def test_a_key_that_does_not_open_says_what_to_do(hosts, caplog):
    """It was sealed under an application key that was removed."""
    first, second = hosts
    key = await first.signing_key("ES256")
    (stored,) = [one for one in await first.published() if one.id == key.id]
    await first._store.delete_credential(key.id)
    await first._store.add_credential(replace(stored, sealed=stored.sealed[:-1] + b"?"))
    with pytest.raises(StoreUnavailableError, match="rotate-key --leaked"):
        await second.signing_key("ES256")
    assert "signing_key_not_opened" in {record.getMessage() for record in caplog.records}
    made = await second.rotate("ES256", is_leaked=True)
    assert (await second.signing_key("ES256")).id == made.id


async def test_the_private_part_is_sealed(hosts):
    """Neither the record nor its print has it."""
    key = await hosts[0].signing_key("ES256")
    (stored,) = [one for one in await hosts[0].published() if one.id == key.id]
    assert b"PRIVATE KEY" in key.private_key
    assert b"PRIVATE KEY" not in stored.sealed
    assert "d" not in json.loads(stored.public)
    assert "PRIVATE" not in repr(key) + repr(stored)
