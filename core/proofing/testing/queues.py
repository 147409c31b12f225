"""The contract suite of queue backends.

A plugin's tests subclass `QueueContract`, say how to make a queue, and inherit the cases. What a queue does
not declare among its capabilities is skipped. Needs pytest-asyncio in auto mode. Limits of a backend, such as
slow shut-downs, are set by overriding the class attributes.
"""

from proofing.testing.queue_abilities import QueueAbilities
from proofing.testing.queue_basics import QueueBasics
from proofing.testing.queue_ends import QueueEnds
from proofing.testing.queue_handlers import RecordingHandler, immediately, make_message, make_record
from proofing.testing.queue_operations import QueueOperations
from proofing.testing.queue_owner_purge import QueueOwnerPurge
from proofing.testing.queue_parking import QueueParking
from proofing.testing.queue_survival import QueueSurvival
from proofing.testing.queue_waking import QueueWaking

__all__ = ["QueueContract", "RecordingHandler", "immediately", "make_message", "make_record"]


class QueueContract(
    QueueBasics,
    QueueEnds,
    QueueAbilities,
    QueueParking,
    QueueWaking,
    QueueOwnerPurge,
    QueueOperations,
    QueueSurvival,
):
    """Every case of the contract; see `proofing.testing.queue_basis.QueueBasis` for what to override."""
