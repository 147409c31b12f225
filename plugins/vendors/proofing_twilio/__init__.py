"""Twilio Lookup v2: whether a phone belongs to the applicant, of what type its line is, and signs of fraud.

One proofer of phones, ``twilio``. Settings, section ``twilio`` of settings.yaml::

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

Credentials, in the secret store: ``twilio.api_key_sid`` (``SK…``) and ``twilio.api_key_secret`` of an API
key; least permission: a restricted key for Lookup. The account's auth token is not used.

Twilio takes the number in the path, and names and address in the query of a GET. These URLs are never logged,
traced or part of an error here, and TLS hides them on the way; see that no proxy of yours opens it.

Limits: numbers of the North American numbering plan. Reference: docs/vendors/twilio.md
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proofing.plugin import (
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)
from proofing_twilio.settings import TwilioSettings

if TYPE_CHECKING:
    from proofing_twilio.lookup import LookupProofer

__all__ = ["TwilioSettings", "proofing_proofers", "proofing_settings"]


def _make(settings: TwilioSettings, _process: ProcessContext) -> "LookupProofer":
    from proofing_twilio.lookup import LookupProofer  # noqa: PLC0415 - loaded when first used

    return LookupProofer(settings)


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
            hosts=lambda settings: frozenset({urlsplit(settings.base_url).netloc}),
            timeout_seconds=lambda settings: settings.timeout_seconds,
            max_response_bytes=256 * 1024,
            # Lookup takes the number in the path, and the rest in the query.
            personal_urls=True,
        )
    ]
