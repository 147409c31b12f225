"""The consent to a selfie, or another way: asked before a camera, and apart from the other consent.

The statement names the purpose, who gets the photo, how long it is stored and that nobody has to agree. What
is recorded of an answer names the version of that very text. docs/adr/0044.
"""

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.logs import log
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.contracts.selfies import SelfieAnswer, SelfieChoice
from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page
from proofing_server import flow, kept_uploads
from proofing_server.bodies import read_form
from proofing_server.guards import check_form, require_page, selfie_terms
from proofing_server.security import logger
from proofing_server.sessions import Session
from proofing_server.site import Site, go_to

_VERSION_CHARACTERS = 12
#: Names of the form's buttons.
_ANSWERS = {"agree": SelfieAnswer.AGREED, "decline": SelfieAnswer.DECLINED}


async def show(request: Request) -> Response:
    """Show how a selfie is used; to a person who declined, the other way."""
    site, session = await require_page(request, Page.SELFIE)
    if elsewhere := _unless_asked(site, session):
        return elsewhere
    return _page(request, site, session)


async def post(request: Request) -> Response:
    """Record the answer. Without a consent to the text on show, nothing is taken."""
    site, session = await require_page(request, Page.SELFIE)
    fields = await read_form(request)
    check_form(session, fields)
    if elsewhere := _unless_asked(site, session):
        return elsewhere
    answer = _ANSWERS.get(fields.get("answer", ""))
    version = _statement(request, site, session)["text_version"]
    if answer is SelfieAnswer.AGREED and fields.get("text_version") != version:
        return _page(request, site, session, errors={"form": "selfie_text_changed"}, asks=True, status=409)
    if answer is None or (answer is SelfieAnswer.AGREED and fields.get("consent") != "yes"):
        errors = {"consent": "selfie_consent_missing"}
        return _page(request, site, session, errors=errors, asks=True, status=400)
    choice = SelfieChoice(
        answer=answer,
        at=site.service.now(),
        text_version=version,
        recipient=selfie_terms(site, session).recipient,
    )

    def record(data: SessionData) -> str | None:
        """Keep the choice; what shows a face does not outlive a refusal."""
        if flow.redirect_for(data, Page.SELFIE) is not None:
            return None  # Photos were submitted meanwhile, in another tab.
        data.selfie = choice
        if data.problem is not None and data.problem.kind is JobKind.DOCUMENT:
            data.problem = None
        upload = data.uploads.get(Side.SELFIE) if answer is SelfieAnswer.DECLINED else None
        if upload is None:
            return None
        kept_uploads.remove(data, Side.SELFIE)
        return upload.slot

    slot = await session.update(record)
    log(logger, "selfie_answered", owner=session.person.reference, selfie_choice=choice.to_json())
    if slot is not None:
        await site.service.uploads.release(session.person.reference, slot)
    return go_to(
        Page.SELFIE if selfie_terms(site, session).needs_choice(choice) else flow.current_page(session.data)
    )


def _unless_asked(site: Site, session: Session) -> Response | None:
    """Return the way on for a person who has nothing to answer here."""
    is_asked = selfie_terms(site, session).is_asked and not session.data.is_complete(JobKind.DOCUMENT)
    return None if is_asked else go_to(flow.current_page(session.data))


def _statement(request: Request, site: Site, session: Session) -> dict[str, Any]:
    """Return the text of the statement, with its version."""
    t, settings = site.texts(request), site.service.settings
    terms = selfie_terms(site, session)
    values = {
        "company": terms.recipient,
        "partner": site.partner_name(request),
        "time": t.duration(settings.selfie_retention_minutes * 60),
    }
    items = [t(f"selfie.statement.{name}", **values) for name in t.branch("selfie.statement")]
    if settings.selfie_notice:
        items.append(settings.selfie_notice)
    items.append(t(f"selfie.refusal.{'continue' if terms.continues_without else 'other_way'}"))
    agree = t("selfie.agree", **values)
    digest = hashlib.sha256("\n".join([t.language, *items, agree]).encode()).hexdigest()
    return {
        "items": items,
        "agree": agree,
        "text_version": f"{t.language}-{digest[:_VERSION_CHARACTERS]}",
    }


def _page(
    request: Request,
    site: Site,
    session: Session,
    *,
    errors: dict[str, str] | None = None,
    asks: bool = False,
    status: int = 200,
) -> Response:
    """Render the statement with its two answers, or the other way once it was chosen, unless *asks*."""
    terms, choice = selfie_terms(site, session), session.data.selfie
    has_declined = choice is not None and choice.answer is SelfieAnswer.DECLINED
    # The link back to the statement.
    asks = asks or "again" in request.query_params
    return site.page(
        request,
        "selfie_other_way" if has_declined and not terms.continues_without and not asks else "selfie",
        page=Page.SELFIE,
        session=session,
        status=status,
        errors=errors or {},
        **_statement(request, site, session),
        continues_without=terms.continues_without,
        has_agreed=terms.has_consent(choice),
        other_way=site.service.settings.selfie_other_way,
        reference=session.data.reference,
    )
