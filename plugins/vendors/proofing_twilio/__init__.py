"""Twilio: Lookup v2 about phones, and confirmation codes by text message and call.

One proofer of phones, ``twilio``: whether a phone belongs to the applicant, of what type its line is, and
signs of fraud. One messenger, ``twilio``: Messages and Calls of the 2010 API. Settings, section ``twilio``::

    twilio:
      line_types: [mobile]        # accepted types of lines, in Twilio's words
      required_matches: [first_name, last_name]   # of these, and of address, those that must match
      match_levels: [exact_match, high_partial_match]     # what counts as a match
      min_summary_score: 40       # of Twilio's score, where both names are known
      sim_swap: skip              # skip, note, review or fail: what a SIM that was swapped lately comes to
      reassigned_number: skip     # the same for a number that another person had
      reassigned_within_days: 90  # how far back that counts
      timeout_seconds: 5          # the one call
      base_url: https://lookups.twilio.com    # another one for a region, or what plays Twilio here
      account_sid: AC…            # of the messenger, and one or both of what it sends from:
      text_from: MG…              # messaging service, number (+1…) or short code
      voice_from: '+12025550100'  # number
      redacts_messages: false     # have Twilio keep neither text nor number; its account must allow that
      messages_timeout_seconds: 10
      messages_base_url: https://api.twilio.com

Credentials, in the secret store: ``twilio.api_key_sid`` (``SK…``) and ``twilio.api_key_secret`` of an API
key; least permission: a restricted key for Lookup, and for creating messages and calls where it sends codes.
The account's auth token is not used.

Twilio takes the number in the path, and names and address in the query of a GET. These URLs are never logged,
traced or part of an error here, and TLS hides them on the way; see that no proxy of yours opens it.

Limits: numbers of the North American numbering plan. Reference: docs/vendors/twilio.md
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proofing.plugin import (
    Channel,
    MessengerDescriptor,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)
from proofing_twilio.settings import TwilioSettings

if TYPE_CHECKING:
    from proofing_twilio.lookup import LookupProofer
    from proofing_twilio.messages import TwilioMessenger

__all__ = ["TwilioSettings", "proofing_messengers", "proofing_proofers", "proofing_settings"]


def _make(settings: TwilioSettings, _process: ProcessContext) -> "LookupProofer":
    from proofing_twilio.lookup import LookupProofer  # noqa: PLC0415 - loaded when first used

    return LookupProofer(settings)


def _make_messenger(settings: TwilioSettings, _process: ProcessContext) -> "TwilioMessenger":
    from proofing_twilio.messages import TwilioMessenger  # noqa: PLC0415 - loaded when first used

    return TwilioMessenger(settings)


def _channels(settings: TwilioSettings) -> frozenset[Channel]:
    """Return how there is a number to send from."""
    senders = {Channel.TEXT: settings.text_from, Channel.VOICE: settings.voice_from}
    return frozenset(channel for channel, sender in senders.items() if sender is not None)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``twilio``."""
    return TwilioSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return the one proofer."""
    return [
        ProoferDescriptor(
            name="twilio",
            kind=ProoferKind.PHONE,
            make=_make,
            attributes=frozenset(
                {
                    *("first_name", "last_name", "phone"),
                    *("address1", "address2", "city", "state", "zipcode"),
                }
            ),
            company="Twilio",
            hosts=lambda settings: frozenset({urlsplit(settings.base_url).netloc}),
            timeout_seconds=lambda settings: settings.timeout_seconds,
            max_response_bytes=256 * 1024,
            # Lookup takes the number in the path, and the rest in the query.
            personal_urls=True,
        )
    ]


@hookimpl
def proofing_messengers() -> Sequence[MessengerDescriptor]:
    """Return the one messenger."""
    return [
        MessengerDescriptor(
            name="twilio",
            make=_make_messenger,
            channels=_channels,
            hosts=lambda settings: frozenset({urlsplit(settings.messages_base_url).netloc}),
            timeout_seconds=lambda settings: settings.messages_timeout_seconds,
            max_response_bytes=256 * 1024,
        )
    ]
