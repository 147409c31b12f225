"""What the pages know of the verification of a session: whether it is still open, and what came of it.

Its record is read for each page, so that what the relying party, a reviewer, the clock or another device has
done in the meantime counts immediately. docs/reference/pages.md
"""

from proofing.base.errors import VerificationNotFoundError, VerificationStateError
from proofing.contracts.people import PersonRef
from proofing.contracts.verifications import VerificationRecord, VerificationState
from proofing.rules.verifications import SESSION_REPLACED
from proofing.sessions.steps import OUTCOME_PATH
from proofing_server.site import RedirectToStep, Site

#: The outcome of a session whose person has begun again by a newer link.
REPLACED = "replaced"
#: That of one whose verification is not known anymore.
FORGOTTEN = "forgotten"


async def find_record(site: Site, person: PersonRef) -> VerificationRecord | str:
    """Return the verification of a session, or `REPLACED` or `FORGOTTEN`."""
    try:
        return await site.service.verifications.current(person)
    except VerificationNotFoundError:
        return FORGOTTEN
    except VerificationStateError as error:
        return REPLACED if error.code == SESSION_REPLACED else error.state


async def require_open(site: Site, person: PersonRef) -> None:
    """Refuse every page of the flow once the verification has ended, or is another session's.

    Raises:
        RedirectToStep: it has: to the page of what came of it.
    """
    if person.verification is None:
        return
    found = await find_record(site, person)
    is_over = (
        isinstance(found, str)
        or not found.state.is_open
        or site.service.verifications.now() >= found.expires_at
    )
    if is_over:
        raise RedirectToStep(OUTCOME_PATH)


def name_of(found: VerificationRecord | str, *, now: float) -> str:
    """Return the key of the texts of an outcome."""
    if isinstance(found, str):
        return found
    waits = found.state.is_open or found.state is VerificationState.NEEDS_REVIEW
    if waits and now >= found.expires_at:
        # The sweeper has not come to it yet.
        return VerificationState.EXPIRED.value
    return found.state.value
