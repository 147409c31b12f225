"""What people are offered by the settings in effect and by the vendors that they may meet.

Read again for each request; in test mode the vendors are mocks alone.
"""

from collections.abc import Callable

from proofing.app.documents import DocumentOffer, DocumentPlan, offer_documents, plan_document
from proofing.app.needs import needed_attributes
from proofing.contracts.applicant import DocumentChoice
from proofing.contracts.browser_parts import BrowserPart
from proofing.contracts.people import PersonRef
from proofing.contracts.results import ProoferKind
from proofing.contracts.selfies import SelfieChoice, SelfieTerms
from proofing.contracts.verifications import Mode
from proofing.contracts.verifications import Step as PolicyStep
from proofing.routing.router import Router
from proofing.routing.selfies import selfie_terms
from proofing.routing.vendors import shadow_vendors
from proofing.settings import LiveSettings, Settings


class Offers:
    """The part of `proofing.app.service.ProofingService` that asks no store."""

    def __init__(self, live: LiveSettings, router_of: Callable[[Mode], Router]) -> None:
        """Follow the settings *live*; *router_of* chooses vendors."""
        self._live = live
        self._router_of = router_of
        self.router = router_of(Mode.LIVE)

    @property
    def settings(self) -> Settings:
        """The settings in effect at this moment."""
        return self._live.current

    @property
    def async_documents(self) -> bool:
        """Whether browsers encrypt and upload, and jobs proof the images."""
        return self.settings.doc_auth_enable_presigned_s3_urls

    @property
    def async_proofing(self) -> bool:
        """Whether resolution and phone proofing, and sending codes, are jobs."""
        return self.settings.ruby_workers_idv_enabled

    def selfie_terms(self, person: PersonRef, wants_selfie: bool | None = None) -> SelfieTerms:
        """Return whether *person* is asked for a selfie, who compares it, and whether they may go without.

        *wants_selfie* is what the policy of their verification wants; None without one.
        """
        loaded = self._router_of(person.mode).choose(ProoferKind.DOCUMENT, person.reference)
        return selfie_terms(self.settings, loaded.descriptor if loaded else None, policy=wants_selfie)

    def document_plan(
        self,
        person: PersonRef,
        chosen: DocumentChoice | None = None,
        selfie: SelfieChoice | None = None,
        wants_selfie: bool | None = None,
    ) -> DocumentPlan:
        """Return how the document of *person* is taken, who has *chosen* one; read once for each request.

        *selfie* is what they answered when asked for one, *wants_selfie* what the policy wants.
        """
        return plan_document(
            self._router_of(person.mode),
            self.settings,
            person,
            chosen=chosen,
            selfie=selfie,
            wants_selfie=wants_selfie,
        )

    def document_offer(self, mode: Mode = Mode.LIVE) -> DocumentOffer:
        """Return what people can be told of documents before they have begun."""
        return offer_documents(self._router_of(mode), self.settings)

    def needed_attributes(
        self, person: PersonRef, policy_steps: tuple[PolicyStep, ...] = ()
    ) -> frozenset[str]:
        """Return what *person* is asked for because a vendor that they may meet needs it."""
        return needed_attributes(self._router_of(person.mode), person, policy_steps)

    def mocks_devices(self, person: PersonRef) -> bool:
        """Return whether the device profiler is a mock, so that testers may choose what it answers."""
        loaded = self._router_of(person.mode).choose(ProoferKind.DEVICE, person.reference)
        return loaded is not None and loaded.is_mock

    def browser_part(self, person: PersonRef) -> BrowserPart | None:
        """Return what the browser of *person* loads for their device profiler; None for nothing."""
        loaded = self._router_of(person.mode).choose(ProoferKind.DEVICE, person.reference)
        return None if loaded is None else loaded.browser_part

    def shadow_companies(self) -> tuple[str, ...]:
        """Return the companies whose answers are compared with those that count, as a consent names them."""
        named = (
            self.router.named(kind, name).descriptor.company
            for _key, kind, names in shadow_vendors(self.settings)
            for name in names
        )
        return tuple(dict.fromkeys(company for company in named if company))

    def isolated_part(self) -> BrowserPart | None:
        """Return the part that is loaded in a frame of its own, for people whose device profiler has one."""
        loaded = self.router.choose(ProoferKind.DEVICE, "")
        part = None if loaded is None else loaded.browser_part
        return part if part is not None and part.isolated else None

    def browser_parts(self) -> list[BrowserPart]:
        """Return what browsers load for any of the vendors that the settings name."""
        return [one.browser_part for one in self.router.configured() if one.browser_part is not None]
