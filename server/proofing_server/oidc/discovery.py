"""What the provider says of itself. OpenID Connect Discovery 1.0, RFC 8414, RFC 9207. Pure."""

from collections.abc import Collection
from typing import Any, Final

from proofing.settings.relying_parties import ClientAuthentication
from proofing.verifications import identity_assurance
from proofing.verifications.released_claims import CLAIMS, SCOPES

CONFIGURATION_PATH: Final = "/.well-known/openid-configuration"
AUTHORIZE_PATH: Final = "/oauth/authorize"
TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path
USERINFO_PATH: Final = "/oauth/userinfo"
JWKS_PATH: Final = "/oauth/jwks"
LOGOUT_PATH: Final = "/oauth/logout"
RETURN_PREFIX: Final = "/oauth/return/"
CONFIRM_LOGOUT_PATH: Final = "/oauth/logout/confirm"
#: Forms of other sites and calls of other servers come here; each proves itself, or changes nothing.
CLIENT_PATHS: Final = frozenset({AUTHORIZE_PATH, TOKEN_PATH, USERINFO_PATH, LOGOUT_PATH})
#: Whose errors are JSON.
JSON_PATHS: Final = (TOKEN_PATH, USERINFO_PATH, JWKS_PATH, CONFIGURATION_PATH)
#: Algorithms of ID tokens. Discovery demands RS256.
ID_TOKEN_ALGORITHMS: Final = ("ES256", "RS256")
#: Algorithms of client assertions.
ASSERTION_ALGORITHMS: Final = ("ES256", "RS256", "PS256")


def configuration(issuer: str, *, acr_values: Collection[str], languages: Collection[str]) -> dict[str, Any]:
    """Return the provider's metadata.

    Args:
        issuer: equal to ``iss`` in ID tokens, without a final slash.
        acr_values: that lead to policies.
        languages: of the pages.
    """
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE_PATH,
        "token_endpoint": issuer + TOKEN_PATH,
        "userinfo_endpoint": issuer + USERINFO_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "end_session_endpoint": issuer + LOGOUT_PATH,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": list(ID_TOKEN_ALGORITHMS),
        "acr_values_supported": sorted(acr_values),
        "scopes_supported": list(SCOPES),
        "claims_supported": [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "nonce",
            "auth_time",
            "acr",
            "at_hash",
            *CLAIMS,
        ],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        # Absent, it would mean true.
        "request_uri_parameter_supported": False,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "token_endpoint_auth_methods_supported": [one.value for one in ClientAuthentication],
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": sorted(languages),
        **identity_assurance.metadata(issuer),
    }
