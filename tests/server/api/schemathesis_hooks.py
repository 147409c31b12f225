"""What `st run` changes of the cases of its long form: simulated vendors that answer late answer sooner."""

from typing import Any

import schemathesis

#: The longest latency that is valid (proofing_server.api.schemas), and by how much a valid one is divided.
_LONGEST_SECONDS, _TIMES = 30.0, 10_000


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Shorten a valid latency; one that must be refused stays."""
    body = case.body
    if case.operation.path.endswith("/simulate") and isinstance(body, dict):
        latency = body.get("latency_seconds")
        if type(latency) in (int, float) and 0 <= latency <= _LONGEST_SECONDS:
            body["latency_seconds"] = latency / _TIMES
