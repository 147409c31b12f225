"""Reading files of JSON lines that other processes write to at the same time."""

import json
from pathlib import Path
from typing import Any


def read_lines(path: Path, *, start: int = 0) -> list[dict[str, Any]]:
    """Return the objects in the whole lines of *path*, from byte *start* on.

    What follows the last line end is a write that is in progress: a reader may see a part of it.
    """
    *lines, _coming = path.read_bytes()[start:].split(b"\n")
    return [json.loads(line) for line in lines]
