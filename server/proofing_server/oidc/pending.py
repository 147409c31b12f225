"""An authorization that waits for its verification; sealed with it in the verification store."""

import json
from dataclasses import dataclass
from typing import Self

from proofing_server.oidc.authorization_requests import AuthorizationRequest


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PendingAuthorization:
    """What brings the answer back.

    Attributes:
        request: of the client.
        browser: digest of what the browser holds that began.
        subject: as the client knows the person.
    """

    request: AuthorizationRequest
    browser: str
    subject: str

    def to_bytes(self) -> bytes:
        """Return it as JSON, for sealing."""
        values = {
            "request": self.request.to_json().decode(),
            "browser": self.browser,
            "subject": self.subject,
        }
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises `ValueError` for anything else."""
        try:
            values = json.loads(data)
            request = AuthorizationRequest.from_json(values["request"].encode())
            return cls(request=request, browser=str(values["browser"]), subject=str(values["subject"]))
        except (LookupError, TypeError, AttributeError):
            raise ValueError("not a pending authorization") from None
