"""The endpoints of the OpenID Connect provider over HTTP. Paths: `proofing_server.oidc.discovery`."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from proofing.base.errors import StoreUnavailableError
from proofing.base.logs import get_logger, log
from proofing_server.client_address import client_network
from proofing_server.measuring import note_cause
from proofing_server.oidc import discovery
from proofing_server.oidc.authorization_requests import Parameters
from proofing_server.oidc.authorizations import Authorizations, Destination, with_query
from proofing_server.oidc.clients import Client, clients_of, issuer_of, origins_of_public_clients
from proofing_server.oidc.errors import AuthorizationRefusedError, ErrorCode, RefusedError, UnsafeRequestError
from proofing_server.oidc.tokens import Tokens
from proofing_server.site import Site, site_of
from proofing_server.texts import languages

_logger = get_logger(__name__)
_FORM: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 64
_BROWSER_CHARACTERS: Final = 43
#: How long clients may keep what the provider publishes; new keys are published a day before they sign.
_PUBLISHED: Final = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path, and what answers it."""

    path: str
    handler: Handler
    methods: tuple[str, ...]


async def show_configuration(request: Request) -> Response:
    """Say what the provider can do."""
    site, clients = _require_clients(request)
    found = discovery.configuration(
        issuer_of(site.service.settings),
        # Those that settings map to policies are between us and one client.
        acr_values={client.acr_of(policy) for client in clients.values() for policy in client.policies},
        languages=languages(),
    )
    return JSONResponse(found, headers=_PUBLISHED)


async def show_keys(request: Request) -> Response:
    """Publish the keys that sign ID tokens."""
    site, _clients = _require_clients(request)
    return JSONResponse(await site.service.openid.keys.jwks(), headers=_PUBLISHED)


async def authorize(request: Request) -> Response:
    """Take an authorization request, and send the browser on."""
    site, clients = _require_clients(request)
    if request.method == "HEAD":
        # Who only looks begins nothing.
        return Response()
    parameters = await _parameters(request)
    try:
        found = await _authorizations(site, clients).begin(
            parameters, _browser(site, request), client_network(request)
        )
    except UnsafeRequestError as error:
        return _unsafe(request, error)
    except AuthorizationRefusedError as error:
        return _refused(site, error)
    return _go(site, found)


async def finish(request: Request) -> Response:
    """Bring the outcome of a verification back to the client."""
    site, clients = _require_clients(request)
    session = await site.sessions.find_if_any(request)
    try:
        found = await _authorizations(site, clients).finish(
            request.path_params["client_id"],
            _browser(site, request),
            session.person if session is not None else None,
        )
    except UnsafeRequestError as error:
        return _unsafe(request, error)
    except AuthorizationRefusedError as error:
        return _refused(site, error)
    return _go(site, found)


async def issue_tokens(request: Request) -> Response:
    """Redeem a code."""
    site, clients = _require_clients(request)
    cors = _cors(request, clients)
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=cors)
    service = site.service
    tokens = Tokens(
        verifications=service.verifications,
        openid=service.openid,
        credentials=service.relying_parties.credentials,
        clients=clients,
    )
    authorization = request.headers.get("authorization")
    try:
        answer = await tokens.issue(_once(await _parameters(request)), authorization)
    except RefusedError as error:
        is_client = error.code is ErrorCode.INVALID_CLIENT
        challenge = {"WWW-Authenticate": 'Basic realm="token"'} if is_client and authorization else {}
        return _error(error, 401 if is_client else 400, {**cors, **challenge})
    except StoreUnavailableError as error:
        return _unavailable(request, error, cors)
    return JSONResponse(answer, headers={**cors, "Pragma": "no-cache"})


async def show_userinfo(request: Request) -> Response:
    """Say what was released of the person, to whom has an access token."""
    site, clients = _require_clients(request)
    cors = _cors(request, clients)
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=cors)
    try:
        token = await _bearer(request)
        if token is None:
            return Response(status_code=401, headers={**cors, "WWW-Authenticate": "Bearer"})
        grant = await site.service.openid.grants.token(token)
        if grant is None or grant.client_id not in clients:
            raise RefusedError(ErrorCode.INVALID_TOKEN, "the access token is unknown, expired or revoked")
    except RefusedError as error:
        status = 401 if error.code is ErrorCode.INVALID_TOKEN else 400
        challenge = f'Bearer error="{error.code}", error_description="{error.description}"'
        return _error(error, status, {**cors, "WWW-Authenticate": challenge})
    except StoreUnavailableError as error:
        return _unavailable(request, error, cors)
    return JSONResponse(grant.userinfo, headers=cors)


async def log_out(request: Request) -> Response:
    """End the login that an ID token is about, and go where the client is allowed to send people.

    Without an ID token that we made the person is asked. OpenID Connect RP-Initiated Logout 1.0.
    """
    site, clients = _require_clients(request)
    try:
        values = _once(await _parameters(request))
    except RefusedError:
        raise HTTPException(400) from None
    found = await _of_hint(site, clients, values)
    if found is None:
        return site.page(request, "logout", is_done=False)
    client, subject = found
    browser = _browser(site, request)
    login = await site.service.openid.grants.login(browser, client.id) if browser else None
    if browser and login is not None and login.subject == subject:
        await site.service.openid.grants.end_login(browser, client.id)
        await _end_session(site, request, client.id)
    target = values.get("post_logout_redirect_uri")
    if target is None or target not in client.settings.logout_uris:
        return site.page(request, "logout", is_done=True)
    return RedirectResponse(with_query(target, state=values.get("state")), 303)


async def confirm_logout(request: Request) -> Response:
    """End all logins of the browser; only our own page can ask for that."""
    site, clients = _require_clients(request)
    if browser := _browser(site, request):
        for client_id in clients:
            await site.service.openid.grants.end_login(browser, client_id)
    await _end_session(site, request, None)
    response = site.page(request, "logout", is_done=True)
    response.delete_cookie(
        _cookie_name(site), path="/", httponly=True, samesite="lax", secure=_is_secure(site)
    )
    return response


ENDPOINTS: Final = (
    Endpoint(discovery.CONFIGURATION_PATH, show_configuration, ("GET",)),
    Endpoint(discovery.JWKS_PATH, show_keys, ("GET",)),
    Endpoint(discovery.AUTHORIZE_PATH, authorize, ("GET", "POST")),
    Endpoint(discovery.RETURN_PREFIX + "{client_id}", finish, ("GET",)),
    Endpoint(discovery.TOKEN_PATH, issue_tokens, ("POST", "OPTIONS")),
    Endpoint(discovery.USERINFO_PATH, show_userinfo, ("GET", "POST", "OPTIONS")),
    Endpoint(discovery.LOGOUT_PATH, log_out, ("GET", "POST")),
    Endpoint(discovery.CONFIRM_LOGOUT_PATH, confirm_logout, ("POST",)),
)


def _require_clients(request: Request) -> tuple[Site, Mapping[str, Client]]:
    """Return the clients; without one in the settings there is no provider."""
    site = site_of(request)
    clients = clients_of(site.service.settings)
    if not clients:
        raise HTTPException(404)
    return site, clients


def _authorizations(site: Site, clients: Mapping[str, Client]) -> Authorizations:
    service = site.service
    return Authorizations(service.verifications, service.openid, service.shared_limits, clients)


async def _parameters(request: Request) -> Parameters:
    """Return the parameters of the query, or of the form of a POST, repeated ones included.

    Raises:
        HTTPException: 415 for another type of body, 400 for one that cannot be read.
    """
    if request.method != "POST":
        return request.query_params.multi_items()
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise HTTPException(415)
    body = await request.body()
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise HTTPException(400) from None


def _once(parameters: Parameters) -> dict[str, str]:
    """Return parameters, none of which may be repeated; one without a value counts as absent."""
    values = dict(parameters)
    if len(values) != len(parameters):
        raise RefusedError(ErrorCode.INVALID_REQUEST, "a parameter is repeated")
    return {name: value for name, value in values.items() if value}


async def _bearer(request: Request) -> str | None:
    """Return the access token of a request: by header, or by form; in a URL it would be logged. RFC 6750."""
    header = request.headers.get("authorization")
    form: dict[str, str] = {}
    if request.method == "POST" and request.headers.get("content-type"):
        form = _once(await _parameters(request))
    if "access_token" in request.query_params or (header is not None and "access_token" in form):
        raise RefusedError(ErrorCode.INVALID_REQUEST, "send one access token, in a header or a form")
    if header is None:
        return form.get("access_token")
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


async def _of_hint(
    site: Site, clients: Mapping[str, Client], values: Mapping[str, str]
) -> tuple[Client, str] | None:
    """Return which client an ID token was for, and about whom; None where we did not make it."""
    hint = values.get("id_token_hint")
    wanted = values.get("client_id")
    if hint is None:
        return None
    authorizations = _authorizations(site, clients)
    for client in clients.values():
        if wanted in (None, client.id) and (subject := await authorizations.subject_of_hint(hint, client)):
            return client, subject
    return None


async def _end_session(site: Site, request: Request, relying_party: str | None) -> None:
    """End the session of a person who is done, of this relying party or of any."""
    session = await site.sessions.find_if_any(request)
    if session is not None and relying_party in (None, session.data.partner):
        await site.sessions.end(session)


def _browser(site: Site, request: Request) -> str | None:
    """Return what the browser is known by; None for one that has not been here."""
    known = request.cookies.get(_cookie_name(site), "")
    return known if len(known) == _BROWSER_CHARACTERS else None


def _cookie_name(site: Site) -> str:
    return f"{site.sessions.cookie_name}-login"


def _is_secure(site: Site) -> bool:
    return issuer_of(site.service.settings).startswith("https://")


def _go(site: Site, destination: Destination) -> Response:
    """Send the browser on. 303: whatever it posted goes no further."""
    response = RedirectResponse(destination.url, 303)
    if destination.browser is not None:
        response.set_cookie(
            _cookie_name(site),
            destination.browser,
            path="/",
            httponly=True,
            samesite="lax",
            secure=_is_secure(site),
        )
    return response


def _refused(site: Site, error: AuthorizationRefusedError) -> Response:
    """Have the client hear why it gets no code."""
    url = with_query(
        error.redirect_uri,
        error=error.code.value,
        error_description=error.description,
        state=error.state,
        # Also on errors: RFC 9207.
        iss=issuer_of(site.service.settings),
    )
    return RedirectResponse(url, 303)


def _unsafe(request: Request, error: UnsafeRequestError) -> Response:
    """Show a page where nothing may be sent back; anybody may have made the request."""
    site = site_of(request)
    if count := site.reports.count(error.rule):
        log(_logger, "oidc_request_unsafe", level=logging.WARNING, rule=error.rule, count=count)
    return site.page(request, "error", status=400, name="authorization_refused", reference=None)


def _error(error: RefusedError, status: int, headers: Mapping[str, str]) -> Response:
    return JSONResponse(
        {"error": error.code.value, "error_description": error.description}, status, dict(headers)
    )


def _unavailable(request: Request, error: StoreUnavailableError, headers: Mapping[str, str]) -> Response:
    """Say that a dependency does not answer; trying again is safe."""
    note_cause(request.scope, error)
    code = ErrorCode.TEMPORARILY_UNAVAILABLE.value
    return JSONResponse({"error": code}, 503, {**headers, "Retry-After": "1"})


def _cors(request: Request, clients: Mapping[str, Client]) -> dict[str, str]:
    """Return the headers that let scripts of public clients read the answer; they send no cookies."""
    origin = request.headers.get("origin")
    if origin is None or origin not in origins_of_public_clients(clients):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "WWW-Authenticate",
        "Vary": "Origin",
    }
