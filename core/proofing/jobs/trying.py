"""One question without a job: what `proofing vendor try` and shadows put to a vendor."""

import secrets
import time
import uuid
from typing import Any

from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind
from proofing.contracts.results import Check
from proofing.crypto.encryption import KeyRing
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.questions import Waiting
from proofing.jobs.run import JobPendingError, JobRun
from proofing.jobs.submissions import InlineJob
from proofing.jobs.way_back import WayBack
from proofing.registry.proofers import LoadedProofer
from proofing.settings import Settings


async def try_vendor(
    loaded: LoadedProofer,
    request: ProofingRequest,
    clients: VendorClientPool,
    settings: Settings,
    *,
    deadline_seconds: float | None = None,
) -> Check[Any] | Waiting:
    """Put one question to one vendor, as a job would, and return what came of it.

    Nothing is stored, and nothing leads a vendor's event or a person back to the question. It may take
    *deadline_seconds*; None: as long as a job.

    Raises:
        PluginError: the adapter broke its contract.
    """
    message = JobMessage(
        result_id=str(uuid.uuid4()),
        kind=JobKind.DOCUMENT,
        owner=f"try-{secrets.token_hex(8)}",
        encrypted_arguments=b"",
        deadline_seconds=deadline_seconds or settings.job_deadline_seconds,
    )
    way_back = WayBack(KeyRing(secrets.token_bytes(32)), settings.public_url)
    run = JobRun(InlineJob(message, time.monotonic()), clients, way_back, _keep_nothing)
    try:
        return await run.ask(loaded, request, step="try")
    except JobPendingError:
        return next(question.waiting for question in run.questions.waiting if question.waiting)
    finally:
        run.close()


async def _keep_nothing(_answers: bytes) -> bytes:
    """Return nothing in place of sealed answers."""
    return b""
