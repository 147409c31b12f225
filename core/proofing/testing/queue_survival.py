"""Cases of the queue contract about workers that die: real processes, really killed."""

import signal
from pathlib import Path

import pytest

from proofing.contracts.queues import Capability, Queue
from proofing.contracts.records import EndState
from proofing.testing.history import violations
from proofing.testing.queue_basis import QueueBasis
from proofing.testing.queue_handlers import make_message
from proofing.testing.queue_process import published_ends, whole_history
from proofing.testing.waiting import eventually

#: Step at which the process dies, and the end that its job must have.
_STEPS = {
    "before_intent": EndState.DONE,
    "after_intent": EndState.UNKNOWN_OUTCOME,
    "after_call": EndState.UNKNOWN_OUTCOME,
    "after_publish": EndState.DONE,
}


class QueueSurvival(QueueBasis):
    """A worker's death at any step leaves one typed end and at most one vendor call."""

    @pytest.mark.parametrize("step", list(_STEPS))
    async def test_a_worker_that_dies_at_a_step(self, queue: Queue, tmp_path: Path, step: str) -> None:
        """Its job runs again, and knows whether a vendor may have been called; what was published is kept."""
        self.needs(queue, Capability.CRASH_RECOVERY)
        first = self.start_worker(tmp_path)
        if first is None:
            pytest.skip("this test suite starts no processes")
        message = make_message(metadata={"crash_at": step})
        with first:
            await queue.enqueue([message])
            await eventually(lambda: not first.is_alive, within_seconds=self.patience_seconds)
            assert first.wait() == -signal.SIGKILL
        second = self.start_worker(tmp_path)
        assert second is not None
        with second:
            await eventually(
                lambda: message.result_id in published_ends(tmp_path), within_seconds=self.patience_seconds
            )
        assert published_ends(tmp_path)[message.result_id] is _STEPS[step]
        events = [{"event": "enqueued", "job": message.result_id}, *whole_history(tmp_path)]
        assert violations(events) == []
