"""What a policy releases of a person: sealed when jobs pass, kept until the relying party collects it.

Every job that passes seals what it knows of the released attributes, next to what earlier jobs knew. So the
process that verifies need not be the one that knows the person: a returned code is judged by a web process,
which knows nothing. Workers only seal; what they sealed is opened and put together when it is collected. An
end that is not *verified* deletes it. docs/adr/0045
"""

import base64
import json
from collections.abc import Mapping

from proofing.base.errors import EncryptionError
from proofing.contracts.applicant import Applicant
from proofing.contracts.records import JobKind
from proofing.contracts.verification_store import StoredVerification
from proofing.contracts.verifications import Sealed, VerificationRecord, VerificationState
from proofing.crypto.contexts import verification_context
from proofing.crypto.encryption import Sealer


async def sealed_claims(
    sealer: Sealer,
    stored: StoredVerification,
    after: VerificationRecord,
    applicant: Applicant,
    kind: JobKind,
) -> Mapping[Sealed, bytes | None]:
    """Return what is to be replaced of the sealed claims when a job has ended.

    Args:
        sealer: seals.
        stored: the verification before.
        after: its record after the change.
        applicant: as the job knows the person; empty where it did not pass.
        kind: of the job; it replaces what an earlier one of the kind knew.

    Raises:
        StoreUnavailableError: the key service does not answer.
    """
    if deletes_claims(after):
        return {Sealed.CLAIMS: None}
    released = applicant.select(after.terms.claims).reveal()
    if not released:
        return {}
    blob = await sealer.seal(json.dumps(released).encode(), verification_context(after.id, Sealed.CLAIMS))
    # The latest comes last: what it knows counts where two know of an attribute.
    parts = {name: part for name, part in _parts(stored).items() if name != kind}
    return {Sealed.CLAIMS: json.dumps({**parts, kind.value: base64.b64encode(blob).decode()}).encode()}


async def open_claims(sealer: Sealer, stored: StoredVerification) -> dict[str, str]:
    """Return what is sealed of the person; empty for nothing.

    Raises:
        EncryptionError: it does not open.
        StoreUnavailableError: the key service does not answer.
    """
    found: dict[str, str] = {}
    for part in _parts(stored).values():
        try:
            blob = base64.b64decode(part, validate=True)
            plain = await sealer.open(blob, verification_context(stored.record.id, Sealed.CLAIMS))
            found |= json.loads(plain)
        except (ValueError, TypeError):
            raise EncryptionError from None
    return found


def deletes_claims(record: VerificationRecord) -> bool:
    """Return whether a record that ended like this leaves nothing to collect."""
    return record.state.is_end and record.state is not VerificationState.VERIFIED


def _parts(stored: StoredVerification) -> dict[str, str]:
    """Return what each kind of job sealed, in base64, oldest first."""
    sealed = stored.sealed.get(Sealed.CLAIMS)
    if sealed is None:
        return {}
    try:
        return dict(json.loads(sealed))
    except (ValueError, TypeError):
        raise EncryptionError from None
