"""The message that carries a confirmation code, or the link of a hand-off, to a phone."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self


class Channel(StrEnum):
    """How a message reaches its phone."""

    #: A text message.
    TEXT = "text"
    #: A call that reads it aloud.
    VOICE = "voice"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message:
    """One message to one phone. Number, text and code are secrets: they belong in no log and no error.

    Attributes:
        channel: how it is sent.
        number: where to, in E.164: ``+12025550123``.
        locale: language of the *text*, as in BCP 47: ``en``.
        text: what is sent, or read aloud; contains the code or the link.
        code: the code alone, for vendors that write the text themselves; None for a text without a code.
    """

    channel: Channel
    number: str
    locale: str
    text: str
    code: str | None = None

    def __repr__(self) -> str:
        return f"Message(<redacted: {self.channel.value}>)"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, for sealing. Never log this."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        texts = {field.name: values[field.name] for field in fields(cls)}
        code = texts.pop("code")
        if not all(isinstance(text, str) for text in (*texts.values(), "" if code is None else code)):
            raise TypeError("must be texts")
        return cls(**{**texts, "channel": Channel(texts["channel"]), "code": code})
