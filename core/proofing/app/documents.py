"""How a person shows their document: which vendor they have, what it takes, and what they may choose.

The one place where this is read from the settings, once for each request that needs it: page, uploads and
submit of one request agree, and the job asks the vendor that its person was shown.
"""

from dataclasses import dataclass
from enum import StrEnum

from proofing.base.errors import PluginError
from proofing.contracts.applicant import TYPES_OF, DocumentChoice, DocumentType
from proofing.contracts.continuation import Exchange
from proofing.contracts.images import Side
from proofing.contracts.people import PersonRef
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import Assurance, ProoferKind
from proofing.contracts.selfies import SelfieChoice, SelfieTerms
from proofing.routing.router import Router
from proofing.routing.selfies import selfie_terms
from proofing.rules.documents import required_sides
from proofing.settings import Settings


class DocumentWay(StrEnum):
    """Where a person shows their document."""

    #: By photos, on our page.
    PHOTOS = "photos"
    #: On a page of the vendor, which takes the photos.
    VISIT = "visit"
    #: From a wallet on their phone, which shares it.
    WALLET = "wallet"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPlan:
    """How the document of one person is taken now.

    Attributes:
        vendor: who verifies it.
        choices: the documents that the person may use, the usual one first.
        choice: the one that they use, of `choices`.
        types: that are accepted for this choice.
        accepted: that are accepted for any of `choices`.
        way: where the person shows it.
        sides: the photos that our page asks for; none on any other way.
        selfie: whether our page asks for one, and on what terms.
        wants_selfie: whether the policy wants one; None without a policy.
        authenticates: whether only a document that is genuine passes, as far as anybody can tell.
        accepts_test_documents: whether the testers' YAML form is read in place of an image.
        attributes: what the vendor gets of what the person typed before.
    """

    vendor: str
    choices: tuple[DocumentChoice, ...]
    choice: DocumentChoice
    types: frozenset[DocumentType]
    accepted: frozenset[DocumentType]
    way: DocumentWay
    sides: tuple[Side, ...]
    selfie: SelfieTerms
    wants_selfie: bool | None
    authenticates: bool
    accepts_test_documents: bool
    attributes: frozenset[str]

    @property
    def captures_images(self) -> bool:
        """Whether the document is shown elsewhere than on our page."""
        return self.way is not DocumentWay.PHOTOS


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOffer:
    """What people can be told before anybody knows whose vendor theirs is.

    Attributes:
        types: the documents that are accepted, of some people at least.
        ways: where people show theirs; several while shares of them have different vendors.
        asks_for_selfie: whether our pages ask everybody for one.
        authenticates: whether everybody's is checked for being genuine; else it is read.
    """

    types: frozenset[DocumentType]
    ways: frozenset[DocumentWay]
    asks_for_selfie: bool
    authenticates: bool


def plan_document(
    router: Router,
    settings: Settings,
    person: PersonRef,
    *,
    chosen: DocumentChoice | None,
    selfie: SelfieChoice | None,
    wants_selfie: bool | None = None,
) -> DocumentPlan:
    """Return how the document of *person* is taken; *chosen* holds as long as it is among the choices.

    *selfie* is what they answered when asked for one; for *wants_selfie* see `selfie_terms`.

    Raises:
        PluginError: the vendor's plugin is not there.
    """
    loaded = router.choose(ProoferKind.DOCUMENT, person.reference)
    if loaded is None:
        raise PluginError("there is no document proofer")
    descriptor = loaded.descriptor
    accepted = descriptor.document_types.intersection(settings.document_types)
    choices = tuple(choice for choice in DocumentChoice if not TYPES_OF[choice].isdisjoint(accepted))
    choice = chosen if chosen in choices else choices[0]
    terms = selfie_terms(settings, descriptor, policy=wants_selfie)
    photos = required_sides(passport=choice is DocumentChoice.PASSPORT, selfie=terms.wants_image(selfie))
    return DocumentPlan(
        vendor=descriptor.name,
        choices=choices,
        choice=choice,
        types=accepted & TYPES_OF[choice],
        accepted=accepted,
        way=_way_of(descriptor),
        sides=() if descriptor.captures_images else photos,
        selfie=terms,
        wants_selfie=wants_selfie,
        authenticates=_authenticates(settings, descriptor),
        accepts_test_documents=descriptor.accepts_test_documents or settings.test_document_vendor is not None,
        attributes=descriptor.attributes,
    )


def offer_documents(router: Router, settings: Settings) -> DocumentOffer:
    """Return what holds for the document vendors of the settings together."""
    vendors = [one.descriptor for one in router.configured() if one.descriptor.kind is ProoferKind.DOCUMENT]
    return DocumentOffer(
        types=frozenset(
            kind for one in vendors for kind in one.document_types & set(settings.document_types)
        ),
        ways=frozenset(map(_way_of, vendors)),
        asks_for_selfie=all(selfie_terms(settings, one).is_asked for one in vendors),
        authenticates=all(_authenticates(settings, one) for one in vendors),
    )


def _authenticates(settings: Settings, descriptor: ProoferDescriptor) -> bool:
    """Return whether a document that passes was checked for being genuine."""
    return descriptor.authenticates or settings.document_requires is Assurance.AUTHENTICATED


def _way_of(descriptor: ProoferDescriptor) -> DocumentWay:
    """Return where people of a document vendor show theirs."""
    if not descriptor.captures_images:
        return DocumentWay.PHOTOS
    return DocumentWay.WALLET if Exchange in descriptor.continues else DocumentWay.VISIT
