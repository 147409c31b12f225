"""The message that `proofing vendor try` has a messenger send."""

from proofing.base.errors import ConfigurationError, Problem
from proofing.contracts.messages import Channel, Message
from proofing.contracts.phone_numbers import COUNTRY_CODE
from proofing.registry.proofers import LoadedProofer

#: It confirms nothing, so it need not be secret.
_CODE = "123456"


def make_message(loaded: LoadedProofer, phone: str | None, file: str, channel: str | None = None) -> Message:
    """Return a message to *phone*, ten national digits, which *file* names.

    Args:
        loaded: the messenger.
        phone: None where the file has none.
        file: its name, for the error.
        channel: a value of `Channel`; None for a text message, or a call where there are no text messages.

    Raises:
        ConfigurationError: the file has no phone number, or the messenger does not have the channel.
    """
    if phone is None:
        rule = "is missing: the message is sent to this number"
        raise ConfigurationError([Problem(file, "phone", rule)])
    offered = sorted(loaded.channels)
    chosen = channel or (Channel.TEXT if Channel.TEXT in offered else offered[0])
    if chosen not in offered:
        rule = f"{loaded.descriptor.name} does not have it; it has {' and '.join(offered)}"
        raise ConfigurationError([Problem("command line", "--channel", rule)])
    by = Channel(chosen)
    code = _CODE if by is Channel.TEXT else ", ".join(_CODE)
    return Message(
        channel=by,
        number=f"{COUNTRY_CODE}{phone}",
        locale="en",
        text=f"This is a test of identity proofing. The code is {code}. You can ignore it.",
        code=_CODE,
    )
