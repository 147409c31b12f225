"""An authorization request, checked completely before anything happens. Pure.

OAuth 2.0 (RFC 6749), PKCE (RFC 7636), OpenID Connect Core 1.0 section 3.1.2, RFC 9700. Where an answer may go
is settled first; whatever is wrong after that is said to the client at its redirect URI.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from proofing.base.strict_json import parse_json
from proofing.verifications.assurance_requests import request_problem
from proofing.verifications.released_claims import CLAIMS, SCOPES
from proofing_server.oidc.clients import Client
from proofing_server.oidc.errors import AuthorizationRefusedError, ErrorCode, RefusedError, UnsafeRequestError
from proofing_server.texts import languages

Parameters = Sequence[tuple[str, str]]

#: SHA-256 in base64url without padding. RFC 7636, section 4.2.
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_SECONDS: Final = re.compile(r"\d{1,9}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_MAX_CHARACTERS: Final = 2048
#: RFC 5646, section 4.4.1.
_MAX_LANGUAGE_CHARACTERS: Final = 35
_MAX_HINT_CHARACTERS: Final = 255
_MAX_CLAIMS_DEPTH: Final = 12
#: Parameters that are kept or echoed, and how long they may be.
_LENGTHS: Final = {
    "state": _MAX_CHARACTERS,
    "nonce": _MAX_CHARACTERS,
    "claims": 4 * _MAX_CHARACTERS,
    "login_hint": _MAX_HINT_CHARACTERS,
    "id_token_hint": 2 * _MAX_CHARACTERS,
    "acr_values": _MAX_CHARACTERS,
    "scope": _MAX_CHARACTERS,
    "ui_locales": _MAX_HINT_CHARACTERS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedClaims:
    """The parameter ``claims``, as far as we know what it asks for.

    Attributes:
        userinfo: names of claims that it names for userinfo.
        verified_claims: request for verified claims there; None for none.
        essential_acr: values of which one must be reached; empty for none.
        voluntary_acr: values that are wished for.
        subject: the only one that may be answered with; None for any.
    """

    userinfo: tuple[str, ...] = ()
    verified_claims: Any = None
    essential_acr: tuple[str, ...] = ()
    voluntary_acr: tuple[str, ...] = ()
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuthorizationRequest:
    """A request that may be answered.

    Attributes:
        challenge: of PKCE with S256; None only for a client that need not use it.
        prompt: values of ``prompt``.
        max_age: seconds; None for any.
        locale: language that the client asks for; None for the browser's.
        policy: that the person goes through.
        acr: what names it to the client.
        claims: names of claims for userinfo, of scopes and of ``claims``.
    """

    client_id: str
    redirect_uri: str
    state: str | None = None
    nonce: str | None = None
    scopes: tuple[str, ...] = ("openid",)
    challenge: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    locale: str | None = None
    login_hint: str | None = None
    id_token_hint: str | None = None
    policy: str
    acr: str
    claims: tuple[str, ...] = ()
    wanted: WantedClaims = field(default_factory=WantedClaims)

    def __repr__(self) -> str:
        return f"AuthorizationRequest(<redacted>, client_id={self.client_id!r})"

    def to_json(self) -> bytes:
        """Return the request for being sealed; without the hints, which are used up by then."""
        kept = replace(self, login_hint=None, id_token_hint=None)
        return _ADAPTER.dump_json(kept, exclude_defaults=True)

    @classmethod
    def from_json(cls, text: bytes) -> "AuthorizationRequest":
        """Read what `to_json` wrote. Raises `ValueError` for anything else."""
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError:
            raise ValueError("not an authorization request") from None


_ADAPTER: Final = TypeAdapter(AuthorizationRequest)


def check_authorization(parameters: Parameters, clients: Mapping[str, Client]) -> AuthorizationRequest:
    """Return the request that *parameters* make.

    Args:
        parameters: of the query or form, in order, repeated ones included.
        clients: by id.

    Raises:
        UnsafeRequestError: it is not known where an answer may go.
        AuthorizationRefusedError: anything else is wrong.
    """
    counts = Counter(name for name, _ in parameters)
    # A parameter without a value counts as absent: RFC 6749, section 3.1.
    values = {name: value for name, value in parameters if value}
    client, redirect_uri = _destination(values, counts, clients)
    state = values.get("state") if counts["state"] == 1 else None
    try:
        _refuse_unsupported(values, counts)
        return _checked(values, client, redirect_uri)
    except RefusedError as error:
        raise AuthorizationRefusedError(
            error.code, error.description, redirect_uri=redirect_uri, state=state
        ) from None


def _destination(
    values: Mapping[str, str], counts: Mapping[str, int], clients: Mapping[str, Client]
) -> tuple[Client, str]:
    """Return who asks and where the answer goes."""
    if counts["client_id"] > 1 or counts["redirect_uri"] > 1:
        raise UnsafeRequestError("client_id or redirect_uri is repeated")
    client = clients.get(values.get("client_id", ""))
    if client is None:
        raise UnsafeRequestError("client_id is not known")
    redirect_uri = values.get("redirect_uri")
    if redirect_uri is None or redirect_uri not in client.settings.redirect_uris:
        raise UnsafeRequestError("redirect_uri is not one of the client's")
    return client, redirect_uri


def _refuse_unsupported(values: Mapping[str, str], counts: Mapping[str, int]) -> None:
    """Refuse what no request may have."""
    if any(count > 1 for count in counts.values()):
        raise RefusedError(ErrorCode.INVALID_REQUEST, "a parameter is repeated")
    for name, code in (
        ("request", ErrorCode.REQUEST_NOT_SUPPORTED),
        ("request_uri", ErrorCode.REQUEST_URI_NOT_SUPPORTED),
        ("registration", ErrorCode.REGISTRATION_NOT_SUPPORTED),
    ):
        if name in values:
            raise RefusedError(code, f"{name} is not supported")
    for name, most in _LENGTHS.items():
        if len(values.get(name, "")) > most:
            raise RefusedError(ErrorCode.INVALID_REQUEST, f"{name} is longer than {most} characters")
    if "response_type" not in values:
        raise RefusedError(ErrorCode.INVALID_REQUEST, "response_type is missing")
    if values["response_type"] != "code":
        raise RefusedError(ErrorCode.UNSUPPORTED_RESPONSE_TYPE, "response_type must be code")
    if values.get("response_mode", "query") != "query":
        raise RefusedError(ErrorCode.INVALID_REQUEST, "response_mode must be query")


def _checked(values: Mapping[str, str], client: Client, redirect_uri: str) -> AuthorizationRequest:
    scopes = tuple(dict.fromkeys(values.get("scope", "").split()))
    if "openid" not in scopes:
        raise RefusedError(ErrorCode.INVALID_SCOPE, "scope must contain openid")
    wanted = _wanted_claims(values.get("claims"))
    policy, acr = _policy(client, wanted, values.get("acr_values", "").split())
    known = tuple(scope for scope in scopes if scope in SCOPES)
    asked = {name for scope in known for name in SCOPES[scope]} | set(wanted.userinfo)
    return AuthorizationRequest(
        client_id=client.id,
        redirect_uri=redirect_uri,
        state=values.get("state"),
        nonce=values.get("nonce"),
        scopes=known,
        challenge=_challenge(values, is_required=client.settings.require_pkce),
        prompt=_prompt(values.get("prompt", "")),
        max_age=_max_age(values.get("max_age")),
        locale=_locale(values.get("ui_locales", "")),
        login_hint=values.get("login_hint"),
        id_token_hint=values.get("id_token_hint"),
        policy=policy,
        acr=acr,
        claims=tuple(name for name in CLAIMS if name in asked),
        wanted=wanted,
    )


def _challenge(values: Mapping[str, str], *, is_required: bool) -> str | None:
    """Return the challenge of PKCE."""
    challenge, method = values.get("code_challenge"), values.get("code_challenge_method")
    if challenge is None:
        if is_required:
            raise RefusedError(
                ErrorCode.INVALID_REQUEST, "code_challenge is missing: this client must use PKCE"
            )
        if method is not None:
            raise RefusedError(ErrorCode.INVALID_REQUEST, "code_challenge_method is without code_challenge")
        return None
    # Without a method it would be plain.
    if method != "S256":
        raise RefusedError(ErrorCode.INVALID_REQUEST, "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise RefusedError(ErrorCode.INVALID_REQUEST, "code_challenge must be a SHA-256 in base64url")
    return challenge


def _prompt(text: str) -> tuple[str, ...]:
    prompts = tuple(dict.fromkeys(text.split()))
    if not _PROMPTS.issuperset(prompts):
        raise RefusedError(ErrorCode.INVALID_REQUEST, "prompt has a value that is not known")
    if "none" in prompts and len(prompts) > 1:
        raise RefusedError(ErrorCode.INVALID_REQUEST, "prompt must be none alone, or without none")
    return prompts


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not _SECONDS.fullmatch(text):
        raise RefusedError(ErrorCode.INVALID_REQUEST, "max_age must be a number of seconds")
    return int(text)


def _locale(text: str) -> str | None:
    """Return the first language of *text* that the pages have, else the first, else None."""
    tags = [tag for tag in text.split() if _LANGUAGE.fullmatch(tag) and len(tag) <= _MAX_LANGUAGE_CHARACTERS]
    ours = (tag for tag in tags if tag.lower().split("-")[0] in languages())
    return next(ours, tags[0] if tags else None)


def _policy(client: Client, wanted: WantedClaims, acr_values: Sequence[str]) -> tuple[str, str]:
    """Return the policy that the request leads to, and the acr value that names it."""
    known = client.policy_of_acr
    if wanted.essential_acr:
        for acr in wanted.essential_acr:
            if acr in known:
                return known[acr], acr
        raise RefusedError(
            ErrorCode.UNMET_AUTHENTICATION_REQUIREMENTS, "no essential acr value is one of this client's"
        )
    for acr in (*wanted.voluntary_acr, *acr_values):
        if acr in known:
            return known[acr], acr
    policy = client.policies[0]
    return policy, client.acr_of(policy)


def _wanted_claims(text: str | None) -> WantedClaims:
    """Read the parameter ``claims``; what it has that we do not know is ignored. Core, section 5.5."""
    if text is None:
        return WantedClaims()
    try:
        found = parse_json(text.encode(), max_depth=_MAX_CLAIMS_DEPTH)
    except ValueError:
        raise RefusedError(ErrorCode.INVALID_REQUEST, "claims must be JSON without duplicate keys") from None
    userinfo, id_token = (_member(found, name) for name in ("userinfo", "id_token"))
    verified = userinfo.pop("verified_claims", None) if "verified_claims" in userinfo else _NOTHING
    if verified is not _NOTHING and (problem := request_problem(verified)):
        raise RefusedError(ErrorCode.INVALID_REQUEST, f"claims: {problem}")
    acr = id_token.get("acr") or {}
    values = tuple(one for one in _values(acr) if isinstance(one, str))
    is_essential = acr.get("essential") is True
    subjects = [one["value"] for part in (userinfo, id_token) if (one := part.get("sub")) and "value" in one]
    if any(not isinstance(one, str) or one != subjects[0] for one in subjects):
        raise RefusedError(ErrorCode.INVALID_REQUEST, "claims: sub must ask for one text")
    return WantedClaims(
        userinfo=tuple(name for name in CLAIMS if name in userinfo),
        verified_claims=None if verified is _NOTHING else verified,
        essential_acr=values if is_essential else (),
        voluntary_acr=() if is_essential else values,
        subject=subjects[0] if subjects else None,
    )


_NOTHING: Final = object()


def _member(found: Any, name: str) -> dict[str, Any]:
    """Return a member of ``claims``, whose claims are asked for by null or an object."""
    member = found.get(name) if isinstance(found, dict) else found
    if member is None and isinstance(found, dict):
        return {}
    if not isinstance(member, dict):
        raise RefusedError(ErrorCode.INVALID_REQUEST, f"claims: {name} must be an object")
    for claim, wanted in member.items():
        if claim != "verified_claims" and not (wanted is None or isinstance(wanted, dict)):
            raise RefusedError(ErrorCode.INVALID_REQUEST, "claims: each claim must be null or an object")
    return dict(member)


def _values(wanted: Mapping[str, Any]) -> list[Any]:
    """Return the values that a claim is asked to have."""
    values = wanted.get("values")
    several = values if isinstance(values, list) else []
    return [*([wanted["value"]] if "value" in wanted else []), *several]
