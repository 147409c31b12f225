"""Images of documents: their sides, and what is known of each. The gate: `proofing.rules.image_check`."""

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum

MAX_IMAGE_BYTES = 15 * 1024 * 1024
#: Media type of the testers' form in place of an image.
FORM_TYPE = "application/yaml"


class Side(StrEnum):
    """A side of a document, or another image of an attempt."""

    #: The side with the portrait.
    FRONT = "front"
    #: The side with the barcode.
    BACK = "back"
    #: The data page of a passport.
    PASSPORT = "passport"
    #: The person's face.
    SELFIE = "selfie"


@dataclass(frozen=True, slots=True, repr=False)
class Image:
    """One decrypted image that has passed the image check.

    Attributes:
        content: the bytes of the image file, of its first image alone and without metadata.
        media_type: ``image/jpeg``, ``image/png``, or `FORM_TYPE`.
    """

    content: bytes
    media_type: str
    width: int = 0
    height: int = 0

    def __repr__(self) -> str:
        return f"Image({self.media_type}, {len(self.content)} bytes, {self.width}x{self.height})"

    @property
    def fingerprint(self) -> str:
        """What failed images are known by; see `fingerprint_of`."""
        return fingerprint_of(self.content)


def fingerprint_of(content: bytes) -> str:
    """Return the SHA-256 of *content* in URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UploadedImage:
    """One image in the image store, encrypted by the browser.

    Attributes:
        slot: id of its upload slot, part of the associated data.
        attempt: that uploaded it, and whose key encrypts it.
        object_key: where it lies; chosen by the server.
        length: of the ciphertext in bytes.
        sha256: of the ciphertext, 32 bytes.
        iv: 12 bytes.
    """

    slot: str
    attempt: str
    object_key: str
    length: int
    sha256: bytes
    iv: bytes
