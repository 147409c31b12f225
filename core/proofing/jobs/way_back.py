"""How what happens at a vendor finds its question: by an id that proves itself, or by the vendor's reference.

The id of a question is base64url of result id (16 bytes), number of the question (4) and MAC (16). It needs
no table, so it survives a store that lost everything, and it opens nothing: who presents it can have a job
look at its vendor, and no more. Where a vendor does not echo it, an entry in the result store leads
from a MAC over its reference to the id of the question.
"""

import base64
import binascii
import hmac
import uuid
from dataclasses import dataclass
from typing import Final

from proofing.crypto.encryption import KeyRing

_QUESTION_LABEL: Final = "question id"
_REFERENCE_LABEL: Final = "vendor reference"
_NUMBER_BYTES: Final = 4
_MAC_BYTES: Final = 16
_BYTES: Final = 16 + _NUMBER_BYTES + _MAC_BYTES
RETURN_PREFIX: Final = "/return/"
ANSWER_PREFIX: Final = "/answers/"


@dataclass(frozen=True, slots=True)
class QuestionAddress:
    """A question of a job.

    Attributes:
        result_id: of the job.
        number: of the question; see `QuestionKey.number`.
    """

    result_id: str
    number: int


class WayBack:
    """Makes and reads the ids of questions, and the keys by which a vendor's references lead to them."""

    def __init__(self, keys: KeyRing, public_url: str) -> None:
        """Sign with *keys*; people come back to *public_url*, the origin of the pages."""
        self._keys = keys
        self._public_url = public_url.rstrip("/")

    def question_id(self, question: QuestionAddress) -> str:
        """Return the id of *question*: 48 characters of base64url."""
        data = uuid.UUID(question.result_id).bytes + question.number.to_bytes(_NUMBER_BYTES)
        mac = bytes.fromhex(self._keys.sign(data, _QUESTION_LABEL))[:_MAC_BYTES]
        return base64.urlsafe_b64encode(data + mac).decode()

    def read(self, question_id: str) -> QuestionAddress | None:
        """Return the question of an id that is ours, under the current or an old key; else None."""
        try:
            raw = base64.b64decode(question_id.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        data, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:].hex()
        if len(raw) != _BYTES or not any(
            hmac.compare_digest(known[: 2 * _MAC_BYTES], mac)
            for known in self._keys.signatures(data, _QUESTION_LABEL)
        ):
            return None
        return QuestionAddress(
            str(uuid.UUID(bytes=data[:-_NUMBER_BYTES])), int.from_bytes(data[-_NUMBER_BYTES:])
        )

    def return_url(self, question_id: str) -> str:
        """Return where a person comes back to from the vendor's page."""
        return f"{self._public_url}{RETURN_PREFIX}{question_id}"

    def answer_url(self, question_id: str) -> str:
        """Return where a wallet posts its answer."""
        return f"{self._public_url}{ANSWER_PREFIX}{question_id}"

    def reference_marks(self, webhook: str, reference: str) -> list[str]:
        """Return the MACs of a vendor's *reference* under the current key first, then the old ones.

        What is stored has the first as its key; what was stored before a rotation is found by another.
        """
        return self._keys.signatures(f"{webhook}|{reference}".encode(), _REFERENCE_LABEL)
