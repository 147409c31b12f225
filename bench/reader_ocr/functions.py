"""What the children of the extra ``reader-ocr`` run: the text of a photo, and a note of what it took."""

from typing import Any

from bench.child_costs import with_costs
from proofing_reader.print_reading import read_print


def measured(data: bytes, args: Any) -> dict[str, Any]:
    """Recognize the text, and note what that took."""
    return with_costs(read_print, data, args)
