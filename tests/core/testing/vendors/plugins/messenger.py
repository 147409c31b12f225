"""An honest vendor of text messages: JSON, answered before anything is delivered."""

from pydantic import SecretStr

from proofing.plugin import (
    Cause,
    Channel,
    MessengerDescriptor,
    Outcome,
    PluginSettings,
    Refusal,
    Sent,
    VendorError,
    hookimpl,
)

NAME = "pigeon"
HOST = "api.pigeon.example"
REFUSALS = {"stopped": Refusal.OPTED_OUT, "no_such_number": Refusal.UNREACHABLE}


class Settings(PluginSettings):
    """The section."""

    api_key: SecretStr


class Vendor:
    """Sends by one request."""

    def __init__(self, settings):
        self.settings = settings

    async def send(self, message, context):
        """Send one message."""
        response = await context.http.post(
            f"https://{HOST}/messages",
            json_body={"to": message.number, "channel": message.channel.value, "text": message.text},
            headers={"x-api-key": self.settings.api_key.get_secret_value()},
        )
        answer = self.read(response)
        if answer["status"] in REFUSALS:
            refusal = REFUSALS[answer["status"]]
            return Sent(
                vendor_name=NAME,
                outcome=Outcome.FAILED,
                refusal=refusal,
                reasons=(refusal.value,),
                vendor_codes=(answer["status"],),
            )
        if answer["status"] != "accepted":
            raise VendorError(Cause.NONSENSE, "an unknown status", vendor_name=NAME)
        return Sent(vendor_name=NAME, outcome=Outcome.PASSED, transaction_id=answer["id"])

    def read(self, response):
        """Return the answer, checked."""
        answer = response.require_success().json()
        if not isinstance(answer, dict) or not isinstance(answer.get("status"), str):
            raise VendorError(Cause.NONSENSE, "no status", vendor_name=NAME)
        if not isinstance(answer.get("id"), str) or not answer["id"].isalnum():
            raise VendorError(Cause.NONSENSE, "no id", vendor_name=NAME)
        return answer


@hookimpl
def proofing_settings():
    """Return the schema."""
    return Settings


@hookimpl
def proofing_messengers():
    """Return the one messenger."""
    return [
        MessengerDescriptor(
            name=NAME,
            make=lambda settings, _process: Vendor(settings),
            channels=lambda _settings: frozenset({Channel.TEXT, Channel.VOICE}),
            hosts=lambda _settings: frozenset({HOST}),
            timeout_seconds=lambda _settings: 10.0,
        )
    ]
