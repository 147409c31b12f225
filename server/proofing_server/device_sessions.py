"""What a phone may do with a session that stays on a computer: take the photos of one attempt. ADR 53.

The phone has a cookie of its own. Requests that are made for it say so with ``device=phone``; no other
request reads that cookie. Whatever the phone changes, it changes only while the session's own hand-off names
it and was confirmed on the computer.
"""

import hmac
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from proofing.sessions.data import SessionData
from proofing.sessions.handoffs import Handoff, HandoffState, digest_of
from proofing_server.branding import Sender, note_sender
from proofing_server.language_choice import note_wish
from proofing_server.sessions import Session, SessionMissingError, Sessions
from proofing_server.site import RedirectToStep, Site, site_of

#: The phone's own page, whatever the state is.
DEVICE_PAGE = "/handoff"
#: How often a page of either device asks for the state, where it has no stream.
POLL_SECONDS = 5

_PARAMETER, _PHONE = "device", "phone"
_CSRF = "csrf"

AnswerT = TypeVar("AnswerT")


class DeviceSession(Session):
    """The session of a computer, as the phone that takes its photos may use it."""

    def __init__(self, sessions: Sessions, key: str, secret: str, data: SessionData) -> None:
        """Take the session under *key*, whose hand-off names the phone with the cookie *secret*."""
        super().__init__(sessions, "", data, key=key)
        self._now = sessions.now
        self._secret = secret
        self._device = digest_of(secret)
        self._has_submitted = False

    @property
    def csrf_token(self) -> str:
        """What every form of the phone carries; it leads to no cookie."""
        return digest_of(f"{_CSRF}:{self._secret}")

    @property
    def handoff(self) -> Handoff:
        """The hand-off by which the phone is here."""
        found = named_by(self.data, self._device)
        if found is None:
            raise SessionMissingError(had_cookie=True)
        return found

    def state(self) -> HandoffState:
        """Return how far the hand-off is now."""
        return self.handoff.state_at(self._now())

    async def update(
        self, change: Callable[[SessionData], AnswerT], *, consumes: str | None = None
    ) -> AnswerT:
        """Change the session as `Session.update` does, as long as the hand-off allows it.

        Raises:
            RedirectToStep: it was canceled, has ended, or names another phone by now.
        """

        def allowed(data: SessionData) -> AnswerT:
            found = named_by(data, self._device)
            state = found.state_at(self._now()) if found else None
            # What this very request submitted it may take back.
            if state is not HandoffState.CONFIRMED and not (
                self._has_submitted and state is HandoffState.OVER
            ):
                raise RedirectToStep(DEVICE_PAGE)
            return change(data)

        answer = await super().update(allowed, consumes=consumes)
        found = named_by(self.data, self._device)
        self._has_submitted = found is not None and found.state is HandoffState.OVER
        return answer

    async def cancel(self) -> None:
        """End the hand-off, in any state, if it is still this phone's."""
        await super().update(lambda data: cancel_handoff(data, self._device))


def is_for_phone(request: Request) -> bool:
    """Return whether *request* was made for a phone that takes the photos of a computer's session."""
    return request.url.path == DEVICE_PAGE or request.query_params.get(_PARAMETER) == _PHONE


async def find_capturing(request: Request) -> Session:
    """Return the session that *request* may take photos for: its own, or that of the phone's computer.

    Raises:
        SessionMissingError: there is none, or it has ended.
        RedirectToStep: the phone may not take photos now.
    """
    if not is_for_phone(request):
        return await site_of(request).sessions.find(request)
    session = await find_device(request)
    if session.state() is not HandoffState.CONFIRMED:
        raise RedirectToStep(DEVICE_PAGE)
    return session


async def find_device(request: Request) -> DeviceSession:
    """Return the session whose hand-off names the phone that made *request*.

    Raises:
        SessionMissingError: there is none, or it has ended.
    """
    site = site_of(request)
    secret = request.cookies.get(site.sessions.device_cookie_name, "")
    found = await _find(site, secret)
    if found is None or named_by(found[1], digest_of(secret)) is None:
        raise SessionMissingError(had_cookie=bool(secret))
    key, data = found
    note_computer(request, data)
    return DeviceSession(site.sessions, key, secret, data)


async def find_by_link(site: Site, token: str) -> Session | None:
    """Return the session whose hand-off has this link, unused; None for none, without saying why."""
    found = await _find(site, token)
    if found is None:
        return None
    key, data = found
    handoff = data.handoff
    if handoff is None or not hmac.compare_digest(handoff.link, digest_of(token)):
        return None
    if handoff.state_at(site.service.now()) is not HandoffState.WAITING:
        return None
    return Session(site.sessions, "", data, key=key)


def note_computer(request: Request, data: SessionData) -> None:
    """Have the pages of *request*, of a phone, be like those of its computer, with the session *data*."""
    note_sender(request, Sender.of_session(data))
    if data.handoff is not None:
        note_wish(request, data.handoff.language)


def named_by(data: SessionData, device: str) -> Handoff | None:
    """Return the hand-off of *data*, if it names the phone whose cookie has the digest *device*."""
    found = data.handoff
    is_named = found is not None and found.device is not None and hmac.compare_digest(found.device, device)
    return found if is_named else None


def cancel_handoff(data: SessionData, device: str | None = None) -> None:
    """End the hand-off of *data* if it is in progress, and of that *device* where one is named."""
    found = data.handoff if device is None else named_by(data, device)
    if found is not None and found.state is not HandoffState.OVER:
        data.handoff = found.changed(HandoffState.CANCELED)


async def _find(site: Site, secret: str) -> tuple[str, SessionData] | None:
    """Return key and data of the session that *secret* leads to."""
    key = await site.service.handoffs.session_key(secret)
    data = None if key is None else await site.service.sessions.load_by_key(key)
    return None if key is None or data is None else (key, data)
