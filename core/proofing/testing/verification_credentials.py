"""The cases of the verification store contract about keys of relying parties."""

from dataclasses import replace
from typing import Any

from proofing.contracts.verification_store import Credential, CredentialKind, VerificationStore
from proofing.contracts.verifications import Mode
from proofing.testing.verification_basis import OTHER_PARTY, PARTY, VerificationStoreBasis, make_credential

_FIELDS = Credential.__slots__


def _values(credential: Credential | None) -> dict[str, Any] | None:
    """Return what a credential holds; it is compared by this, since it prints nothing."""
    return None if credential is None else {name: getattr(credential, name) for name in _FIELDS}


class CredentialCases(VerificationStoreBasis):
    """Credentials come back as they were given, retired ones, too."""

    async def test_every_kind_comes_back(self, store: VerificationStore) -> None:
        """Digests, sealed secrets, public parts and scopes, in the order of their creation."""
        given = [
            make_credential(created_at=1.0),
            make_credential(
                CredentialKind.WEBHOOK_SECRET, created_at=2.0, digest=b"", sealed=bytes(range(256))
            ),
            make_credential(CredentialKind.CLIENT_SECRET, created_at=3.0, mode=Mode.TEST, scopes=()),
            make_credential(
                CredentialKind.SIGNING_KEY, created_at=4.0, relying_party="", public='{"kty": "EC"}'
            ),
        ]
        for one in reversed(given):
            await store.add_credential(one)
        found = await store.credentials()
        assert [_values(one) for one in found] == [_values(one) for one in given]
        for one in given:
            assert _values(await store.credential(one.id)) == _values(one)
        assert await store.credential("key_0") is None

    async def test_they_are_listed_by_party_and_kind(self, store: VerificationStore) -> None:
        """Filters combine."""
        mine = make_credential()
        for one in (
            mine,
            make_credential(CredentialKind.WEBHOOK_KEY),
            make_credential(relying_party=OTHER_PARTY),
        ):
            await store.add_credential(one)
        (found,) = await store.credentials(relying_party=PARTY, kind=CredentialKind.API_KEY)
        assert found.id == mine.id
        assert len(await store.credentials(relying_party=PARTY)) == 2
        assert len(await store.credentials(kind=CredentialKind.API_KEY)) == 2
        assert await store.credentials(relying_party="") == []

    async def test_a_credential_is_retired_used_and_deleted(self, store: VerificationStore) -> None:
        """The latest use is remembered, whatever order the notes come in."""
        one = make_credential()
        await store.add_credential(one)
        assert await store.retire_credential(one.id, at=99.5)
        for at in (10.0, 30.0, 20.0):
            await store.note_use(one.id, at=at)
        expected = replace(one, retire_at=99.5, last_used_at=30.0)
        assert _values(await store.credential(one.id)) == _values(expected)
        assert await store.delete_credential(one.id)
        assert not await store.delete_credential(one.id)
        assert not await store.retire_credential(one.id, at=1.0)
        await store.note_use(one.id, at=1.0)
        assert await store.credential(one.id) is None

    async def test_a_credential_prints_nothing(self, store: VerificationStore) -> None:
        """Nothing of it is in its text, stored or not."""
        await store.add_credential(make_credential(digest=b"canary-digest", sealed=b"canary-sealed"))
        assert "canary" not in repr(await store.credentials())
