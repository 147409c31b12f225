"""One product of a vendor, as the bench asks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proofing.contracts.applicant import Applicant
from proofing.contracts.proofers import ProofingRequest
from proofing.outbound.client import OutboundClient

#: Whom all vendors are asked about.
PERSON = Applicant(
    first_name="Ada",
    last_name="Quill",
    dob="1985-03-07",
    ssn="900123456",
    address1="9 Elm St",
    city="Troy",
    state="NY",
    zipcode="12180-1234",
    phone="7035550100",
    email="ada@quill.example",
    uuid="0b6e",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question.

    Attributes:
        plugin: import name.
        proofer: name of the proofer, whose methods are ``async def``.
        section: of the plugin's settings.
        request: the question.
        limit_milliseconds: of CPU time.
        answers: bodies by the last part of the URL's path, or by ``*``; each comes with HTTP 200. None: those
            of the sandbox.
        choice: what the person does on a hosted vendor's page.
        is_forgetful: whether each question finds nothing that those before have kept.
        note: what else is to be known of the question.
    """

    plugin: str
    proofer: str
    section: Mapping[str, Any]
    request: ProofingRequest
    limit_milliseconds: float
    answers: Mapping[str, bytes] | None = None
    choice: str | None = None
    is_forgetful: bool = False
    note: str = ""

    @property
    def title(self) -> str:
        """Its name in the table."""
        return f"{self.proofer} ({self.note})" if self.note else self.proofer


class AnsweringClient(OutboundClient):
    """A client that answers at once, without a network."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def seconds_left(self, most: float | None = None) -> float:
        """Return enough."""
        return most or 60.0

    async def begin(self) -> None:
        """Begin a question."""

    async def end_recording(self) -> None:
        """Make no more answers."""
