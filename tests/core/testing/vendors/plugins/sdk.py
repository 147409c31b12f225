"""An honest vendor: a plain method on a `requests` session, as vendor SDKs are built."""

from pydantic import SecretStr

from proofing.plugin import (
    Cause,
    DeviceResult,
    Outcome,
    PluginSettings,
    ProoferDescriptor,
    ProoferKind,
    ReviewStatus,
    VendorError,
    VendorResponse,
    hookimpl,
)

NAME = "radar"
HOST = "radar.example"
STATUSES = {
    "pass": (Outcome.PASSED, ReviewStatus.PASS),
    "review": (Outcome.REVIEW, ReviewStatus.REVIEW),
    "reject": (Outcome.FAILED, ReviewStatus.REJECT),
}


class Settings(PluginSettings):
    """The section."""

    api_key: SecretStr


class Vendor:
    """Asks once, in a thread."""

    def __init__(self, settings):
        self.settings = settings

    def proof(self, request, context):
        """Ask."""
        how = request.circumstances
        answer = context.sync.http.post(
            f"https://{HOST}/score",
            json={"session": how.device_session_id, "ip": how.ip_address},
            headers={"x-api-key": self.settings.api_key.get_secret_value()},
        )
        return self.result(
            self.read(VendorResponse(answer.status_code, dict(answer.headers), answer.content, NAME))
        )

    def read(self, response):
        """Return the answer, checked."""
        answer = response.require_success().json()
        if not isinstance(answer, dict) or answer.get("request_result") != "success":
            raise VendorError(Cause.NONSENSE, "no success", vendor_name=NAME)
        score = answer.get("policy_score")
        if not isinstance(score, int) or not isinstance(answer.get("request_id"), str):
            raise VendorError(Cause.NONSENSE, "no score", vendor_name=NAME)
        return answer

    def result(self, answer):
        """Return the answer in our words."""
        status = answer.get("review_status")
        if not isinstance(status, str) or status not in STATUSES:
            raise VendorError(Cause.NONSENSE, "an unknown status", vendor_name=NAME)
        outcome, review_status = STATUSES[status]
        return DeviceResult(
            vendor_name=NAME,
            outcome=outcome,
            review_status=review_status,
            reasons=() if outcome is Outcome.PASSED else (f"device_{status}",),
            transaction_id=answer["request_id"],
        )


@hookimpl
def proofing_settings():
    """Return the schema."""
    return Settings


@hookimpl
def proofing_proofers():
    """Return the one product."""
    return [
        ProoferDescriptor(
            name=NAME,
            kind=ProoferKind.DEVICE,
            make=lambda settings, _process: Vendor(settings),
            needs=frozenset({"device_session_id", "ip_address"}),
            hosts=lambda _settings: frozenset({HOST}),
            timeout_seconds=lambda _settings: 10.0,
        )
    ]
