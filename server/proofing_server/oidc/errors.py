"""How requests of clients are refused; the codes are those of the specifications."""

from enum import StrEnum
from typing import LiteralString


class ErrorCode(StrEnum):
    """Code of an error, as it is sent."""

    # OAuth 2.0 (RFC 6749), sections 4.1.2.1 and 5.2
    INVALID_REQUEST = "invalid_request"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    ACCESS_DENIED = "access_denied"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    INVALID_SCOPE = "invalid_scope"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    # OpenID Connect Core 1.0, section 3.1.2.6
    LOGIN_REQUIRED = "login_required"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"
    #: OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
    UNMET_AUTHENTICATION_REQUIREMENTS = "unmet_authentication_requirements"
    #: RFC 6750, section 3.1.
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a code


class UnsafeRequestError(Exception):
    """Where an answer may go is not known: the person sees a page, and nothing is sent anywhere.

    Attributes:
        rule: what is wrong, for the log.
    """

    def __init__(self, rule: LiteralString) -> None:
        """Take the *rule* that is broken."""
        self.rule = rule
        super().__init__(rule)


class RefusedError(Exception):
    """A request is refused with a code.

    Attributes:
        code: for programs.
        description: for the client's developer; holds no value of the request.
    """

    def __init__(self, code: ErrorCode, description: str) -> None:
        """Take *code* and *description*."""
        self.code = code
        self.description = description
        super().__init__(code)


class AuthorizationRefusedError(RefusedError):
    """An authorization request is refused; the client hears it at its redirect URI.

    Attributes:
        redirect_uri: registered by the client.
        state: of the request.
    """

    def __init__(self, code: ErrorCode, description: str, *, redirect_uri: str, state: str | None) -> None:
        """Take what the answer consists of."""
        self.redirect_uri = redirect_uri
        self.state = state
        super().__init__(code, description)
