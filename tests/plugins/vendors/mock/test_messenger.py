"""The mock messenger keeps the contract, and answers by the number."""

from typing import ClassVar

from proofing.contracts.messages import Channel
from proofing.contracts.results import Refusal
from proofing.plugin import Cause
from proofing.testing.messengers import MessageExample, MessengerContract


class TestMessengerMock(MessengerContract):
    """Nothing leaves the process."""

    plugin = "proofing_mock"
    examples: ClassVar = {
        "taken": MessageExample(None, None),
        "opted out of text messages": MessageExample(
            None, Refusal.OPTED_OUT, frozenset({Channel.TEXT}), "+17035550181"
        ),
        "opted out, by call": MessageExample(None, None, frozenset({Channel.VOICE}), "+17035550181"),
        "unreachable": MessageExample(None, Refusal.UNREACHABLE, number="+17035550182"),
        "time-out": MessageExample(None, Cause.TIMEOUT, number="+17035550188"),
        "outage": MessageExample(None, Cause.UNREACHABLE, number="+17035550189"),
    }
