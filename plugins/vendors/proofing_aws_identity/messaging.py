"""The messenger: AWS End User Messaging, SendTextMessage and SendVoiceMessage.

botocore's model ``pinpoint-sms-voice-v2/2022-03-31`` is the reference, its reasons of errors included. Both
calls answer before anything is delivered.
"""

import threading
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from proofing.plugin import (
    Channel,
    ConfigurationError,
    Message,
    Outcome,
    Problem,
    ProofingContext,
    Refusal,
    Sent,
    VendorContext,
)
from proofing.plugin.support import carry_botocore
from proofing_aws_identity.calls import RefusedError, call, make_client, make_session
from proofing_aws_identity.settings import AWSIdentitySettings

_SERVICE = "pinpoint-sms-voice-v2"
#: How long a message may wait for its carrier: a code is valid no longer.
_LIFE_SECONDS = 600
#: Voices of Amazon Polly by the language of the text.
_VOICES = {"en": "JOANNA", "es": "LUPE", "fr": "CHANTAL", "zh": "ZHIYU"}
#: Error and reason by which the service says that this phone gets no message.
REFUSALS: Mapping[str, Refusal] = {
    "ConflictException.DESTINATION_PHONE_NUMBER_OPTED_OUT": Refusal.OPTED_OUT,
    "ConflictException.DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": Refusal.NOT_ALLOWED,
    "ConflictException.DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": Refusal.NOT_ALLOWED,
    "ValidationException.COUNTRY_NOT_ENABLED": Refusal.NOT_ALLOWED,
    "ValidationException.DESTINATION_COUNTRY_BLOCKED": Refusal.NOT_ALLOWED,
    "ValidationException.INTERNATIONAL_SENDING_NOT_SUPPORTED": Refusal.NOT_ALLOWED,
    "ValidationException.INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": Refusal.NOT_ALLOWED,
}


class TakenAnswer(BaseModel):
    """What was taken."""

    model_config = ConfigDict(strict=True)

    message_id: str = Field(alias="MessageId", pattern=r"^[A-Za-z0-9-]{8,64}$")


class AWSMessenger:
    """Sends from the identities of the settings. Its methods are plain: botocore blocks."""

    def __init__(self, settings: AWSIdentitySettings, name: str) -> None:
        """Take the *settings*. Raises `ConfigurationError`: they name nothing to send from."""
        if settings.text_from is None and settings.voice_from is None:
            key = "aws_identity.text_from or aws_identity.voice_from"
            raise ConfigurationError([Problem("settings", key, "the messenger needs it")])
        self._settings = settings
        self._name = name
        self._client: Any = None
        # botocore's sessions are not safe for threads while they make clients.
        self._making = threading.Lock()

    def open(self, _context: VendorContext) -> None:
        """Find the credentials and make the client. Raises `VendorError`: there are no credentials."""
        with self._making:
            session = make_session(self._settings, self._name)
            self._client = make_client(session, _SERVICE, self._settings.messaging_url, self._settings.region)

    def send(self, message: Message, context: ProofingContext) -> Sent:
        """Send one message."""
        is_text = message.channel is Channel.TEXT
        parameters: dict[str, Any] = {
            "DestinationPhoneNumber": message.number,
            "OriginationIdentity": self._settings.text_from if is_text else self._settings.voice_from,
            "MessageBody": message.text,
            "TimeToLive": _LIFE_SECONDS,
        }
        if is_text:
            parameters["MessageType"] = "TRANSACTIONAL"
        else:
            parameters |= {
                "MessageBodyTextType": "TEXT",
                "VoiceId": _VOICES.get(message.locale, _VOICES["en"]),
            }
        if self._settings.messaging_configuration_set is not None:
            parameters["ConfigurationSetName"] = self._settings.messaging_configuration_set
        with carry_botocore(self._client, context):
            method = self._client.send_text_message if is_text else self._client.send_voice_message
            try:
                answer, _request_id = call(
                    method,
                    parameters,
                    TakenAnswer,
                    vendor_name=self._name,
                    refusals=frozenset(REFUSALS),
                )
            except RefusedError as refused:
                refusal = REFUSALS[refused.code]
                return Sent(
                    vendor_name=self._name,
                    outcome=Outcome.FAILED,
                    refusal=refusal,
                    reasons=(refusal.value,),
                    vendor_codes=(refused.code,),
                    transaction_id=refused.request_id,
                    billed=False,
                )
        return Sent(vendor_name=self._name, outcome=Outcome.PASSED, transaction_id=answer.message_id)
