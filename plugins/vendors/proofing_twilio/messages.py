"""The messenger: a text message by the Messages API, a call by the Calls API.

Twilio's API reference "Messages resource" and "Calls resource", and "Error and Warning Dictionary". Both take
a form and answer with JSON, before anything is delivered.
"""

import base64
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofing.plugin import (
    Cause,
    Channel,
    ConfigurationError,
    Message,
    Outcome,
    Problem,
    ProofingContext,
    Refusal,
    Sent,
    VendorError,
    VendorResponse,
)
from proofing_twilio.answer import explained
from proofing_twilio.settings import TwilioSettings

_NAME = "twilio"
#: How long a message may wait for its carrier: a code is valid no longer.
_VALIDITY_SECONDS = 600
#: How long a phone may ring, and a call may last.
_RING_SECONDS = 30
_CALL_SECONDS = 90
#: Languages of a call, by that of the text.
_VOICES = {"en": "en-US", "es": "es-US", "fr": "fr-CA", "zh": "cmn-CN"}
#: Error codes that say that this phone gets no message, now or later.
REFUSALS: Mapping[str, Refusal] = {
    "21202": Refusal.NOT_ALLOWED,  # a premium number
    "21211": Refusal.UNREACHABLE,  # not a number
    "21214": Refusal.UNREACHABLE,  # cannot be called
    "21215": Refusal.NOT_ALLOWED,  # the account calls nobody there
    "21216": Refusal.NOT_ALLOWED,  # the account may not call it
    "21217": Refusal.UNREACHABLE,  # not a number
    "21265": Refusal.NOT_ALLOWED,  # a short code
    "21408": Refusal.NOT_ALLOWED,  # the account sends nothing there
    "21610": Refusal.OPTED_OUT,  # answered with STOP
    "21612": Refusal.UNREACHABLE,  # no way from the account's number to it
    "21614": Refusal.UNREACHABLE,  # takes no text messages
    "21635": Refusal.UNREACHABLE,  # a fixed line
}


class _Taken(BaseModel):
    """What was made; the texts of message and numbers, which Twilio repeats, are not read."""

    model_config = ConfigDict(strict=True)

    to: str


class TakenMessage(_Taken):
    """A message that Twilio took."""

    sid: str = Field(pattern=r"^(SM|MM)[0-9a-f]{32}$")
    status: Literal["accepted", "queued", "sending", "sent", "delivered"]


class TakenCall(_Taken):
    """A call that Twilio took."""

    sid: str = Field(pattern=r"^CA[0-9a-f]{32}$")
    status: Literal["queued", "ringing", "in-progress", "completed"]


class TwilioMessenger:
    """Sends from the numbers of the settings."""

    def __init__(self, settings: TwilioSettings) -> None:
        """Take the *settings*. Raises `ConfigurationError`: they name no account, or nothing to send from."""
        lacks = [
            Problem("settings", f"twilio.{name}", "the messenger needs it")
            for name, value in (
                ("account_sid", settings.account_sid),
                ("text_from or twilio.voice_from", settings.text_from or settings.voice_from),
            )
            if value is None
        ]
        if lacks:
            raise ConfigurationError(lacks)
        self._settings = settings
        key = f"{settings.api_key_sid.get_secret_value()}:{settings.api_key_secret.get_secret_value()}"
        self._headers = {
            "authorization": f"Basic {base64.b64encode(key.encode()).decode()}",
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
        }

    async def send(self, message: Message, context: ProofingContext) -> Sent:
        """Send one message."""
        is_text = message.channel is Channel.TEXT
        resource = "Messages" if is_text else "Calls"
        fields = self._text(message) if is_text else self._call(message)
        response = await context.http.post(
            f"{self._settings.messages_base_url}/2010-04-01/Accounts/{self._settings.account_sid}/{resource}.json",
            content=urlencode({"To": message.number, **fields}).encode(),
            headers=self._headers,
        )
        try:
            response.require_success()
        except VendorError as error:
            return _refused(explained(error, response))
        taken = _read(TakenMessage if is_text else TakenCall, response)
        if taken.to != message.number:
            raise VendorError(Cause.NONSENSE, "the answer is about another number", vendor_name=_NAME)
        return Sent(vendor_name=_NAME, outcome=Outcome.PASSED, transaction_id=taken.sid)

    def _text(self, message: Message) -> dict[str, str]:
        """Return the fields of a text message."""
        sender = self._settings.text_from or ""
        fields = {
            "MessagingServiceSid" if sender.startswith("MG") else "From": sender,
            "Body": message.text,
            "ValidityPeriod": str(_VALIDITY_SECONDS),
        }
        if self._settings.redacts_messages:
            fields |= {"ContentRetention": "discard", "AddressRetention": "obfuscate"}
        return fields

    def _call(self, message: Message) -> dict[str, str]:
        """Return the fields of a call that reads the text aloud."""
        language = quoteattr(_VOICES.get(message.locale, _VOICES["en"]))
        return {
            "From": self._settings.voice_from or "",
            "Twiml": f"<Response><Say language={language}>{escape(message.text)}</Say></Response>",
            "Timeout": str(_RING_SECONDS),
            "TimeLimit": str(_CALL_SECONDS),
        }


def _refused(error: VendorError) -> Sent:
    """Return the refusal that *error* is. Raises *error* where it is an error."""
    found = [(code, REFUSALS[code]) for code in error.codes if code in REFUSALS]
    if not found:
        raise error
    (code, refusal) = found[0]
    return Sent(
        vendor_name=_NAME,
        outcome=Outcome.FAILED,
        refusal=refusal,
        reasons=(refusal.value,),
        vendor_codes=(code,),
        billed=False,
    )


def _read(model: type[TakenMessage] | type[TakenCall], response: VendorResponse) -> TakenMessage | TakenCall:
    """Return what *response* says. Raises `VendorError`, without its texts."""
    try:
        return model.model_validate(response.json())
    except ValidationError:
        # Pydantic's own message quotes the body, so it ends here.
        message = "the answer is no message that was taken"
    raise VendorError(Cause.NONSENSE, message, vendor_name=_NAME)
