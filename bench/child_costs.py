"""What one call in a CPU child takes, measured there."""

import resource
import time
from collections.abc import Callable, Mapping
from typing import Any


def with_costs(function: Callable[[bytes, Any], Mapping[str, Any]], data: bytes, args: Any) -> dict[str, Any]:
    """Call *function*; add CPU seconds, and the most memory that the process held, in MiB, to its answer."""
    started = time.process_time()
    result = function(data, args)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**result, "cpu_seconds": seconds, "peak_megabytes": peak}
