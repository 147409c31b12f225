"""The settings of the plugin."""

import re
from enum import StrEnum
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from proofing.plugin import PluginSettings, QuestionSeconds

_KEY_SID = re.compile(r"SK[0-9a-f]{32}")
_ORIGIN = r"^(https://[a-z0-9.-]+(:\d{1,5})?|http://(127\.0\.0\.1|localhost)(:\d{1,5})?)$"

LineType = Literal[
    "fixedVoip",
    "landline",
    "mobile",
    "nonFixedVoip",
    "pager",
    "personal",
    "premium",
    "sharedCost",
    "tollFree",
    "uan",
    "voicemail",
]
MatchLevel = Literal["exact_match", "high_partial_match", "partial_match"]


class Signal(StrEnum):
    """What a sign of fraud comes to."""

    #: It is not asked for.
    SKIP = "skip"
    #: A reason code.
    NOTE = "note"
    #: A person has to look.
    REVIEW = "review"
    #: The answer is no.
    FAIL = "fail"


class TwilioSettings(PluginSettings):
    """The section ``twilio`` of settings.yaml."""

    account_sid: str | None = Field(
        default=None, pattern=r"^AC[0-9a-f]{32}$", description="the account that sends codes"
    )
    api_key_secret: SecretStr = Field(min_length=16, description="secret of the API key")
    api_key_sid: SecretStr = Field(description="id of an API key of the Twilio account")
    base_url: str = Field(
        default="https://lookups.twilio.com", pattern=_ORIGIN, description="scheme and host of Lookup"
    )
    line_types: list[LineType] = Field(
        default=["mobile"], min_length=1, description="accepted types of lines, in Twilio's words"
    )
    match_levels: list[MatchLevel] = Field(
        default=["exact_match", "high_partial_match"], min_length=1, description="what counts as a match"
    )
    messages_base_url: str = Field(
        default="https://api.twilio.com", pattern=_ORIGIN, description="scheme and host of messages and calls"
    )
    messages_timeout_seconds: float = Field(default=10.0, gt=0, le=50, description="what one code may take")
    min_summary_score: int = Field(
        default=40, ge=0, le=100, description="of Twilio's score, where both names are known"
    )
    reassigned_number: Signal = Field(
        default=Signal.SKIP, strict=False, description="what a number that another person had comes to"
    )
    reassigned_within_days: int = Field(
        default=90, ge=1, le=3650, description="days back in which a number must not have been reassigned"
    )
    redacts_messages: bool = Field(
        default=False, description="have Twilio keep neither text nor number; its account must allow that"
    )
    required_matches: list[Literal["first_name", "last_name", "address"]] = Field(
        default=["first_name", "last_name"],
        min_length=1,
        description="what must match, as far as it is known",
    )
    sim_swap: Signal = Field(
        default=Signal.SKIP, strict=False, description="what a SIM that was swapped lately comes to"
    )
    text_from: str | None = Field(
        default=None,
        pattern=r"^(\+1\d{10}|\d{5,6}|MG[0-9a-f]{32})$",
        description="number, short code or messaging service that sends text messages",
    )
    timeout_seconds: QuestionSeconds = Field(default=5.0, description="what the one call may take")
    voice_from: str | None = Field(
        default=None, pattern=r"^\+1\d{10}$", description="number that calls with a code"
    )

    @field_validator("api_key_sid")
    @classmethod
    def _is_key(cls, sid: SecretStr) -> SecretStr:
        """Refuse the id of an account, whose token opens everything."""
        if not _KEY_SID.fullmatch(sid.get_secret_value()):
            raise ValueError("must be the id of an API key: SK and 32 hexadecimal digits")
        return sid
