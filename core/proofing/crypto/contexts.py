"""What each kind of sealed message is bound to, so that none opens in another's place."""

from dataclasses import replace

from proofing.contracts.queues import JobMessage
from proofing.contracts.verifications import Sealed
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import SealContext


def image_key_context(owner: str, attempt: str) -> SealContext:
    """Return what the key of a page's images is bound to until it is submitted.

    Of the arguments' purpose, which web processes may seal for and not open.
    """
    return SealContext(purpose=Purpose.ARGUMENTS, subject=owner, item=f"image-key/{attempt}")


def arguments_context(message: JobMessage) -> SealContext:
    """Return what a job's arguments are bound to: the person, the kind, this very job, and its verification.

    So who can write to a queue cannot have a live job answered by the mocks of test mode.
    """
    item = f"{message.kind.value}/{message.result_id}"
    if message.verification is not None:
        item = f"{item}/{message.verification.to_text()}"
    return SealContext(purpose=Purpose.ARGUMENTS, subject=message.owner, item=item)


def parked_context(message: JobMessage) -> SealContext:
    """Return what the arguments of a parked job are bound to."""
    return replace(arguments_context(message), purpose=Purpose.PARKED)


def answers_context(message: JobMessage) -> SealContext:
    """Return what the answers are bound to that a job has while it runs."""
    parked = parked_context(message)
    return replace(parked, item=f"{parked.item}/answers")


def forgetting_context(owner: str, result_id: str) -> SealContext:
    """Return what the questions are bound to whose vendors an erasure has delete."""
    return SealContext(purpose=Purpose.PARKED, subject=owner, item=f"forgetting/{result_id}")


def note_context(result_id: str) -> SealContext:
    """Return what a note for a parked job is bound to."""
    return SealContext(purpose=Purpose.NOTES, subject=result_id)


def early_event_context(mark: str) -> SealContext:
    """Return what an event is bound to that came before its job was parked: the *mark* of its reference."""
    return SealContext(purpose=Purpose.NOTES, subject=mark, item="early")


def vendor_page_context(owner: str, result_id: str) -> SealContext:
    """Return what the page of a vendor is bound to that a person has to visit."""
    return SealContext(purpose=Purpose.RESULT, subject=owner, item=f"vendor-page/{result_id}")


def result_context(owner: str, result_id: str) -> SealContext:
    """Return what a job's result is bound to."""
    return SealContext(purpose=Purpose.RESULT, subject=owner, item=result_id)


def cache_context(key: str) -> SealContext:
    """Return what a value that workers share is bound to: its place, which is of no person."""
    return SealContext(purpose=Purpose.CACHE, subject=key)


def verification_context(verification_id: str, value: Sealed) -> SealContext:
    """Return what a sealed *value* of a verification is bound to."""
    return SealContext(purpose=Purpose.VERIFICATION, subject=verification_id, item=value.value)


def credential_context(credential_id: str) -> SealContext:
    """Return what the secret or private key of a credential is bound to."""
    return SealContext(purpose=Purpose.CREDENTIAL, subject=credential_id)
