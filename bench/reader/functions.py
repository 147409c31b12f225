"""What the children run: the reader, and a note of what it took."""

from typing import Any

from bench.child_costs import with_costs
from proofing_reader.vision import read_back


def measured(data: bytes, args: Any) -> dict[str, Any]:
    """Read the photo, and note what that took."""
    return with_costs(read_back, data, args)
