"""The confirmation code: one form sends it to the phone, another one takes it back."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from proofing.app.phone_codes import Entry
from proofing.base.errors import LimitReachedError, QueueUnavailableError, StoreUnavailableError
from proofing.contracts.evidence import EvidenceKind, Verification, VerifiedBy
from proofing.contracts.messages import Channel, Message
from proofing.contracts.people import LimitState
from proofing.contracts.phone_numbers import COUNTRY_CODE
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.rules import limits
from proofing.sessions.data import SessionData
from proofing.sessions.phone_codes import PhoneConfirmation
from proofing.sessions.steps import Page
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.forms import read_code
from proofing_server.guards import check_form, limit_path, require_page
from proofing_server.job_status import report_assurance
from proofing_server.language_choice import take_choice
from proofing_server.measuring import note_cause
from proofing_server.sessions import Session
from proofing_server.site import LIMITS, RedirectToStep, Site, UnavailableError, go_to
from proofing_server.submit_job import submit_job

_ENTRY_ERRORS = {Entry.WRONG: "code_wrong", Entry.EXPIRED: "code_expired"}


async def show(request: Request) -> Response:
    """Offer to send a code, and take one that was sent."""
    site, session, confirmation = await _require_confirmation(request)
    return await _page(request, site, session, confirmation, {})


async def post(request: Request) -> Response:
    """Send a code, or take one back."""
    site, session, confirmation = await _require_confirmation(request)
    fields = await read_form(request)
    check_form(session, fields)
    if take_choice(request, fields):
        errors, code = site.shown_errors(request, fields), fields.get("code", "")
        return await _page(request, site, session, confirmation, errors, typed=code)
    if "code" in fields:
        return await _enter(request, site, session, confirmation, fields["code"])
    try:
        return await _send(request, site, session, confirmation, fields.get("channel", ""))
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        return await _page(request, site, session, confirmation, {"form": "technical"}, status=503)


async def _require_confirmation(request: Request) -> tuple[Site, Session, PhoneConfirmation]:
    """Return site, session, and what is to be confirmed.

    Raises:
        RedirectToStep: nothing is, or codes were switched off meanwhile, which ends the step.
    """
    site, session = await require_page(request, Page.CODE, is_counted=True)
    confirmation = session.data.confirmation
    if confirmation is None:
        raise RedirectToStep(flow.current_page(session.data))
    codes = site.service.codes
    is_wanted = session.data.policy_steps or site.service.settings.confirms_phone
    if is_wanted and not codes.channels(session.person) and not codes.can_enter(confirmation):
        # Nobody can send the code that is wanted: without it nothing would be verified.
        outage = site.service.outages.of_kind(session.person, ProoferKind.MESSENGER)
        raise UnavailableError(session, outage=outage, page=Page.CODE)
    if not session.data.confirms_phone(site.service.settings.confirms_phone):

        def go_on(data: SessionData) -> Page:
            data.confirmation = None
            return flow.current_page(data)

        raise RedirectToStep(await session.update(go_on))
    return site, session, confirmation


async def _enter(
    request: Request, site: Site, session: Session, confirmation: PhoneConfirmation, typed: str
) -> Response:
    """Judge the code that was *typed*."""
    form = read_code({"code": typed}, digits=site.service.settings.phone_code_digits)
    if form.errors:
        return await _page(request, site, session, confirmation, form.errors, status=400)
    try:
        entry = await site.service.codes.enter(session.person, confirmation, form.values["code"])
    except LimitReachedError as error:
        raise RedirectToStep(limit_path(error.limit)) from None
    if entry is not Entry.RIGHT:
        errors = {"code": _ENTRY_ERRORS[entry]}
        return await _page(request, site, session, confirmation, errors, status=400)

    if session.person.verification is not None:
        # Before the session moves on: a person whose request ends between the two enters the code again.
        await site.service.verifications.record_code(
            session.person,
            digits=len(form.values["code"]),
            made_at=confirmation.made_at,
            age_seconds=site.service.now() - confirmation.made_at,
        )

    def confirm(data: SessionData) -> tuple[Page, bool]:
        # Of two requests with one code, or of one that was replaced meanwhile, the first one counts.
        is_first = data.confirmation == confirmation
        if is_first:
            now = site.service.now()
            data.confirmation = confirmation.confirmed(at=now)
            data.verify(
                EvidenceKind.PHONE_ACCOUNT,
                Verification(
                    method=VerifiedBy.CODE_PHONE,
                    digits=len(form.values["code"]),
                    age_seconds=now - confirmation.made_at,
                ),
            )
            data.problem = None
        return flow.current_page(data), is_first

    page, is_first = await session.update(confirm)
    if is_first:
        report_assurance(session.data, JobKind.CODE)
    return go_to(page)


async def _send(
    request: Request, site: Site, session: Session, confirmation: PhoneConfirmation, channel: str
) -> Response:
    """Submit the job that sends a code."""
    codes = site.service.codes
    if channel not in codes.channels(session.person):
        errors = {"form": "code_channel"}
        return await _page(request, site, session, confirmation, errors, status=400)
    if not codes.may_send(confirmation.phone):
        errors = {"form": "phone_no_code"}
        return await _page(request, site, session, confirmation, errors, status=400)
    if codes.pause_seconds(confirmation):
        return await _page(request, site, session, confirmation, {"form": "code_pause"}, status=400)
    code, kept = codes.make(session.person, confirmation, Channel(channel))
    message = _message(site, request, Channel(channel), confirmation.phone, code)

    def keep(data: SessionData) -> None:
        if data.confirmation != confirmation:
            # Another tab has sent a code, or another number, since this page was asked.
            raise RedirectToStep(flow.current_page(data))
        data.confirmation = kept

    async def ask(_data: SessionData, result_id: str) -> str:
        return await site.service.submit_code(
            session.person, message, result_id=result_id, network=client_network(request)
        )

    return go_to(await submit_job(site, session, JobKind.CODE, ask, keep))


def _message(site: Site, request: Request, channel: Channel, phone: str, code: str) -> Message:
    """Return the message that carries *code*."""
    settings, texts = site.service.settings, site.texts(request)
    valid = texts.count("duration.minutes", settings.phone_code_valid_minutes)
    values = {"partner": site.partner_name(request), "time": valid}
    if channel is Channel.TEXT:
        text = texts("code.message.text", code=code, **values)
        # By the last line browsers find the code for the page: WICG, "Origin-bound one-time codes".
        text = f"{text}\n\n@{urlsplit(settings.public_url).hostname} #{code}"
    else:
        # With pauses: read as one number it could not be written down.
        text = texts("code.message.voice", code=str(texts.branch("code.message.pause")).join(code), **values)
    return Message(
        channel=channel,
        number=f"{COUNTRY_CODE}{phone}",
        locale=texts.language,
        text=text,
        code=code,
    )


async def _page(
    request: Request,
    site: Site,
    session: Session,
    confirmation: PhoneConfirmation,
    errors: dict[str, str],
    *,
    status: int = 200,
    typed: str = "",
) -> Response:
    """Render both forms: that of the code only while there is one."""
    codes = site.service.codes
    entries = await site.service.limit(session.person, limits.CODE_ENTRY.name)
    if entries.reached:
        raise RedirectToStep(limit_path(limits.CODE_ENTRY.name))
    sends = await site.service.limit(session.person, LIMITS[JobKind.CODE])
    can_enter = codes.can_enter(confirmation)
    if not can_enter and sends.reached:
        raise RedirectToStep(limit_path(LIMITS[JobKind.CODE]))
    return site.page(
        request,
        "code",
        page=Page.CODE,
        session=session,
        status=status,
        errors=errors,
        phone=confirmation.phone,
        channel=confirmation.channel.value,
        value=typed,
        can_enter=can_enter,
        channels=[one.value for one in codes.channels(session.person)],
        channels_out=[one.value for one in codes.channels_out(session.person)],
        digits=site.service.settings.phone_code_digits,
        valid_seconds=codes.valid_seconds,
        attempts_left=_shown(entries) if can_enter else None,
        sends_left=_shown(sends),
        may_send=not sends.reached,
        shown=confirmation.shown if can_enter and codes.shows_code(session.person) else None,
    )


def _shown(limit: LimitState) -> int | None:
    """Return how many attempts are left, once some are used up."""
    return limit.remaining if limit.remaining < limit.maximum else None
