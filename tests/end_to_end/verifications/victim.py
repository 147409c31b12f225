"""A process that submits one job of a verification and runs it, killed at a place: see `test_kills`.

Arguments: kind of the job, result id, place. It writes the id of the verification before it submits.
"""

import asyncio
import os
import secrets
import signal
import sys
from functools import wraps

from proofing import bootstrap
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.testing.images import make_jpeg
from proofing.verifications.ends import VerificationEnds
from proofing_devtools.capture import APPLICANT, DEVICE, upload_images
from proofing_devtools.verifications import start_verification

KIND, RESULT_ID, PLACE = JobKind(sys.argv[1]), sys.argv[2], sys.argv[3]


def die():
    """End as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_around(owner, name, *, before=None, after=None):
    """Have the method *name* of *owner* kill this process before or after it has worked, at these places."""
    method = getattr(owner, name)

    @wraps(method)
    async def call(*arguments, **options):
        if before == PLACE:
            die()
        answer = await method(*arguments, **options)
        if after == PLACE:
            die()
        return answer

    setattr(owner, name, call)


async def never(*_arguments):
    """Wait for the end of the process."""
    await asyncio.Event().wait()


async def main():
    """Submit, and work until the job has an end."""
    kill_around(VerificationEnds, "begin", before="admitted", after="begun")
    kill_around(VerificationEnds, "record", before="answered", after="recorded")
    async with bootstrap.start(await bootstrap.configure(role="run"), "run") as runtime:
        kill_around(runtime.backends.queue, "enqueue", after="enqueued")
        kill_around(runtime.backends.results, "finish", after="published")
        if PLACE == "recorded":
            # Its end is recorded alongside its calls: this time the ledger is the slower one.
            runtime.backends.calls.add = never
        service = runtime.service
        started = await start_verification(service, KIND.value)
        sys.stdout.write(f"{started.record.id}\n")
        sys.stdout.flush()
        if KIND is JobKind.DOCUMENT:
            images = {side: make_jpeg(comment=secrets.token_bytes(16)) for side in (Side.FRONT, Side.BACK)}
            if runtime.configuration.settings.doc_auth_enable_presigned_s3_urls:
                uploaded = await upload_images(service, images, person=started.person)
                await service.submit_uploads(started.person, result_id=RESULT_ID, **uploaded)
            else:
                await service.submit_images(started.person, images=images, result_id=RESULT_ID)
        else:
            await service.submit_applicant(KIND, started.person, APPLICANT, result_id=RESULT_ID, **DEVICE)
        stop = asyncio.Event()
        work = asyncio.create_task(runtime.worker.work(stop))
        await service.wait(started.person, RESULT_ID, KIND, timeout_seconds=30)
        stop.set()
        await work


asyncio.run(main())
