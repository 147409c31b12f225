"""One product of a vendor, as the bench asks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proofing.contracts.proofers import ProofingRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question.

    Attributes:
        plugin: import name.
        proofer: name of the proofer, whose methods are ``async def``.
        section: of the plugin's settings.
        request: the question.
        answers: bodies by the last part of the URL's path, or by ``*``; each comes with HTTP 200.
        limit_milliseconds: of CPU time.
    """

    plugin: str
    proofer: str
    section: Mapping[str, Any]
    request: ProofingRequest
    answers: Mapping[str, bytes]
    limit_milliseconds: float
