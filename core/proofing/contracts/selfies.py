"""The selfie: whom the pages ask for one, and what a person answered. docs/howto/ask-for-a-selfie.md."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class SelfieMode(StrEnum):
    """Whom the pages ask for a selfie."""

    #: Nobody.
    NEVER = "never"
    #: People whose document vendor cannot do without one.
    WHERE_NEEDED = "where_needed"
    #: Everybody.
    REQUIRED = "required"


class SelfieRefusal(StrEnum):
    """Where a person continues who takes no selfie."""

    #: With the organization, on the page of the other way.
    OTHER_WAY = "other_way"
    #: On the pages, without one.
    CONTINUE = "continue"


class SelfieAnswer(StrEnum):
    """What a person answered to the statement about the selfie."""

    #: A written consent.
    AGREED = "agreed"
    #: Will not, or cannot, take one. A choice, and no failure.
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfieChoice:
    """What a person answered, when, and to which statement.

    Attributes:
        answer: agreed or declined.
        at: as a Unix time.
        text_version: of the statement that was shown; the page shows it as well.
        recipient: the company that the statement named. A consent is worth nothing for another one.
    """

    answer: SelfieAnswer
    at: float
    text_version: str
    recipient: str

    def to_json(self) -> dict[str, Any]:
        """Return the choice as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(**{**values, "answer": SelfieAnswer(values["answer"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfieTerms:
    """What the settings and a person's document vendor make of the selfie.

    Attributes:
        is_asked: whether the person is asked for one.
        continues_without: whether a person who declines continues with the same steps.
        recipient: the company that compares it; "" when nobody is asked.
    """

    is_asked: bool
    continues_without: bool = False
    recipient: str = ""

    def has_consent(self, choice: SelfieChoice | None) -> bool:
        """Return whether *choice* allows to take a selfie and to give it to the recipient."""
        return (
            self.is_asked
            and choice is not None
            and choice.answer is SelfieAnswer.AGREED
            and choice.recipient == self.recipient
        )

    def wants_image(self, choice: SelfieChoice | None) -> bool:
        """Return whether the document is checked only together with a selfie."""
        return self.is_asked and not (self.continues_without and _has_declined(choice))

    def needs_choice(self, choice: SelfieChoice | None) -> bool:
        """Return whether the person must answer first, or again, before photos are taken."""
        return self.wants_image(choice) and not self.has_consent(choice)


def _has_declined(choice: SelfieChoice | None) -> bool:
    return choice is not None and choice.answer is SelfieAnswer.DECLINED
