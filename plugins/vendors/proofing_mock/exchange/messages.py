"""What adapter and wallet of `mock:exchange` send each other, in one text: ``PAYLOAD.MAC``, both base64url.

The payload is JSON. Request and answer are under keys of their own, so that neither passes for the other.
"""

import base64
import json
import re
from enum import StrEnum
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofing.plugin import ProcessContext
from proofing.plugin.support import MACKeys, parse_json
from proofing_mock.decisions import APPROVED, DECLINED

#: By which the browser's wallet is asked.
PROTOCOL = "mock-wallet"
_LABEL = "exchange"
_MESSAGE = re.compile(r"([A-Za-z0-9_-]{1,4096})\.([A-Za-z0-9_-]{43})", re.ASCII)
_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)


class Decision(StrEnum):
    """What the wallet answers."""

    #: The person shared what was asked for.
    APPROVED = APPROVED
    #: The person shared what is not accepted.
    DECLINED = DECLINED
    #: The person shares nothing.
    REFUSED = "refused"


class WalletRequest(BaseModel):
    """What the wallet is asked; an answer repeats nonce and question."""

    model_config = _STRICT

    nonce: str = Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")
    question: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    answer_url: str = Field(pattern=r"^\S{1,1024}$")


class WalletAnswer(BaseModel):
    """What the wallet answers."""

    model_config = _STRICT

    nonce: str
    question: str
    decision: Decision = Field(strict=False)


MessageT = TypeVar("MessageT", WalletRequest, WalletAnswer)


class Messages:
    """Writes and reads messages under the keys of one process."""

    def __init__(self, keys: MACKeys) -> None:
        """Derive the keys of both directions from *keys*."""
        self._keys: dict[type[BaseModel], MACKeys] = {
            WalletRequest: keys.derive(b"request"),
            WalletAnswer: keys.derive(b"answer"),
        }

    @classmethod
    def of(cls, process: ProcessContext) -> Self:
        """Return those of *process*; keys of before still verify."""
        return cls(MACKeys(process.secret(_LABEL), process.old_secrets(_LABEL)))

    def write(self, message: WalletRequest | WalletAnswer) -> str:
        """Return *message* with its MAC."""
        payload = message.model_dump_json().encode()
        return f"{_base64url(payload)}.{_base64url(self._keys[type(message)].sign(payload))}"

    def read_request(self, body: bytes) -> WalletRequest:
        """Return the request of a wallet, as it is served and as the browser passes it on.

        Raises:
            ValueError: it is not the product's.
        """
        return self._read(WalletRequest, body, "request")

    def read_answer(self, body: bytes) -> WalletAnswer:
        """Return the answer that was posted, by the wallet itself or by our page. Raises ValueError."""
        return self._read(WalletAnswer, body, "answer")

    def _read(self, model: type[MessageT], body: bytes, name: str) -> MessageT:
        """Return the message *name* in the JSON *body*. Raises ValueError, which quotes nothing."""
        try:
            values = parse_json(body, max_depth=3)
            if values.get("protocol") == PROTOCOL:
                values = values["data"]
            found = _MESSAGE.fullmatch(values[name])
            payload, mac = (_bytes(text) for text in found.groups()) if found else (b"", b"")
            if not self._keys[model].verify(payload, mac):
                raise ValueError
            return model.model_validate_json(payload)
        except (ValidationError, ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("the message is not of this exchange") from None


def unsigned(message: str) -> str:
    """Return *message* with a MAC of zeros."""
    return f"{message.partition('.')[0]}.{_base64url(bytes(32))}"


def request_body(message: str) -> dict[str, str]:
    """Return the JSON object that holds the request *message*."""
    return {"request": message}


def answer_body(message: str) -> bytes:
    """Return the body in which a wallet posts the answer *message*."""
    return json.dumps({"answer": message}).encode()


def _base64url(content: bytes) -> str:
    """Return *content* without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Return what `_base64url` made. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
