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
from proofing.contracts.results import ProoferKind
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
        accepts_test_documents: whether the vendor reads the testers' YAML form.
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
    """

    types: frozenset[DocumentType]
    ways: frozenset[DocumentWay]


def plan_document(
    router: Router,
    settings: Settings,
    person: PersonRef,
    chosen: DocumentChoice | None,
    selfie: SelfieChoice | None,
) -> DocumentPlan:
    """Return how the document of *person* is taken; *chosen* holds as long as it is among the choices.

    *selfie* is what they answered when asked for one.

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
    terms = selfie_terms(settings, descriptor)
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
        accepts_test_documents=descriptor.accepts_test_documents,
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
    )


def required_attributes(router: Router, person: PersonRef) -> frozenset[str]:
    """Return the attributes without which a vendor that *person* may meet cannot be asked.

    Of document vendors theirs alone counts; of others each one that the settings name, as any of them may be
    chosen for an attempt.
    """
    document = router.choose(ProoferKind.DOCUMENT, person.reference)
    own = frozenset() if document is None else document.descriptor.requires
    others = (one.descriptor for one in router.configured())
    return own.union(*(one.requires for one in others if one.kind is not ProoferKind.DOCUMENT))


def _way_of(descriptor: ProoferDescriptor) -> DocumentWay:
    """Return where people of a document vendor show theirs."""
    if not descriptor.captures_images:
        return DocumentWay.PHOTOS
    return DocumentWay.WALLET if Exchange in descriptor.continues else DocumentWay.VISIT
