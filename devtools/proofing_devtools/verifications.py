"""A synthetic relying party for tests, and what its people do: settings, a request, a started session."""

from typing import Any

from proofing.app.service import ProofingService
from proofing.app.verifications import Request, Started
from proofing.contracts.people import PartyRef
from proofing.contracts.verifications import Mode

ACME = PartyRef("acme")
ACME_TEST = PartyRef("acme", Mode.TEST)
OTHER = PartyRef("other")
SUBJECT = "customer-42"

#: Settings of two relying parties, by whose policies every kind of job can be tried alone.
SETTINGS: dict[str, Any] = {
    "messenger_vendor": "mock",
    "policies": {
        "standard": {
            "steps": ["document", "resolution", "phone"],
            "claims": ["first_name", "last_name", "phone"],
        },
        "document": {"steps": ["document"], "claims": ["first_name"]},
        "resolution": {"steps": ["resolution"], "claims": ["first_name", "ssn"]},
        "phone": {"steps": ["phone"], "claims": ["phone"]},
        "code": {"steps": ["phone", "code"], "claims": ["phone"]},
    },
    "relying_parties": {
        "acme": {
            "display_name": "Acme",
            "policies": ["standard", "document", "resolution", "phone", "code"],
            "return_urls": ["https://acme.example/done"],
            "webhooks": {
                "live": {"url": "https://acme.example/hook"},
                "ends": {
                    "url": "https://acme.example/ends",
                    "events": ["verification.verified", "verification.failed"],
                },
                "test": {"url": "https://acme.example/test", "mode": "test"},
            },
        },
        "other": {"display_name": "Other", "policies": ["standard", "phone"]},
    },
}


async def start_verification(
    service: ProofingService, policy: str, *, party: PartyRef = ACME, subject: str = SUBJECT
) -> Started:
    """Create a verification of *policy*, and use its link."""
    created = await service.verifications.create(party, Request(subject=subject, policy=policy))
    assert created.token is not None
    return await service.verifications.start(created.token)
