"""AAMVA DLDV 2.1: does the state that issued a license or ID card agree with what it says?

Settings, section ``aamva`` of settings.yaml::

    aamva:
      authentication_url: https://authentication-cert.aamva.org/Authentication/Authenticate.svc
      verification_url: https://verificationservices-cert.aamva.org:18449/dldv/2.1/online
      cert_mode: true                     # both are of the certification environment
      originator_id: ABC                  # our id as AAMVA assigned it
      certificate: MIIC…                  # X.509: PEM, or the base64 of PEM or DER
      authentication_timeout_seconds: 5   # for each of the two calls that get a token
      verification_timeout_seconds: 5     # for the call that verifies
      first_word_of_last_name: []         # jurisdictions that get the first word of the last name alone

Credentials: ``aamva.private_key``, the unencrypted RSA key of the certificate, in the secret store. AAMVA
registers the certificate; it needs no right but to call the authentication service and DLDV. The outbound
proxy must let through the ports of both addresses.

Limits: a token is shared by all workers for 28 minutes. A question takes at most the time limits of two
authentications and two verifications. Which states are asked is the setting ``state_id_jurisdictions``; AK,
CA, LA, MN, NY, UT and the territories do not answer. docs/vendors/aamva.md has the rest.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proofing.plugin import (
    Maturity,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)
from proofing_aamva.settings import ATTRIBUTES, NAME, AAMVASettings

if TYPE_CHECKING:
    from proofing_aamva.state_id import AAMVAStateID


def _make_state_id(settings: AAMVASettings, _process: ProcessContext) -> "AAMVAStateID":
    from proofing_aamva.state_id import AAMVAStateID  # noqa: PLC0415 - loaded when first used

    return AAMVAStateID(settings)


def _hosts(settings: AAMVASettings) -> frozenset[str]:
    return frozenset(urlsplit(url).netloc for url in (settings.authentication_url, settings.verification_url))


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``aamva``."""
    return AAMVASettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return AAMVA's one product."""
    return [
        ProoferDescriptor(
            name=NAME,
            kind=ProoferKind.STATE_ID,
            make=_make_state_id,
            attributes=ATTRIBUTES,
            hosts=_hosts,
            timeout_seconds=lambda settings: settings.timeout_seconds,
            max_response_bytes=256 * 1024,
            maturity=Maturity.DOCUMENTED,
        )
    ]
