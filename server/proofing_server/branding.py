"""For whom a page is: the relying party that asks, and how its policy has pages look.

Everything is served from our own origin: the style sheet of a color is computed from the color in its
address, and a logo is read from the settings, so that the content security policy stays as it is.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.applicant import parse_phone
from proofing.contracts.verifications import Mode, VerificationRecord
from proofing.sessions.data import SessionData
from proofing.settings import Settings
from proofing.settings.branding import check_color, palette, read_logo
from proofing.settings.relying_parties import BrandingSettings
from proofing_server.compression import FOREVER

#: Paths of what branding adds to a page.
STYLE_ROUTE = "/branding/{version}/{color}.css"
LOGO_ROUTE = "/branding/{version}/{policy}.image"
_VERSION_CHARACTERS = 12
_PLAIN = BrandingSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sent the person of a page, and what for.

    Attributes:
        verification_id: of the verification.
        relying_party, policy: their names in the settings.
        mode: test or live.
        return_url: where the person goes at the end; None for nowhere.
        locale: language that the relying party asked for; None for the browser's.
    """

    verification_id: str
    relying_party: str
    policy: str
    mode: Mode
    return_url: str | None = None
    locale: str | None = None

    @classmethod
    def of_record(cls, record: VerificationRecord) -> Self:
        """Return who asked for a verification."""
        return cls(
            verification_id=record.id,
            relying_party=record.relying_party,
            policy=record.policy,
            mode=record.mode,
            return_url=record.return_url,
            locale=record.locale,
        )

    @classmethod
    def of_session(cls, data: SessionData) -> Self | None:
        """Return who sent the person of a session; None where nobody did."""
        if data.verification is None:
            return None
        return cls(
            verification_id=data.verification.id,
            relying_party=data.partner or "",
            policy=data.policy or "",
            mode=data.verification.mode,
            return_url=data.return_url,
            locale=data.locale,
        )

    @property
    def way_back(self) -> str | None:
        """The return URL with the verification's id, and nothing else of it."""
        if self.return_url is None:
            return None
        parts = urlsplit(self.return_url)
        added = urlencode({"verification_id": self.verification_id})
        return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def note_sender(request: Request, sender: Sender | None) -> None:
    """Have the pages of *request* be those of *sender*."""
    request.state.sender = sender


def sender_of(request: Request) -> Sender | None:
    """Return who sent the person of *request*, as far as it is known yet."""
    found: Sender | None = getattr(request.state, "sender", None)
    return found


def appearance(settings: Settings, sender: Sender | None, static_version: str) -> dict[str, Any]:
    """Return what every template needs of the relying party and its branding."""
    policy = settings.policies.get(sender.policy) if sender else None
    branding = policy.branding if policy else _PLAIN
    return {
        "partner_url": (sender.way_back or "/") if sender else settings.partner_url,
        "is_sent": sender is not None,
        "style": f"/branding/{static_version}/{branding.color[1:]}.css" if branding.color else None,
        "logo": _logo_path(sender.policy, branding.logo) if sender and branding.logo else None,
        "support": _support(settings, branding),
    }


def partner_name(settings: Settings, sender: Sender | None) -> str | None:
    """Return the name of whom the check is for, as people know it; None where the settings have none."""
    if sender is None:
        return settings.partner_name
    policy = settings.policies.get(sender.policy)
    if policy is not None and policy.branding.name:
        return policy.branding.name
    party = settings.relying_parties.get(sender.relying_party)
    return party.display_name if party is not None else settings.partner_name


def languages_of(settings: Settings, sender: Sender | None) -> tuple[str, ...]:
    """Return the languages of the pages, the usual one first, of the policy or else of all; empty: all."""
    policy = settings.policies.get(sender.policy) if sender else None
    return (policy.languages if policy else ()) or settings.page_languages


async def show_style(request: Request) -> Response:
    """Return the style sheet of a color that settings may name; it reads no settings."""
    try:
        color = check_color(f"#{request.path_params['color']}")
    except ValueError:
        raise HTTPException(404) from None
    made = palette(color)
    light = _scheme(made.accent, made.strong, "#ffffff")
    dark = _scheme(made.dark_accent, made.dark_strong, "#06222d")
    text = f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"
    return Response(text, media_type="text/css", headers={"Cache-Control": FOREVER})


async def show_logo(request: Request) -> Response:
    """Return the logo of a policy."""
    settings: Settings = request.app.state.site.service.settings
    policy = settings.policies.get(request.path_params["policy"])
    if policy is None or policy.branding.logo is None:
        raise HTTPException(404)
    logo = read_logo(policy.branding.logo)
    is_current = request.path_params["version"] == _digest(policy.branding.logo)
    headers = {"Cache-Control": FOREVER if is_current else "no-cache"}
    return Response(logo.content, media_type=logo.media_type, headers=headers)


def _scheme(accent: str, strong: str, on_accent: str) -> str:
    return f":root {{ --accent: {accent}; --accent-strong: {strong}; --on-accent: {on_accent}; }}"


def _logo_path(policy: str, logo: str) -> str:
    return f"/branding/{_digest(logo)}/{policy}.image"


def _digest(logo: str) -> str:
    return hashlib.sha256(logo.encode()).hexdigest()[:_VERSION_CHARACTERS]


def _support(settings: Settings, branding: BrandingSettings) -> Mapping[str, Any]:
    """Return where people find help, and what the footer leads to; a policy's own contacts replace ours."""
    own = branding.support_email or branding.support_phone or branding.support_url
    contacts = branding if own else settings
    phone = parse_phone(contacts.support_phone or "")
    return {
        "accessibility_url": settings.accessibility_url,
        "alternative_url": settings.alternative_url,
        "privacy_url": branding.privacy_url or settings.privacy_url,
        "email": contacts.support_email,
        "phone": (contacts.support_phone, f"tel:+1{phone}") if phone else None,
        "url": contacts.support_url,
        "has_contact": bool(contacts.support_email or phone or contacts.support_url),
    }
