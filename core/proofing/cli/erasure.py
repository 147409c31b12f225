"""`proofing erase`: remove all that is kept of a person, and print a receipt for each store."""

import argparse
import json
from contextlib import AsyncExitStack
from dataclasses import asdict

from proofing.errors import QueueError, StoreError
from proofing.runtime import configure, make_backends, make_eraser


async def erase(options: argparse.Namespace) -> int:
    """Erase one person; 0 when nothing is left, 1 when it must be run again."""
    configuration = await configure(role="erase")
    backends = make_backends(configuration, "erase")
    async with AsyncExitStack() as stack:
        for backend in (backends.queue, backends.images, backends.results):
            stack.push_async_callback(backend.close)
            try:
                await backend.open()
            except (QueueError, StoreError):
                continue  # its receipt will say so
        erasure = await make_eraser(configuration, backends).erase(options.reference)
    if options.json:
        receipts = [asdict(receipt) for receipt in erasure.receipts]
        print(json.dumps({"person": erasure.person, "complete": erasure.is_complete, "receipts": receipts}))
    else:
        for receipt in erasure.receipts:
            print(f"{receipt.store:<14} {receipt.removed:>6} removed  {receipt.problem or ''}".rstrip())
        if not erasure.is_complete:
            print(f"Not complete. Run again: proofing erase {erasure.person}")
    return 0 if erasure.is_complete else 1
