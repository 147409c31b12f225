"""`proofing erase`: delete all data stored about a person, and print a receipt for each store."""

import argparse
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict

from proofing.base.errors import ProofingError
from proofing.bootstrap import configure, make_backends, make_eraser
from proofing.cli import exits
from proofing.cli.startup import failed_starts_logged, start_logs
from proofing.registry.backends import open_backend


async def erase(options: argparse.Namespace) -> int:
    """Erase one person; 0 when nothing is left, 1 when it must be run again, 66 when there was nothing.

    A store that does not open keeps no other from being erased: it is named on stderr, with the reason, and
    what it still holds is on its receipt.
    """
    with failed_starts_logged("erase"):
        configuration = await configure(role="erase")
        start_logs(configuration, "erase")
        backends = make_backends(configuration, "erase")
    async with AsyncExitStack() as stack:
        for key, backend in backends.in_order():
            stack.push_async_callback(backend.close)
            if backend is backends.key_service:
                continue  # opened only when a vendor has to delete something
            try:
                await open_backend(key, backend)
            except ProofingError as error:
                print(f"{key}: {error}", file=sys.stderr)

        async def open_keys() -> None:
            await open_backend("key_service", backends.key_service)

        erasure = await make_eraser(configuration, backends, open_keys=open_keys).erase(options.reference)
    if options.json:
        receipts = [asdict(receipt) for receipt in erasure.receipts]
        found = {"person": erasure.person, "complete": erasure.is_complete, "receipts": receipts}
        print(json.dumps({**found, "vendors": [asdict(one) for one in erasure.vendors]}))
    else:
        for receipt in erasure.receipts:
            print(f"{receipt.store:<18} {receipt.removed:>2} removed  {receipt.problem or ''}".rstrip())
        for one in erasure.vendors:
            print(f"vendor {one.vendor}: {one.outcome}" + (f" ({one.cause})" if one.cause else ""))
        if not erasure.is_complete:
            print(f"Not complete. Run again: proofing erase {erasure.person}")
    if erasure.is_complete and not any(receipt.removed for receipt in erasure.receipts):
        print(f"no data found for {options.reference}", file=sys.stderr)
        return exits.NOT_FOUND
    return 0 if erasure.is_complete else 1
