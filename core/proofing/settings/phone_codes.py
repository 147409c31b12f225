"""The settings of confirmation codes; a part of `proofing.settings.schema.Settings`."""

from collections.abc import Iterator
from typing import Annotated, LiteralString

from pydantic import BaseModel, Field

from proofing.contracts.messages import Channel
from proofing.contracts.phone_numbers import COUNTRIES, may_get_code
from proofing.contracts.results import LineType
from proofing.settings.values import LIVE_LOGGED, Count, Names, Switch


class PhoneCodeSettings(BaseModel):
    """How people confirm their phone number."""

    client_code_max_attempts: Count = Field(
        30, description="Confirmation codes that are sent for one address in one hour."
    )
    messenger_vendor: str | None = Field(
        None,
        description="Who sends confirmation codes to phones; null: nobody.",
        json_schema_extra=LIVE_LOGGED,
    )
    phone_code_channels: Annotated[
        tuple[Annotated[Channel, Field(strict=False)], ...], Field(strict=False, min_length=1)
    ] = Field(
        (Channel.TEXT, Channel.VOICE),
        description="How a confirmation code may be sent: text, voice. People choose among those that the "
        "messenger offers.",
        json_schema_extra=LIVE_LOGGED,
    )
    phone_code_channels_out: Annotated[
        tuple[Annotated[Channel, Field(strict=False)], ...], Field(strict=False)
    ] = Field(
        (),
        description="Of these the ones that are out now, such as voice when calls fail: people see that they "
        "cannot choose them.",
        json_schema_extra=LIVE_LOGGED,
    )
    phone_code_countries: Annotated[Names, Field(min_length=1)] = Field(
        ("US", "AS", "GU", "MP", "PR", "VI"),
        description="Two-letter codes of the countries that confirmation codes are sent to.",
        json_schema_extra=LIVE_LOGGED,
    )
    phone_code_digits: Annotated[int, Field(ge=6, le=10)] = Field(
        6, description="Digits of a confirmation code."
    )
    phone_code_entry_max_attempts: Count = Field(10, description="Confirmation codes a person may enter.")
    phone_code_entry_window_minutes: Count = Field(10, description="Minutes until the count resets.")
    phone_code_max_attempts: Count = Field(5, description="Confirmation codes a person may be sent.")
    phone_code_pause_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        30, description="How long after a confirmation code the next one may be requested."
    )
    phone_code_refused_line_types: Annotated[
        tuple[Annotated[LineType, Field(strict=False)], ...], Field(strict=False)
    ] = Field(
        (LineType.PREMIUM, LineType.TOLL_FREE, LineType.VOIP),
        description="Kinds of lines that no confirmation code is sent to, as far as the number or the phone "
        "vendor shows them: mobile, landline, voip, toll_free, premium, other.",
        json_schema_extra=LIVE_LOGGED,
    )
    phone_code_valid_minutes: Annotated[int, Field(ge=1, le=10)] = Field(
        10, description="How long a confirmation code is valid."
    )
    phone_code_window_minutes: Count = Field(60, description="Minutes until the count resets.")
    phone_confirmation_enabled: Switch | None = Field(
        None,
        description="Have people confirm their phone number with a code that is sent there. null: where "
        "messenger_vendor names one.",
        json_schema_extra=LIVE_LOGGED,
    )

    @property
    def confirms_phone(self) -> bool:
        """Whether people confirm their phone number with a code."""
        chosen = self.phone_confirmation_enabled
        return self.messenger_vendor is not None if chosen is None else chosen

    def may_get_code(self, phone: str, line_type: LineType | None = None) -> bool:
        """Return whether codes are sent to *phone*; see `proofing.contracts.phone_numbers.may_get_code`."""
        return may_get_code(
            phone,
            countries=self.phone_code_countries,
            refused=self.phone_code_refused_line_types,
            line_type=line_type,
        )

    def phone_code_rules(self) -> Iterator[tuple[str, LiteralString, bool]]:
        """Yield key, rule, and whether it holds, of every rule of codes that one field cannot judge."""
        yield (
            "phone_confirmation_enabled",
            "needs a messenger: name one in messenger_vendor",
            self.phone_confirmation_enabled is not True or self.messenger_vendor is not None,
        )
        yield (
            "phone_code_countries",
            "must be two-letter codes of countries of the North American Numbering Plan, such as US or PR",
            COUNTRIES.issuperset(self.phone_code_countries),
        )
