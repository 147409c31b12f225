"""What people are asked for only where a vendor of theirs needs it: read once for each request."""

from proofing.contracts.people import PersonRef
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.records import job_of
from proofing.contracts.results import ProoferKind
from proofing.contracts.verifications import Step as PolicyStep
from proofing.routing.router import Router
from proofing.sessions.steps import ASKED_IF_REQUIRED, NAMES, STATE_ID, steps_for


def needed_attributes(
    router: Router, person: PersonRef, policy_steps: tuple[PolicyStep, ...] = ()
) -> frozenset[str]:
    """Return what *person* is asked for because a vendor that they may meet needs it.

    That is what a vendor cannot do without; names, where a phone number is checked and nothing else says
    them; and the number of an ID, where licensing agencies are asked and no document is shown.

    Of document vendors theirs alone counts; of others each one that the settings name, as another one may be
    asked after the first. With *policy_steps*, only vendors that they ask.
    """
    vendors = _asked(router, person, policy_steps)
    needed = ASKED_IF_REQUIRED.intersection(name for one in vendors for name in one.requires)
    if not policy_steps or PolicyStep.DOCUMENT in policy_steps:
        return needed
    if any(one.kind is ProoferKind.STATE_ID for one in vendors):
        needed |= {*STATE_ID}
    if any(one.kind is ProoferKind.PHONE and not NAMES.isdisjoint(one.attributes) for one in vendors):
        needed |= NAMES
    return needed


def _asked(
    router: Router, person: PersonRef, policy_steps: tuple[PolicyStep, ...]
) -> list[ProoferDescriptor]:
    """Return the vendors that the person may meet."""
    jobs = {step.job for step in steps_for(policy_steps) if step.submits}
    found: list[ProoferDescriptor] = []
    document = router.choose(ProoferKind.DOCUMENT, person.reference)
    others = [one.descriptor for one in router.configured()]
    if document is not None:
        found.append(document.descriptor)
    found += (one for one in others if one.kind is not ProoferKind.DOCUMENT)
    return [one for one in found if job_of(one.kind) in jobs]
