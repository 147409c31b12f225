"""Changes of one session: what each request sees of the others, and what is kept."""

import pytest

from proofing_server.sessions import SessionMissingError


@pytest.fixture
async def opened(site):
    """Two requests of one session, both under way."""
    sessions = site.app.state.site.sessions
    made = await sessions.start()
    return sessions, await sessions.open(made.id), await sessions.open(made.id)


@pytest.mark.parametrize("reload", [True, False])
async def test_a_change_sees_the_one_before(opened, reload):
    """Whatever another request has changed since this one began is there."""
    sessions, first, second = opened
    async with first.change() as data:
        data["ssn"] = "900-66-1234"
    async with second.change(reload=reload) as data:
        assert data["ssn"] == "900-66-1234"
        data["phone"] = "2025550143"
    kept = await sessions.load(first.id)
    assert (kept["ssn"], kept["phone"]) == ("900-66-1234", "2025550143")


@pytest.mark.parametrize("reload", [True, False])
async def test_a_change_after_the_end_is_refused(opened, reload):
    """A session that was left is not brought back by a request that began before."""
    sessions, first, second = opened
    await sessions.end(first)
    with pytest.raises(SessionMissingError):
        async with second.change(reload=reload):
            pass
    assert await sessions.load(first.id) is None


async def test_an_end_from_elsewhere_stands(opened, site):
    """Another host, or an erasure, ends the session while a request changes it: it does not come back."""
    sessions, first, _ = opened

    async def change():
        async with first.change() as data:
            data["ssn"] = "900-66-1234"
            await site.service.end_session(first.id)

    with pytest.raises(SessionMissingError):
        await change()
    assert await sessions.load(first.id) is None


async def test_a_renamed_session_does_not_outlive_its_end(opened, site, monkeypatch):
    """One that ends while it gets a new name ends under both."""
    sessions, first, _ = opened
    save, names = site.service.save_session, []

    async def save_as_it_ends(session_id, data):
        names.append(session_id)
        await site.service.end_session(first.id)
        await save(session_id, data)

    monkeypatch.setattr(site.service, "save_session", save_as_it_ends)
    with pytest.raises(SessionMissingError):
        await sessions.rotate(first)
    assert [await sessions.load(name) for name in (first.id, *names)] == [None, None]


@pytest.mark.parametrize("reload", [True, False])
async def test_a_change_that_fails_keeps_nothing(opened, reload):
    """Neither in the store nor in the request, however deep it was made."""
    sessions, first, _ = opened
    async with first.change() as data:
        data["jobs"] = {"document": {}}

    async def fail():
        async with first.change(reload=reload) as data:
            data["jobs"]["document"]["done"] = "made up"
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await fail()
    assert first.data["jobs"] == {"document": {}}
    assert (await sessions.load(first.id))["jobs"] == {"document": {}}


async def test_what_was_just_read_is_not_read_again(opened, monkeypatch):
    """A submit costs one look at its session, not two."""
    sessions, first, _ = opened

    async def load(_session_id):
        raise AssertionError("loaded again")

    monkeypatch.setattr(sessions, "load", load)
    async with first.change(reload=False) as data:
        data["ssn"] = "900-66-1234"
    assert first.data["ssn"] == "900-66-1234"
