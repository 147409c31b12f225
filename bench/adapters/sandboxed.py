"""The products of the other vendors, with the answers that the sandbox gives to the very question."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from bench.adapters.case import PERSON, AnsweringClient, Case
from proofing.contracts.applicant import ACCEPTED_TYPES
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.circumstances import Circumstances, Wanted
from proofing.contracts.http import VendorResponse
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing_sandbox.app import make_app, settings_for
from proofing_sandbox.specimen import specimen

if TYPE_CHECKING:
    from starlette.applications import Starlette

_URL, _PRODUCT_URL = "http://127.0.0.1:8950", "http://127.0.0.1:9"
_IMAGE_BYTES = 2 * 1024 * 1024
_SETTINGS = settings_for(_URL)
_LICENSE = {
    "state_id_number": "S900123",
    "state_id_jurisdiction": "MI",
    "document_type_received": "drivers_license",
}
_PASSPORT = {"mrz": "\n".join(specimen().mrz), "document_type_received": "passport"}


class SandboxClient(AnsweringClient):
    """Lets the sandbox answer each call of a question, and then gives the same answers again."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self._answers: list[VendorResponse] = []
        self._next = 0
        self._app: Starlette | None = make_app(_URL, _PRODUCT_URL)

    async def begin(self) -> None:
        """Begin a question; of a hosted vendor's sessions the sandbox knows none from before."""
        self._next = 0
        if self._app is not None:
            self._answers.clear()
            if self._case.choice is not None:
                await self._app.state.play.close()
                self._app = make_app(_URL, _PRODUCT_URL)

    async def end_recording(self) -> None:
        """Give the last question's answers from now on; no webhook is sent anymore."""
        if self._app is not None:
            await self._app.state.play.close()
            self._app = None

    async def visit(self, url: str) -> None:
        """Do what the case's person does on a hosted page, the first time."""
        if self._app is not None:
            await self._ask("POST", url, data={"choice": self._case.choice})

    async def request(
        self, method: str, url: str, *, content=None, json_body=None, headers=None, **_options
    ) -> VendorResponse:
        """Return the sandbox's answer."""
        body = StreamedBody.json(json_body) if json_body is not None else content
        pieces = [piece async for piece in body] if isinstance(body, StreamedBody) else [body or b""]
        if self._app is not None:
            sent = {"content-type": body.content_type} if isinstance(body, StreamedBody) else {}
            sent |= {name.lower(): value for name, value in (headers or {}).items()}
            answer = await self._ask(method, url, content=b"".join(pieces), headers=sent)
            named = {name.lower(): value for name, value in answer.headers.items()}
            self._answers.append(
                VendorResponse(answer.status_code, named, answer.content, self._case.proofer)
            )
        self._next += 1
        return self._answers[self._next - 1]

    async def _ask(self, method: str, url: str, **options) -> httpx.Response:
        """Ask the sandbox."""
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(method, url, **options)


def _case(proofer: str, limit_milliseconds: float, **options) -> Case:
    plugin = proofer.partition(":")[0]
    request = ProofingRequest(
        applicant=PERSON.merge(options.pop("about", _LICENSE)),
        circumstances=Circumstances(
            locale="en",
            ip_address="192.0.2.1",
            device_session_id="0123456789",
            consented_at=datetime(2026, 1, 1, tzinfo=UTC),
        ),
        images={side: Image(os.urandom(_IMAGE_BYTES), "image/jpeg") for side in options.pop("sides", ())},
        wanted=Wanted(document_types=ACCEPTED_TYPES, selfie=options.pop("selfie", False)),
    )
    return Case(
        plugin=f"proofing_{plugin}",
        proofer=proofer,
        section=_SETTINGS[plugin],
        request=request,
        limit_milliseconds=limit_milliseconds,
        **options,
    )


CASES = [
    _case("aamva:state_id", 3),
    _case("aamva:state_id", 3, note="and two calls for a token", is_forgetful=True),
    _case("aws_identity", 30, sides=(Side.FRONT,)),
    _case("aws_identity:selfie", 60, sides=(Side.FRONT, Side.SELFIE), selfie=True, note="two services"),
    _case("dos:passport", 1, about=_PASSPORT),
    _case("socure:kyc", 1),
    _case("socure:phone_risk", 1),
    _case("socure:docv", 1, choice="accept", note="two calls"),
    _case("stripe", 1, choice="verified", note="two calls"),
    _case("twilio", 1),
]
