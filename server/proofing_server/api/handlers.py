"""What the operations of `/v1` do: each asks the one door to verifications, and shows what came of it."""

from collections.abc import Mapping
from typing import Any

from proofing.app.simulation import Simulation
from proofing.app.verifications import MakeAnswer
from proofing.base.errors import InvalidInputError, VerificationStateError
from proofing.contracts.verification_store import StoredEvent
from proofing.contracts.verifications import VerificationRecord, VerificationState
from proofing.verifications.terms import Request
from proofing_server.api.cursors import read_number, read_position, write_number, write_position
from proofing_server.api.endpoints import Answer, AnsweredElsewhereError, Call, Implementation
from proofing_server.api.problems import Code, FieldError, ProblemError
from proofing_server.api.schemas import MAX_LATENCY_SECONDS
from proofing_server.api.views import event_view, full_view, verification_view
from proofing_server.security import START_PREFIX

_CREATED, _OK = 201, 200
#: Beyond the latency that a simulation may have.
_SIMULATION_SECONDS = MAX_LATENCY_SECONDS + 10.0


async def create(call: Call) -> Answer:
    """Create a verification, with the person's link."""
    body = call.body
    request = Request(
        subject=body.subject,
        policy=body.policy,
        metadata=body.metadata,
        return_url=body.return_url,
        locale=body.locale,
    )
    verifications = call.site.service.verifications
    try:
        made = await verifications.create(call.caller.party, request, idempotency=_keep(call, _CREATED))
    except InvalidInputError as error:
        raise _refusal(error) from None
    if made.replayed is not None:
        raise AnsweredElsewhereError(made.replayed)
    if made.open is not None:
        raise ProblemError(Code.VERIFICATION_OPEN, members={"verification": made.open.id})
    assert made.record is not None  # noqa: S101 - one of the three is set
    return Answer(content=_created(call, made.record, made.token))


def create_again(call: Call, kept: Mapping[str, Any]) -> Answer:
    """Return the answer to a create again; the body is the same, so that nothing of it had to be kept."""
    record = _kept_record(kept)
    token = call.site.service.verifications.token(record)
    return Answer(content=_created(call, record, token), is_replayed=True)


async def list_page(call: Call) -> Answer:
    """Return a page of verifications, of one subject or of all."""
    wanted = call.body if call.parameters is None else call.parameters
    found = await call.site.service.verifications.list(
        call.caller.party,
        # One more than is shown says whether there is a next page.
        limit=wanted.limit + 1,
        before=None if wanted.cursor is None else read_position(wanted.cursor),
        state=wanted.state,
        subject=None if call.body is None else call.body.subject,
    )
    shown = found[: wanted.limit]
    following = write_position(shown[-1].created_at, shown[-1].id) if len(found) > len(shown) else None
    return Answer(content={"data": [verification_view(one) for one in shown], "next_cursor": following})


async def get(call: Call) -> Answer:
    """Return a verification with what was sent when it was created."""
    record, subject = await call.site.service.verifications.details(call.caller.party, call.id)
    if subject is None:
        return Answer(content=full_view(record, subject=None, metadata={}))
    return Answer(content=full_view(record, subject=subject.reference, metadata=subject.metadata))


async def cancel(call: Call) -> Answer:
    """Cancel a verification; one that is canceled stays so."""
    verifications = call.site.service.verifications
    try:
        changed = await verifications.cancel(call.caller.party, call.id, idempotency=_keep(call, _OK))
    except VerificationStateError as error:
        if error.state != VerificationState.CANCELED:
            raise
        return Answer(content=verification_view(await verifications.get(call.caller.party, call.id)))
    if changed.replayed is not None:
        raise AnsweredElsewhereError(changed.replayed)
    return Answer(content=verification_view(changed.record))


async def redact(call: Call) -> Answer:
    """Delete the personal data of a verification."""
    changed = await call.site.service.verifications.redact(
        call.caller.party, call.id, idempotency=_keep(call, _OK)
    )
    if changed.replayed is not None:
        raise AnsweredElsewhereError(changed.replayed)
    return Answer(content=verification_view(changed.record))


async def new_link(call: Call) -> Answer:
    """Make a new link."""
    made = await call.site.service.verifications.new_link(
        call.caller.party, call.id, idempotency=_keep(call, _CREATED)
    )
    if made.replayed is not None:
        raise AnsweredElsewhereError(made.replayed)
    return Answer(content=verification_view(made.record, url=_url(call, made.token)))


def new_link_again(call: Call, kept: Mapping[str, Any]) -> Answer:
    """Return the answer to a new link again, with the same link."""
    record = _kept_record(kept)
    token = call.site.service.verifications.token(record)
    return Answer(content=verification_view(record, url=_url(call, token)), is_replayed=True)


def view_again(_call: Call, kept: Mapping[str, Any]) -> Answer:
    """Return the answer to a change again."""
    return Answer(content=verification_view(_kept_record(kept)), is_replayed=True)


async def collect_claims(call: Call) -> Answer:
    """Return the released attributes, which are deleted with it."""
    try:
        found = await call.site.service.verifications.collect_claims(call.caller.party, call.id)
    except VerificationStateError as error:
        if not VerificationState(error.state).is_end:
            raise
        raise ProblemError(Code.CLAIMS_GONE) from None
    return Answer(content={"id": call.id, "claims": dict(found)})


async def decide(call: Call) -> Answer:
    """Decide a review, in the name of the key."""
    changed = await call.site.service.verifications.decide(
        call.caller.party,
        call.id,
        is_approved=call.body.outcome is VerificationState.VERIFIED,
        reason=call.body.reason,
        by=call.caller.key_id,
        idempotency=_keep(call, _OK),
    )
    if changed.replayed is not None:
        raise AnsweredElsewhereError(changed.replayed)
    return Answer(content=verification_view(changed.record))


async def simulate(call: Call) -> Answer:
    """Bring a verification of mode test to an outcome."""
    body = call.body
    wish = Simulation(
        outcome=body.outcome,
        reasons=tuple(body.reasons),
        latency_seconds=body.latency_seconds,
        delivery=body.delivery,
        advance_seconds=body.advance_seconds,
    )
    record = await call.site.service.simulator.simulate(call.caller.party, call.id, wish)
    return Answer(content=verification_view(record))


async def list_events(call: Call) -> Answer:
    """Return events after a cursor."""
    wanted, party = call.parameters, call.caller.party
    after = 0 if wanted.cursor is None else read_number(wanted.cursor)
    found = await call.site.service.verifications.store.events(
        party.name,
        party.mode,
        after=after,
        limit=wanted.limit + 1,
        types=() if wanted.type is None else (wanted.type,),
    )
    shown = found[: wanted.limit]
    following: str | None = wanted.cursor
    if shown:
        following = write_number(shown[-1].cursor)
    return Answer(
        content={
            "data": [_event(one) for one in shown],
            "next_cursor": following,
            "has_more": len(found) > len(shown),
        }
    )


def _event(stored: StoredEvent) -> dict[str, Any]:
    return event_view(stored, write_number(stored.cursor))


def _created(call: Call, record: VerificationRecord, token: str | None) -> dict[str, Any]:
    return full_view(record, subject=call.body.subject, metadata=call.body.metadata, url=_url(call, token))


def _url(call: Call, token: str | None) -> str | None:
    """Return the URL of a link. The token is in no store, and in no answer but this one."""
    return None if token is None else f"{call.site.service.settings.public_url}{START_PREFIX}{token}"


def _keep(call: Call, status: int) -> MakeAnswer | None:
    """Return what makes the answer that is kept with the change; it has neither token nor subject."""
    request = call.idempotent
    if request is None:
        return None
    return lambda record: request.answer(status, {"record": record.to_json()}, at=record.updated_at)


def _kept_record(kept: Mapping[str, Any]) -> VerificationRecord:
    return VerificationRecord.from_json(kept["record"])


def _refusal(error: InvalidInputError) -> ProblemError:
    """Return the refusal of a request whose fields do not fit the settings."""
    if "policy" in error.fields:
        return ProblemError(Code.POLICY_NOT_ALLOWED)
    if "return_url" in error.fields:
        return ProblemError(Code.RETURN_URL_NOT_ALLOWED)
    return ProblemError(
        Code.INVALID_FIELDS,
        errors=[FieldError(f"/{name}", code.replace("_", " ")) for name, code in error.fields.items()],
    )


IMPLEMENTATIONS: Mapping[str, Implementation] = {
    "create_verification": Implementation(handler=create, replay=create_again),
    "list_verifications": Implementation(handler=list_page),
    "search_verifications": Implementation(handler=list_page),
    "get_verification": Implementation(handler=get),
    "cancel_verification": Implementation(handler=cancel, replay=view_again),
    "redact_verification": Implementation(handler=redact, replay=view_again),
    "create_link": Implementation(handler=new_link, replay=new_link_again),
    "collect_claims": Implementation(handler=collect_claims),
    "decide_review": Implementation(handler=decide, replay=view_again),
    "list_events": Implementation(handler=list_events),
    "simulate_outcome": Implementation(handler=simulate, seconds=_SIMULATION_SECONDS),
}
