"""The settings of relying parties and policies; a part of `proofing.settings.schema.Settings`.

A relying party sends people and gets the verdict; a policy says what is asked of them and what is released.
Keys and secrets are no settings: `proofing relying-party` makes them, and the verification store keeps them.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, LiteralString
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from proofing.base.hosts import LOOPBACK
from proofing.base.strict_json import parse_json
from proofing.contracts.applicant import ATTRIBUTES
from proofing.contracts.verifications import EventType, Step
from proofing.settings.branding import check_color, check_logo
from proofing.settings.links import URL, EmailAddress, HTTPSLink, PhoneNumber
from proofing.settings.values import LIVE, LIVE_LOGGED, Count, Names, Switch

#: Languages that the server has texts in; a test holds them to its catalogs.
PAGE_LANGUAGES = ("en", "es", "fr", "zh")
_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*", re.ASCII)
_MAX_NAME_CHARACTERS = 40
#: Attributes that no policy can release: they describe the request, not the person.
_NEVER_RELEASED = frozenset({"uuid", "uuid_prefix", "same_address_as_id"})
#: Type and curve of keys that sign assertions of clients. RFC 7518, sections 6.2 and 6.3.
_ASSERTION_KEYS = frozenset({("EC", "P-256"), ("RSA", "")})
#: A modulus of 2048 bits in base64url. NIST SP 800-131A.
_MIN_RSA_CHARACTERS = 342
#: Members of private and symmetric keys.
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class AssuranceTarget(StrEnum):
    """The assurance level that the evidence must support."""

    NONE = "none"
    IAL1 = "ial1"
    IAL2 = "ial2"


class ClientAuthentication(StrEnum):
    """How a client of OpenID Connect proves at the token endpoint who it is."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a method
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 - a method
    #: A client that can keep no secret; it must use PKCE.
    NONE = "none"


def _name(text: str) -> str:
    if len(text) > _MAX_NAME_CHARACTERS or not _NAME.fullmatch(text):
        raise ValueError(
            f"must be at most {_MAX_NAME_CHARACTERS} lowercase letters and digits, with single - or _ between"
        )
    return text


def _web_url(text: str) -> str:
    if not URL.fullmatch(text) or "#" in text:
        raise ValueError("must be an http or https URL without a fragment")
    return text


def _redirect_uri(text: str) -> str:
    parts = urlsplit(_web_url(text))
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("must be https, or http at a loopback address: codes pass through it")
    return text


def _releasable(names: tuple[str, ...]) -> tuple[str, ...]:
    known = set(ATTRIBUTES) - _NEVER_RELEASED
    # By their places: no value of the settings is in a message.
    unknown = [str(place) for place, name in enumerate(names, 1) if name not in known]
    if unknown:
        listed = ", ".join(unknown)
        raise ValueError(f"must name attributes of docs/reference/applicant.md; not known: number {listed}")
    return names


def _steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if len(set(steps)) != len(steps):
        raise ValueError("must name each step once")
    for later, before in ((Step.SELFIE, Step.DOCUMENT), (Step.CODE, Step.PHONE)):
        if later in steps and (before not in steps or steps.index(before) > steps.index(later)):
            raise ValueError(f"{later} needs {before} before it")
    if Step.DOCUMENT in steps[1:]:
        raise ValueError("document must be first: the steps after it check the person that it names")
    if Step.SELFIE in steps[2:]:
        raise ValueError("selfie must come right after document: both are one check")
    return steps


def _public_jwks(text: str | None) -> str | None:
    """Refuse what cannot verify a client's assertions, and above all private keys."""
    if text is None:
        return None
    try:
        keys = parse_json(text.encode(), max_depth=4)["keys"]
        kinds = [(key["kty"], key.get("crv", "")) for key in keys]
        is_public = all(_PRIVATE_MEMBERS.isdisjoint(key) for key in keys)
        is_strong = all(len(key["n"]) >= _MIN_RSA_CHARACTERS for key in keys if key["kty"] == "RSA")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError("must be the JSON text of a JWK set") from None
    if not kinds or not is_public or not all(kind in _ASSERTION_KEYS for kind in kinds):
        raise ValueError(
            "must have at least one key, and only public ones: kty EC with crv P-256, or kty RSA"
        )
    if not is_strong:
        raise ValueError("must have RSA keys of at least 2048 bits")
    return text


def _languages(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := sorted(set(names) - {*PAGE_LANGUAGES}):
        raise ValueError(
            f"must name languages that the pages have: {', '.join(PAGE_LANGUAGES)}; not {len(unknown)} others"
        )
    return names


PageLanguages = Annotated[Names, AfterValidator(_languages)]
RegistryName = Annotated[str, AfterValidator(_name)]
RedirectURI = Annotated[str, AfterValidator(_redirect_uri)]
WebURL = Annotated[str, AfterValidator(_web_url)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class BrandingSettings(_Model):
    """How the pages of a policy look. What is not set is as everywhere."""

    name: str | None = Field(None, description="Who asks, as the pages say it; null: display_name.")
    logo: Annotated[str, AfterValidator(check_logo)] | None = Field(
        None,
        description="data: URL of a PNG or JPEG image of at most 64 KiB, in base64; null: none. The pages "
        "load nothing from other hosts, which would learn who is being verified.",
    )
    color: Annotated[str, AfterValidator(check_color)] | None = Field(
        None,
        description="Color of buttons and links, such as '#005ea2'; null: as everywhere. Text must be "
        "readable in it: a contrast of 4.5:1. Dark pages take a lighter tint.",
    )
    support_email: EmailAddress | None = Field(None, description="Email address for help.")
    support_phone: PhoneNumber | None = Field(None, description="US phone number for help.")
    support_url: HTTPSLink | None = Field(None, description="https URL of a page for help.")
    privacy_url: HTTPSLink | None = Field(None, description="https URL of the privacy notice.")


class PolicySettings(_Model):
    """What is asked of a person, and what the relying party gets."""

    steps: Annotated[
        tuple[Annotated[Step, Field(strict=False)], ...],
        Field(strict=False, min_length=1),
        AfterValidator(_steps),
    ] = Field(
        description="What the person does, in order: document (always first), selfie (right after it), "
        "resolution, phone, code (after phone)."
    )
    assurance: Annotated[AssuranceTarget, Field(strict=False)] = Field(
        AssuranceTarget.NONE,
        description="Level of NIST SP 800-63A-4 that the evidence must support: none, ial1 or ial2. Without "
        "it the verification fails.",
    )
    attempts: Count = Field(3, description="Answered noes of one step after which the verification fails.")
    valid_hours: Annotated[int, Field(ge=1, le=720)] = Field(
        24, description="How long a person may take; then the verification expires."
    )
    link_minutes: Annotated[int, Field(ge=5, le=1440)] = Field(
        60, description="How long a link may be used; a new one can be requested."
    )
    review_days: Annotated[int, Field(ge=1, le=90)] = Field(
        7, description="After which an undecided review expires."
    )
    claims: Annotated[Names, AfterValidator(_releasable)] = Field(
        (), description="Attributes of the person that are released, such as first_name; empty: none."
    )
    claims_hours: Annotated[int, Field(ge=1, le=720)] = Field(
        24, description="How long released attributes wait, sealed, to be collected once."
    )
    retention_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        30, description="How long after its end a verification is remembered, without personal data."
    )
    languages: PageLanguages = Field(
        (), description="Languages of its pages, the usual one first, such as en; empty: page_languages."
    )
    branding: BrandingSettings = Field(default_factory=BrandingSettings, description="How its pages look.")


class WebhookSettings(_Model):
    """One endpoint to which events are sent."""

    url: WebURL = Field(description="https URL. development and test may name loopback targets.")
    events: Annotated[
        tuple[Annotated[EventType, Field(strict=False)], ...], Field(strict=False, min_length=1)
    ] = Field(tuple(EventType), description="Types of events that are sent there; by default all.")
    mode: Annotated[str, Field(pattern="^(live|test)$")] = Field(
        "live", description="Whose events: live or test."
    )


class ClientSettings(_Model):
    """A relying party as a client of OpenID Connect; its client id is its name."""

    redirect_uris: Annotated[tuple[RedirectURI, ...], Field(strict=False, min_length=1)] = Field(
        description="Where answers may go: https, or http at a loopback address; compared exactly."
    )
    logout_uris: Annotated[tuple[WebURL, ...], Field(strict=False)] = Field(
        (), description="Where people may go after a logout; compared exactly."
    )
    authentication: Annotated[ClientAuthentication, Field(strict=False)] = Field(
        ClientAuthentication.PRIVATE_KEY_JWT,
        description="private_key_jwt, client_secret_basic, client_secret_post, or none.",
    )
    jwks: Annotated[str | None, AfterValidator(_public_jwks)] = Field(
        None, description="Public keys of private_key_jwt, as the JSON text of a JWK set."
    )
    acr_values: Annotated[dict[str, RegistryName], Field(strict=False)] = Field(
        default_factory=dict,
        description="Policy by the acr value that the client asks for, such as urn:acr.login.gov:verified; "
        "PUBLIC_URL/acr/POLICY always names a policy.",
    )
    login_hint_is_subject: Switch = Field(
        default=False,
        description="Whether login_hint is the client's own reference of its person, on which the subject "
        "then depends. It passes through the browser: see docs/reference/oidc.md before you set it.",
    )
    require_pkce: Switch = Field(
        default=True, description="Refuse a request without PKCE; only for clients that cannot do it: false."
    )
    id_token_algorithm: Annotated[str, Field(pattern="^(ES256|RS256)$")] = Field(
        "ES256", description="Signature of ID tokens: ES256 or RS256."
    )
    sector: str | None = Field(
        None, description="Clients of one sector get the same subject for one person; null: its own."
    )
    mode: Annotated[str, Field(pattern="^(live|test)$")] = Field(
        "live", description="Which vendors are asked: live or test."
    )


class RelyingPartySettings(_Model):
    """An organization that sends people and gets the verdict."""

    display_name: Annotated[str, Field(min_length=1, max_length=120)] = Field(
        description="What people know it as."
    )
    policies: Annotated[tuple[RegistryName, ...], Field(strict=False, min_length=1)] = Field(
        description="Policies that it may ask for; the first one by default."
    )
    return_urls: Annotated[tuple[WebURL, ...], Field(strict=False)] = Field(
        (), description="Where people may go at the end; compared exactly."
    )
    webhooks: Annotated[dict[RegistryName, WebhookSettings], Field(strict=False)] = Field(
        default_factory=dict, description="Endpoints to which events are sent, by name."
    )
    oidc: ClientSettings | None = Field(None, description="Its client of OpenID Connect; null: none.")
    requests_per_minute: Count = Field(600, description="Requests to /v1 in one minute, over all its keys.")


class RelyingPartiesSettings(BaseModel):
    """Who sends people, what is asked of them, and whether they may come by themselves."""

    policies: Annotated[dict[RegistryName, PolicySettings], Field(strict=False)] = Field(
        default_factory=dict,
        description="What is asked of people and what is released, by name; see "
        "docs/reference/relying-parties.md.",
        json_schema_extra=LIVE,
    )
    relying_parties: Annotated[dict[RegistryName, RelyingPartySettings], Field(strict=False)] = Field(
        default_factory=dict,
        description="Organizations that send people and get the verdict, by name; see "
        "docs/reference/relying-parties.md.",
        json_schema_extra=LIVE,
    )
    start_without_relying_party: Switch | None = Field(
        None,
        description="Let people begin by themselves at /, with a verdict that nobody hears of. null: yes, "
        "but not in production.",
        json_schema_extra=LIVE_LOGGED,
    )
    verification_store: str = Field("local", description="Plugin that keeps verifications.")

    worker_delivers_events: Switch = Field(
        default=True,
        description="Workers deliver events alongside their jobs. Off: only proofing deliveries run does.",
    )

    def relying_party_rules(self) -> Iterator[tuple[str, LiteralString, bool]]:
        """Yield key, rule, and whether it holds, of every rule that one field cannot judge."""
        named = {policy for party in self.relying_parties.values() for policy in party.policies}
        yield (
            "relying_parties",
            "must name policies that are defined in policies",
            named <= self.policies.keys(),
        )
        yield (
            "relying_parties",
            "acr_values of a client of OpenID Connect must lead to policies of its relying party",
            all(
                set(party.oidc.acr_values.values()) <= set(party.policies)
                for party in self.relying_parties.values()
                if party.oidc is not None
            ),
        )
        clients = [party.oidc for party in self.relying_parties.values() if party.oidc is not None]
        yield (
            "relying_parties",
            "a client of OpenID Connect whose authentication is private_key_jwt needs jwks, and others none",
            all(
                (client.jwks is not None) is (client.authentication is ClientAuthentication.PRIVATE_KEY_JWT)
                for client in clients
            ),
        )
        yield (
            "relying_parties",
            "a client of OpenID Connect whose authentication is none must keep require_pkce",
            all(
                client.require_pkce
                for client in clients
                if client.authentication is ClientAuthentication.NONE
            ),
        )
