"""DocV: the person takes photos in Socure's capture app, and the result is fetched once they are uploaded.

A document request is free and opens the app. The fetch is a question to ID+ and charged, so it is made only
when there is something to fetch: when the event that the documents are uploaded came, else two minutes after
the person came back or the session was complete, else, of those, when the question expires. The link is not
offered again to a person who is back.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field

from proofing.plugin import (
    LICENSE_TYPES,
    PASSPORT_TYPES,
    Again,
    Because,
    Cause,
    DocumentResult,
    EventKind,
    Expired,
    Leave,
    Pending,
    PluginError,
    ProofingContext,
    ProofingRequest,
    Received,
    Returned,
    VendorContext,
    VendorError,
    Wanted,
)
from proofing.plugin.support import LOOPBACK
from proofing_socure.code_list import CodeList
from proofing_socure.docv_answer import DocVAnswer, DocVReader, Expectation
from proofing_socure.docv_types import RequestType, accepted_types, request_type
from proofing_socure.id_plus import Answer, IDPlus, Part

if TYPE_CHECKING:
    from proofing_socure.settings import SocureSettings

_NAME = "socure:docv"
#: How long the event is waited for when the person is done.
_EVENT_WAIT = timedelta(minutes=2)
_MAX_URL_CHARACTERS = 1000
#: What is accepted where a question does not say.
_ALL_TYPES = LICENSE_TYPES | PASSPORT_TYPES


class CaptureSession(Part):
    """The section ``data`` of a document request's answer; its QR code is drawn by us."""

    docv_transaction_token: str = Field(pattern=r"^[A-Za-z0-9._~-]{1,256}$")
    url: str = Field(pattern=r"^\S+$", max_length=_MAX_URL_CHARACTERS)


class OpenedAnswer(Answer):
    """The answer to a document request."""

    data: CaptureSession


class DocV:
    """Sends people to the capture app, and fetches what Socure found."""

    def __init__(self, settings: "SocureSettings") -> None:
        """Take addresses, key and flows from *settings*.

        Raises:
            PluginError: one that is needed is not set.
        """
        if settings.docv_request_url is None or settings.docv_use_case_key is None:
            raise PluginError("socure.docv_request_url and socure.docv_use_case_key must be set")
        self._url = settings.docv_request_url
        self._use_case_key = settings.docv_use_case_key
        self._selfie_use_case_key = settings.docv_selfie_use_case_key
        self._selfie = settings.docv_selfie
        self._life = timedelta(seconds=settings.docv_expires_seconds)
        self._domains = tuple(settings.docv_capture_domains)
        self._id_plus = IDPlus(settings, _NAME)
        self._codes = CodeList(settings, _NAME, prefix="docv_")
        self._reader = DocVReader(settings, _NAME)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> Pending:
        """Open the capture app. A worker that dies here opens another one, of which nobody knows."""
        kind = request_type(request.wanted.document_types or _ALL_TYPES)
        flow, _selfie = self._flow(kind, request.wanted)
        question = {
            "config": {
                "documentType": kind.value,
                "redirect": {"method": "GET", "url": context.return_url},
                "language": _language(request.circumstances.locale),
                "useCaseKey": flow,
            },
            "customerUserId": request.applicant.uuid,
        }
        with context.unbilled():
            response = await context.http.post(self._url, json_body=question, headers=self._id_plus.headers)
        opened = self._id_plus.read(response, OpenedAnswer)
        url = opened.data.url
        if not self._is_capture_app(url):
            raise self._id_plus.nonsense(
                "the capture app is not Socure's", transaction_id=opened.reference_id
            )
        return Pending(
            state={"token": opened.data.docv_transaction_token, "type": kind.value},
            then=Leave(url, qr_text=url),
            expires_at=context.now() + self._life,
            reference=opened.data.docv_transaction_token,
        )

    async def resume(
        self, request: ProofingRequest, pending: Pending, because: Because, context: ProofingContext
    ) -> DocumentResult | Pending:
        """Fetch the result when there may be one, else wait."""
        is_done = "fetch_at" in pending.state
        if isinstance(because, Returned):
            return _done(pending, context.now())
        if isinstance(because, Received):
            event = because.event
            if event.data.get("finished"):
                return _done(pending, context.now())
            if event.kind is EventKind.EXPIRED and not is_done:
                raise _abandoned()
            if event.kind not in {EventKind.READY, EventKind.EXPIRED}:
                return _done(pending, context.now()) if is_done else pending
        if isinstance(because, Expired) and not is_done:
            raise _abandoned()
        return await self._fetch(request, pending.state, context)

    async def check(self, context: VendorContext) -> str | None:
        """Return which codes of the settings Socure does not list."""
        return await self._codes.check(context)

    async def _fetch(
        self, request: ProofingRequest, kept: Mapping[str, Any], context: ProofingContext
    ) -> DocumentResult:
        """Ask for the result, which is charged."""
        kind = RequestType(kept["type"])
        question = {
            "modules": ["documentverification"],
            "docvTransactionToken": kept["token"],
            "customerUserId": request.applicant.uuid,
            "email": request.applicant.email,
        }
        answer = await self._id_plus.ask(context, question, DocVAnswer)
        wanted = request.wanted.document_types or _ALL_TYPES
        flow, selfie = self._flow(kind, request.wanted)
        result = self._reader.result(
            answer,
            Expectation(
                wanted=wanted,
                requested=accepted_types(kind, wanted),
                selfie=selfie,
                flow=flow,
            ),
        )
        if result is None:
            raise self._id_plus.nonsense(
                "the answer is a yes without type, data, or the selfie that was asked for",
                transaction_id=answer.reference_id,
            )
        return replace(result, reference=answer.echo(request.applicant))

    def _flow(self, kind: RequestType, wanted: Wanted) -> tuple[str, bool]:
        """Return the flow of the account, and whether it compares a selfie.

        That of a license on a phone never does.

        Raises:
            VendorError: a selfie is wanted, and the account has no flow for it.
        """
        if kind is RequestType.DIGITAL_ID or not (self._selfie or wanted.selfie):
            return self._use_case_key, False
        if self._selfie_use_case_key is None:
            message = "a selfie is wanted, and socure.docv_selfie_use_case_key is not set"
            raise VendorError(Cause.BAD_REQUEST, message, vendor_name=_NAME)
        return self._selfie_use_case_key, True

    def _is_capture_app(self, url: str) -> bool:
        """Return whether a person may be sent to *url*."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
        is_ours = any(host == domain or host.endswith(f".{domain}") for domain in self._domains)
        return is_safe and is_ours and parts.username is None


def _language(locale: str | None) -> str:
    """Return Socure's name of a language."""
    language = (locale or "en").lower()
    return "zh-cn" if language.partition("-")[0] == "zh" else language


def _done(pending: Pending, now: datetime) -> Pending:
    """Return *pending* of a person who is done: the event has two minutes from the first sign of that."""
    known = pending.state.get("fetch_at")
    fetch_at = now + _EVENT_WAIT if known is None else datetime.fromisoformat(known)
    return replace(
        pending,
        state={**pending.state, "fetch_at": fetch_at.isoformat()},
        then=Again(max(0.0, (fetch_at - now).total_seconds())),
    )


def _abandoned() -> VendorError:
    """Return the error of a question whose person did not finish."""
    return VendorError(Cause.ABANDONED, "the person did not finish in the capture app", vendor_name=_NAME)
