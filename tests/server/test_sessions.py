"""Changes of one session: what each request, on any host, sees of the others, and what is kept."""

import asyncio

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.applicant import Applicant
from proofing.contracts.records import JobKind
from proofing_devtools.sessions import put
from proofing_server import sessions as module
from proofing_server.sessions import SessionMissingError


def add(number):
    """Return a change that adds a number to those that failed."""

    def change(data):
        data.failed_phones |= {number}

    return change


@pytest.fixture
async def opened(site):
    """Two requests of one session, both in progress; nothing of this process joins them."""
    sessions = site.app.state.site.sessions
    made = await sessions.start()
    return sessions, await sessions.open(made.id), await sessions.open(made.id)


async def test_a_change_sees_the_one_before(opened):
    """Whatever another request has changed since this one began is there, and stays."""
    sessions, first, second = opened
    await first.update(put(typed=Applicant(ssn="900661234")))

    def change(data):
        data.typed = data.typed.merge({"phone": "2025550143"})
        return data.typed.ssn

    assert await second.update(change) == "900661234"
    assert second.data.typed.ssn == "900661234"
    kept = await sessions.load(first.id)
    assert kept.typed == Applicant(ssn="900661234", phone="2025550143")


async def test_changes_at_once_are_all_kept(opened):
    """Each is made from the newest data, as often as it takes."""
    sessions, first, _ = opened
    requests = [await sessions.open(first.id) for _ in range(12)]
    await asyncio.gather(*(one.update(add(str(number))) for number, one in enumerate(requests)))
    kept = await sessions.load(first.id)
    assert kept.failed_phones == {str(number) for number in range(12)}


async def test_a_change_is_not_tried_for_ever(opened, monkeypatch):
    """A session that others change all the time refuses the change, keeping nothing of it."""
    sessions, first, second = opened
    replace = sessions.replace
    monkeypatch.setattr(module, "_MOST_TRIES", 3)

    async def others_first(session, data, **more):
        newest = await sessions.open(session.id)
        changed = newest.data.copy()
        changed.attempts = (*changed.attempts, "n")
        await replace(newest, changed)
        return await replace(session, data, **more)

    monkeypatch.setattr(sessions, "replace", others_first)
    with pytest.raises(StoreUnavailableError):
        await second.update(put(typed=Applicant(ssn="900661234")))
    kept = await sessions.load(first.id)
    assert (kept.typed.ssn, len(kept.attempts)) == (None, 3)


async def test_a_change_after_the_end_is_refused(opened):
    """A session that was left is not brought back by a request that began before."""
    sessions, first, second = opened
    await sessions.end(first)
    with pytest.raises(SessionMissingError):
        await second.touch()
    assert await sessions.load(first.id) is None


async def test_a_result_goes_with_the_session_that_took_it_in(opened, site):
    """It is there until that session is kept, and stays when the session has ended."""
    sessions, first, second = opened
    results = site.runtime.backends.results
    taken = []
    compare_and_set = results.compare_and_set

    async def note(*arguments, consumes=None, **more):
        taken.append(consumes)
        return await compare_and_set(*arguments, consumes=consumes, **more)

    results.compare_and_set = note
    await first.update(put(consented_at=1.0), consumes="job")
    assert taken == ["job"]
    await sessions.end(first)
    with pytest.raises(SessionMissingError):
        await second.update(put(consented_at=1.0), consumes="job")


async def test_a_session_begins_again_under_another_name(opened):
    """Nothing leads from the old id or token to the new session; the person stays the same."""
    sessions, first, second = opened
    one, other = await sessions.start_again(first), await sessions.start_again(second)
    assert len({first.id, one.id, other.id}) == 3
    assert len({first.csrf_token, one.csrf_token, other.csrf_token}) == 3
    assert one.person == other.person == first.person
    assert await sessions.load(first.id) == first.data


async def test_a_session_does_not_begin_again_after_its_end(opened, site, monkeypatch):
    """One that ends while it gets a new name ends under both."""
    sessions, first, _ = opened
    save, names = site.service.sessions.save, []

    async def save_as_it_ends(session_id, data):
        names.append(session_id)
        await site.service.sessions.end(first.id)
        await save(session_id, data)

    monkeypatch.setattr(site.service.sessions, "save", save_as_it_ends)
    with pytest.raises(SessionMissingError):
        await sessions.start_again(first)
    assert [await sessions.load(name) for name in (first.id, *names)] == [None, None]


async def test_a_change_that_fails_keeps_nothing(opened):
    """Neither in the store nor in the request, however deep it was made."""
    sessions, first, _ = opened
    await first.update(put(recent={"a": JobKind.DOCUMENT}))

    def fail(data):
        data.recent["made up"] = JobKind.DOCUMENT
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await first.update(fail)
    assert first.data.recent == {"a": JobKind.DOCUMENT}
    assert (await sessions.load(first.id)).recent == {"a": JobKind.DOCUMENT}


async def test_what_was_just_read_is_not_read_again(opened, monkeypatch):
    """A change costs one look at the session, not two."""
    sessions, first, _ = opened

    async def load(_session_id):
        raise AssertionError("loaded again")

    monkeypatch.setattr(sessions, "load", load)
    await first.update(put(typed=Applicant(ssn="900661234")))
    assert first.data.typed.ssn == "900661234"


async def test_a_session_never_lives_longer_than_its_idle_time(opened, site, monkeypatch):
    """Also on a host whose idea of the store's clock is a little behind that of the host that saved it."""
    sessions, first, _ = opened
    service = site.app.state.site.service
    monkeypatch.setattr(type(service), "now", lambda _: first.data.saved_at - 0.7)
    assert sessions.seconds_left(first) == service.settings.session_idle_timeout_minutes * 60
