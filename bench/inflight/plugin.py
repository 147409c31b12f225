"""The plugin whose vendor `bench.inflight.vendor` plays: one POST, one answer."""

from pydantic import Field

from proofing.contracts.hooks import hookimpl
from proofing.contracts.plugin_settings import PluginSettings
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import Outcome, PhoneResult, ProoferKind


class SlowSettings(PluginSettings):
    """The section ``slow``."""

    port: int = Field(description="where the vendor listens on loopback")


class SlowPhone:
    """Asks the vendor about a phone."""

    def __init__(self, settings: SlowSettings) -> None:
        self._url = f"http://127.0.0.1:{settings.port}/phones"

    async def proof(self, request, context) -> PhoneResult:
        """Ask once."""
        answer = await context.http.post(self._url, json_body={"phone": request.applicant.phone})
        is_match = answer.require_success().json()["match"] is True
        return PhoneResult(vendor_name="slow", outcome=Outcome.PASSED if is_match else Outcome.FAILED)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``slow``."""
    return SlowSettings


@hookimpl
def proofing_proofers() -> list[ProoferDescriptor]:
    """Return the one proofer."""
    return [
        ProoferDescriptor(
            name="slow",
            kind=ProoferKind.PHONE,
            make=lambda settings, _process: SlowPhone(settings),
            attributes=frozenset({"phone"}),
            hosts=lambda settings: frozenset({f"127.0.0.1:{settings.port}"}),
            maturity=Maturity.MOCK,
        )
    ]
