"""LexisNexis Risk Solutions: Instant Verify, Phone Finder, TrueID and ThreatMetrix, on two platforms.

The *Risk Defense Platform* (RDP) has accounts and workflows; its requests are signed, or carry user name and
password. The *Dynamic Decision Platform* (DDP, also called ThreatMetrix) has an organization and policies; a
key in each request authenticates it. What each product sends and how its answers are read:
docs/vendors/lexisnexis.md.

Settings, section ``lexisnexis`` of settings.yaml. Leave out the sections and keys of products that you do not
use::

    lexisnexis:
      rdp:
        base_url: https://rdp.example.com       # scheme and host, nothing else
        request_mode: live                      # as agreed with LexisNexis: testing, live
        hmac_auth_enabled: true                 # false: user name and password; for all products
      identity:                                 # the account of Instant Verify and Phone Finder
        account_id: "12345"
        hmac: {key_id: …}                       # or basic: {username: …}
        instant_verify_workflow: name.of.the.workflow
        phone_finder_workflow: name.of.the.workflow
      true_id:                                  # an account of its own
        account_id: "67890"
        hmac: {key_id: …}
        noliveness_cropping_workflow: name.of.the.workflow    # for lexisnexis:true_id
        liveness_cropping_workflow: name.of.the.workflow      # for lexisnexis:true_id_selfie
        image_cropping_mode: 3                  # 0, with the workflows *_nocropping_*: images are cropped
      ddp:
        base_url: https://ddp.example.com
        org_id: …
        threat_metrix_policy: …                 # and those of the other products

Credentials, in the secret store: ``hmac.secret_key`` or ``basic.password`` of ``identity`` and of
``true_id``, and ``ddp.api_key``. Least permissions: the products that you use. Time limits:
``*_timeout_seconds``; the defaults are those of development, so agree on longer ones where your contract says
how long an answer may take.

Limits: 4 MiB for an answer. Nothing is repeated: LexisNexis knows no idempotency key, and may charge twice.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from proofing.plugin import (
    PHYSICAL_TYPES,
    AnyProofer,
    BrowserPart,
    DocumentType,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)
from proofing_lexisnexis.settings import LexisNexisSettings

_REFERENCES = frozenset({"uuid", "uuid_prefix"})
_IDENTITY = frozenset({"first_name", "last_name", "dob", "ssn", *_REFERENCES})
_ADDRESS = frozenset({"address1", "address2", "city", "state", "zipcode"})
_LICENSE = frozenset({"state_id_number", "state_id_jurisdiction"})


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``lexisnexis``."""
    return LexisNexisSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return a proofer for each product, platform and version, and for TrueID with and without a selfie."""
    found = [
        _rdp(
            "instant_verify",
            ProoferKind.RESOLUTION,
            _made_by("instant_verify:InstantVerify"),
            attributes=_IDENTITY | _ADDRESS,
            timeout="identity.instant_verify_timeout_seconds",
        ),
        _ddp(
            "instant_verify_ddp",
            ProoferKind.RESOLUTION,
            _made_by("instant_verify_ddp:InstantVerifyDDP"),
            attributes=_IDENTITY | _ADDRESS | _LICENSE,
            timeout="ddp.instant_verify_timeout_seconds",
        ),
        _ddp(
            "phone_finder_ddp",
            ProoferKind.PHONE,
            _made_by("phone_finder_ddp:PhoneFinderDDP"),
            attributes=_IDENTITY | {"phone"},
            timeout="ddp.phone_finder_timeout_seconds",
        ),
        _ddp(
            "threat_metrix",
            ProoferKind.DEVICE,
            _make_threat_metrix,
            attributes=_IDENTITY | _ADDRESS | _LICENSE | {"email"},
            requires=frozenset({"email"}),
            needs=frozenset({"device_session_id", "ip_address"}),
            page=_page,
            timeout="ddp.threat_metrix_timeout_seconds",
        ),
    ]
    for suffix, version in (("", 2), ("_v3", 3)):
        found.append(
            _rdp(
                f"phone_finder{suffix}",
                ProoferKind.PHONE,
                _made_by("phone_finder:PhoneFinder", version=version),
                attributes=_IDENTITY | {"phone"},
                timeout="identity.phone_finder_timeout_seconds",
            )
        )
    for suffix, selfie in (("", False), ("_selfie", True)):
        found += (
            _rdp(
                f"true_id{suffix}",
                ProoferKind.DOCUMENT,
                _made_by("true_id:TrueID", selfie=selfie),
                attributes=_REFERENCES,
                needs=frozenset({"locale"}),
                authenticates=True,
                needs_selfie=selfie,
                timeout="true_id.timeout_seconds",
            ),
            _ddp(
                f"true_id_ddp{suffix}",
                ProoferKind.DOCUMENT,
                _made_by("true_id_ddp:TrueIDDDP", selfie=selfie),
                attributes=_REFERENCES | {"email"},
                requires=frozenset({"email"}),
                document_types=PHYSICAL_TYPES - {DocumentType.PASSPORT_CARD},
                authenticates=True,
                needs_selfie=selfie,
                timeout="ddp.true_id_timeout_seconds",
            ),
        )
    return found


_Make = Callable[[LexisNexisSettings, ProcessContext], AnyProofer]


def _made_by(place: str, **options: Any) -> _Make:
    """Return what makes a proofer of the class at *place*, whose module is imported when it is first used."""
    module, _, name = place.partition(":")

    def make(settings: LexisNexisSettings, _process: ProcessContext) -> AnyProofer:
        made: AnyProofer = getattr(import_module(f"{__name__}.{module}"), name)(settings, **options)
        return made

    return make


def _make_threat_metrix(settings: LexisNexisSettings, process: ProcessContext) -> AnyProofer:
    """Return the proofer, which can check the script of its tags where their certificate is known."""
    is_known = settings.ddp is not None and settings.ddp.tags_certificate is not None
    return _made_by(f"threat_metrix:{'Signed' if is_known else ''}ThreatMetrix")(settings, process)


def _rdp(product: str, kind: ProoferKind, make: _Make, *, timeout: str, **more: Any) -> ProoferDescriptor:
    """Return the descriptor of a product of the Risk Defense Platform."""

    def hosts(settings: LexisNexisSettings) -> frozenset[str]:
        return frozenset() if settings.rdp is None else _host(settings.rdp.base_url)

    return _descriptor(product, kind, make, hosts=hosts, timeout=timeout, **more)


def _ddp(product: str, kind: ProoferKind, make: _Make, *, timeout: str, **more: Any) -> ProoferDescriptor:
    """Return the descriptor of a product of the Dynamic Decision Platform."""

    def hosts(settings: LexisNexisSettings) -> frozenset[str]:
        if settings.ddp is None:
            return frozenset()
        checks_tags = kind is ProoferKind.DEVICE and settings.ddp.tags_certificate is not None
        return _host(settings.ddp.base_url) | (_host(settings.ddp.tags_base_url) if checks_tags else set())

    return _descriptor(product, kind, make, hosts=hosts, timeout=timeout, **more)


def _descriptor(
    product: str, kind: ProoferKind, make: _Make, *, timeout: str, **more: Any
) -> ProoferDescriptor:
    section, _, name = timeout.partition(".")

    def timeout_seconds(settings: LexisNexisSettings) -> float:
        # Without its section the proofer cannot be made, and so asks nobody.
        return getattr(getattr(settings, section), name, 1.0)

    return ProoferDescriptor(
        name=f"lexisnexis:{product}",
        kind=kind,
        make=make,
        timeout_seconds=timeout_seconds,
        company="LexisNexis Risk Solutions",
        **more,
    )


def _page(settings: LexisNexisSettings) -> BrowserPart | None:
    """Return what browsers load for ThreatMetrix."""
    part: BrowserPart | None = import_module(f"{__name__}.tags").make_tags(settings)
    return part


def _host(base_url: str) -> frozenset[str]:
    return frozenset({urlsplit(base_url).netloc})
