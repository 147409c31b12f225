"""The mark that starting a job and calling it off both set, so that exactly one of them happens."""

from proofing.contracts.stores import Mark
from proofing.settings import Settings

#: Values of the mark that starting a job and calling it off both set.
STARTED, CALLED_OFF = b"started", b"canceled"


def start_key(result_id: str) -> str:
    """Return the key of the mark that starting a job and calling it off both set."""
    return f"start:{result_id}"


def start_mark(result_id: str, settings: Settings, *, canceled: bool = False) -> Mark:
    """Return the mark that the start of a job sets, or, when *canceled*, calling it off before any start."""
    return Mark(
        key=start_key(result_id),
        value=CALLED_OFF if canceled else STARTED,
        ttl_seconds=settings.longest_job_seconds,
    )
