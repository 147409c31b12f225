"""What surrounds a question: where and how it came about, and what it asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from proofing.contracts.applicant import DocumentType


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Circumstances:
    """How the person came to the question. Each may be unknown (None); addresses and ids are personal data.

    Attributes:
        locale: language of the pages that the person saw, as in BCP 47: ``en``.
        consented_at: when the person agreed to the check, in UTC.
        attempt_number: which submission of this kind it is in the person's session, from 1.
        ip_address: the browser's address, as the trusted proxies report it.
        user_agent: what the browser calls itself; at most 512 characters of a stranger's choice.
        device_session_id: the browser's profiling session.
        compared_by: companies that the consent named for comparisons of answers.
    """

    locale: str | None = None
    consented_at: datetime | None = None
    attempt_number: int | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    device_session_id: str | None = None
    compared_by: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        known = ", ".join(name for name in CIRCUMSTANCES if getattr(self, name) is not None)
        return f"Circumstances(<redacted: {known}>)"

    def select(self, names: Iterable[str]) -> Self:
        """Return a copy with only *names*; what a vendor did not declare it never sees."""
        return type(self)(**{name: getattr(self, name) for name in names})

    def to_json(self) -> dict[str, Any]:
        """Return what is known as JSON values, for sealing. Never log this."""
        values = {name: value for name in CIRCUMSTANCES if (value := getattr(self, name)) is not None}
        if self.consented_at is not None:
            values["consented_at"] = self.consented_at.isoformat()
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        consented_at = values.get("consented_at")
        moment = None if consented_at is None else datetime.fromisoformat(consented_at)
        companies = values.get("compared_by")
        compared_by = None if companies is None else tuple(companies)
        return cls(**{**values, "consented_at": moment, "compared_by": compared_by})


#: The names of all circumstances.
CIRCUMSTANCES: tuple[str, ...] = tuple(field.name for field in fields(Circumstances))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a document proofer's answer is to be about.

    Attributes:
        document_types: that are accepted.
        selfie: whether a selfie is compared with the document.
    """

    document_types: frozenset[DocumentType] = frozenset()
    selfie: bool = False
