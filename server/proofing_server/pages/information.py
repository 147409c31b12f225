"""Social Security number, address, and *check your information*."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import InvalidInputError, QueueUnavailableError, StoreUnavailableError
from proofing.contracts.applicant import Applicant
from proofing.contracts.records import JobKind
from proofing_server import flow
from proofing_server.bodies import read_form
from proofing_server.client_address import client_network
from proofing_server.entry import check_form, enter, limit_path, refuse_at_limit
from proofing_server.flow import Page
from proofing_server.forms import ADDRESS_FIELDS, read_address, read_ssn
from proofing_server.kept_uploads import Data
from proofing_server.measuring import note_cause
from proofing_server.sessions import Session
from proofing_server.site import LIMITS, SSN_LIMIT, Site, go_to
from proofing_server.submitting import submit

#: What the device mock can be told to answer.
DEVICE_CHOICES = ("pass", "review", "reject", "no_result")


async def show_ssn(request: Request) -> Response:
    """Ask for the Social Security number."""
    site, session = await enter(request, Page.SSN)
    return _ssn_page(request, site, session, {})


async def post_ssn(request: Request) -> Response:
    """Take the Social Security number; a change of it opens the later steps again."""
    site, session = await enter(request, Page.SSN, is_counted=True)
    fields = await read_form(request)
    check_form(session, fields)
    form = read_ssn(fields)
    if form.errors:
        return _ssn_page(request, site, session, form.errors)
    ssn = form.values["ssn"]

    def answer(data: Data) -> Page | None:
        if elsewhere := flow.gate(data, Page.SSN):
            return elsewhere
        if data.get("ssn") != ssn:
            flow.forget(data, Page.SSN)
            data["ssn"] = ssn
        _choose_device(site, data, fields.get("device", ""))
        return None

    elsewhere, limit, attempts = await asyncio.gather(
        session.update(answer),
        site.service.limit(session.person, SSN_LIMIT, ssn=ssn),
        site.service.limit(session.person, LIMITS[JobKind.RESOLUTION]),
    )
    refuse_at_limit(session, JobKind.RESOLUTION, attempts)
    if elsewhere is None and limit.reached:
        return go_to(limit_path(SSN_LIMIT))
    return go_to(elsewhere or flow.place(session.data))


async def show_address(request: Request) -> Response:
    """Ask for the home address, filled in with what is known of it."""
    site, session = await enter(request, Page.ADDRESS)
    return _address_page(request, site, session, applicant_of(session.data).reveal(), {})


async def post_address(request: Request) -> Response:
    """Take the home address; a change of it opens the later steps again."""
    site, session = await enter(request, Page.ADDRESS)
    fields = await read_form(request)
    check_form(session, fields)
    form = read_address(fields)
    if form.errors:
        return _address_page(request, site, session, fields, form.errors)

    def answer(data: Data) -> Page:
        if elsewhere := flow.gate(data, Page.ADDRESS):
            return elsewhere
        known = applicant_of(data).reveal()
        if any(known.get(name) != form.values.get(name) for name in ADDRESS_FIELDS):
            flow.forget(data, Page.ADDRESS)
            data["address"] = {name: form.values.get(name) for name in ADDRESS_FIELDS}
        data.pop("problem", None)
        return Page.VERIFY

    return go_to(await session.update(answer))


async def show_verify(request: Request) -> Response:
    """Show everything that will be checked, with ways to change it."""
    site, session = await enter(request, Page.VERIFY)
    return _verify_page(request, site, session, {})


async def post_verify(request: Request) -> Response:
    """Hand in the resolution job."""
    site, session = await enter(request, Page.VERIFY, is_counted=True)
    check_form(session, await read_form(request))

    async def ask(data: Data, result_id: str) -> str:
        return await site.service.submit_applicant(
            JobKind.RESOLUTION,
            session.person,
            applicant_of(data),
            result_id=result_id,
            device_session_id=data.get("device_session_id"),
            request_ip=request.client.host if request.client else None,
            network=client_network(request),
        )

    try:
        return go_to(await submit(site, session, JobKind.RESOLUTION, ask))
    except InvalidInputError:
        return _verify_page(request, site, session, {"form": "check_information"}, status=400)
    except (StoreUnavailableError, QueueUnavailableError) as error:
        note_cause(request.scope, error)
        return _verify_page(request, site, session, {"form": "technical"}, status=503)


def applicant_of(data: Mapping[str, Any]) -> Applicant:
    """Return the applicant as document, SSN, address and phone pages made it."""
    values = dict(data.get("applicant") or {})
    if address := data.get("address"):
        for name in ADDRESS_FIELDS:
            values.pop(name, None)
        values |= address
    for name in ("ssn", "phone"):
        if data.get(name):
            values[name] = data[name]
    return Applicant.from_mapping(values)


def _choose_device(site: Site, data: Data, choice: str) -> None:
    """Let testers choose what the device mock answers: it reads that from the profiling session's id."""
    if site.service.mocks_devices and choice in DEVICE_CHOICES:
        data["device_session_id"] = f"{secrets.token_hex(8)}-{choice}"


def _ssn_page(request: Request, site: Site, session: Session, errors: dict[str, str]) -> Response:
    """Render the SSN form. What was typed is not sent back, right or wrong."""
    return site.page(
        request,
        "ssn",
        page=Page.SSN,
        session=session,
        status=400 if errors else 200,
        errors=errors,
        known=session.data.get("ssn"),
        next_page=flow.place(session.data),
        devices=DEVICE_CHOICES if site.service.mocks_devices else (),
    )


def _address_page(
    request: Request, site: Site, session: Session, values: Mapping[str, Any], errors: dict[str, str]
) -> Response:
    """Render the address form with *values*."""
    return site.page(
        request,
        "address",
        page=Page.ADDRESS,
        session=session,
        status=400 if errors else 200,
        errors=errors,
        values={name: values.get(name) or "" for name in ADDRESS_FIELDS},
        states=site.texts(request).states(),
        may_go_back=flow.has_address(session.data),
    )


def _verify_page(
    request: Request, site: Site, session: Session, errors: dict[str, str], status: int = 200
) -> Response:
    """Render the summary."""
    return site.page(
        request,
        "verify",
        page=Page.VERIFY,
        session=session,
        status=status,
        errors=errors,
        applicant=applicant_of(session.data),
        barcode_warning=bool(session.data.get("needs_confirmation")),
        is_complete=flow.is_complete(session.data, JobKind.RESOLUTION),
    )
