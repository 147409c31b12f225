"""What a relying party asks for: checked against the settings, and turned into what is stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from proofing.base.errors import EncryptionError, InvalidInputError
from proofing.contracts.verifications import Terms
from proofing.settings import Settings
from proofing.settings.relying_parties import AssuranceTarget, PolicySettings
from proofing.verifications.subjects import MAX_SUBJECT_CHARACTERS

MAX_METADATA = 20
MAX_METADATA_NAME_CHARACTERS = 40
MAX_METADATA_CHARACTERS = 500
_MAX_LOCALE_CHARACTERS = 35
#: The channel of verifications that OpenID Connect creates.
OIDC_CHANNEL = "oidc"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Subject:
    """Whom a verification is about, in the relying party's words; stored sealed.

    Attributes:
        reference: the relying party's own; personal data.
        metadata: that it wants back; may be personal.
    """

    reference: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return it as JSON, for sealing."""
        values = {"reference": self.reference, "metadata": dict(self.metadata)}
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises `EncryptionError` for anything else."""
        try:
            values = json.loads(data)
            return cls(reference=values["reference"], metadata=dict(values["metadata"]))
        except (ValueError, KeyError, TypeError):
            raise EncryptionError from None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Request:
    """What a relying party asks for.

    Attributes:
        subject: its own reference of its person.
        policy: name; None for the first of its policies.
        metadata: that it wants back.
        return_url: where the person goes at the end: one of its own, or of the channel ``oidc`` ours, which
            leads back to the client.
        locale: language of the pages, as a BCP 47 tag.
        channel: ``api`` or ``oidc``.
        context: what the channel needs to bring the answer back; sealed.
    """

    subject: str
    policy: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    return_url: str | None = None
    locale: str | None = None
    channel: str = "api"
    context: bytes | None = None


def find_policy(settings: Settings, relying_party: str, request: Request) -> tuple[str, PolicySettings]:
    """Return name and settings of the policy that *request* asks for.

    Raises:
        InvalidInputError: names every field of the request that is wrong, with a code.
    """
    party = settings.relying_parties.get(relying_party)
    if party is None:
        raise InvalidInputError({"relying_party": "unknown"})
    name = request.policy or party.policies[0]
    problems: dict[str, str] = {}
    policy = settings.policies.get(name) if name in party.policies else None
    if policy is None:
        problems["policy"] = "unknown"
    if not request.subject.strip():
        problems["subject"] = "required"
    elif len(request.subject) > MAX_SUBJECT_CHARACTERS:
        problems["subject"] = "too_long"
    is_ours = request.channel == OIDC_CHANNEL
    if request.return_url is not None and not is_ours and request.return_url not in party.return_urls:
        problems["return_url"] = "not_listed"
    if request.locale is not None and len(request.locale) > _MAX_LOCALE_CHARACTERS:
        problems["locale"] = "too_long"
    if problem := _metadata_problem(request.metadata):
        problems["metadata"] = problem
    if policy is None or problems:
        raise InvalidInputError(problems)
    return name, policy


def terms_of(policy: PolicySettings) -> Terms:
    """Return what is agreed under *policy* as it is now."""
    is_without = policy.assurance is AssuranceTarget.NONE
    return Terms(
        steps=policy.steps,
        target=None if is_without else policy.assurance.value,
        attempts=policy.attempts,
        review_days=policy.review_days,
        claims=policy.claims,
        claims_hours=policy.claims_hours,
        retention_days=policy.retention_days,
    )


def _metadata_problem(metadata: Mapping[str, str]) -> str | None:
    if len(metadata) > MAX_METADATA:
        return "too_many"
    if any(
        len(name) > MAX_METADATA_NAME_CHARACTERS or len(value) > MAX_METADATA_CHARACTERS
        for name, value in metadata.items()
    ):
        return "too_long"
    return None
