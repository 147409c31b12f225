"""A synthetic person for tests of the service, and what her browser does with her images."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from proofing.app.service import EncryptedImage, PersonRef, ProofingService
from proofing.contracts.applicant import Applicant
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.images import Side
from proofing.contracts.stores import PresignedUpload
from proofing.crypto.encryption import seal_image
from proofing.sessions.uploads import new_attempt

PERSON = PersonRef(reference="person-1")
#: Passes every check of the mock vendor.
APPLICANT = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    dob="1938-10-06",
    ssn="900661234",
    address1="1 FAKE RD",
    city="GREAT FALLS",
    state="MT",
    zipcode="59010-1234",
    phone="2025550143",
    state_id_number="1111111111111",
    state_id_jurisdiction="ND",
    document_type_received="drivers_license",
)
DEVICE: dict[str, Any] = {"circumstances": Circumstances(device_session_id="pass", ip_address="192.0.2.7")}


async def upload_images(
    service: ProofingService,
    images: Mapping[Side, bytes],
    *,
    attempt: str | None = None,
    person: PersonRef = PERSON,
    tamper: Callable[[bytes], bytes] = lambda body: body,
) -> dict[str, Any]:
    """Encrypt and upload *images* to a store that the server receives for.

    Returns the arguments of `ProofingService.submit_uploads`. *tamper* changes each ciphertext before its
    hash is reported, as a hostile browser could do.
    """
    attempt = attempt or new_attempt()
    key = secrets.token_bytes(32)
    uploaded = {}
    for side, image in images.items():
        slot = await service.new_slot(person, attempt=attempt, side=side)
        iv = secrets.token_bytes(12)
        body = tamper(seal_image(image, key, iv, slot=slot, side=side))
        signed = await service.uploads.presign(
            person.reference,
            attempt=attempt,
            slot=slot,
            length=len(body),
            sha256=hashlib.sha256(body).digest(),
        )
        await send(service, signed, body)
        uploaded[side] = EncryptedImage(slot=slot, iv=iv)
    return {"attempt": attempt, "encryption_key": key, "images": uploaded}


async def send(service: ProofingService, signed: PresignedUpload, body: bytes) -> None:
    """Send *body* where *signed* says."""
    if service.upload_receiver is None:
        raise TypeError("the image store has an endpoint of its own")
    path, _, query = signed.url.partition("?")
    headers = {name.lower(): value for name, value in signed.headers.items()}

    async def stream() -> AsyncIterator[bytes]:
        yield body

    await service.upload_receiver.receive(
        path.partition("/uploads/")[2],
        query=dict(parse_qsl(query)),
        headers={**headers, "content-length": str(len(body))},
        body=stream(),
    )
