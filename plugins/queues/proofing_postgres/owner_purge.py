"""Purges a person: deletes waiting jobs, stops running ones, and deletes ends from the history."""

import json

from proofing.plugin import OwnerPurge
from proofing_postgres.enqueuing import Enqueuer
from proofing_postgres.listening import CANCEL_CHANNEL
from proofing_postgres.pool import Pool

#: Pages that one statement reads: 32 MiB, a small part of a statement's time.
_PAGES = 4096


async def purge_owner(owner: str, pool: Pool, enqueuer: Enqueuer) -> OwnerPurge:
    """Delete what can be deleted now. See `proofing.plugin.Queue.purge_owner`.

    A job is at every moment a live row or an end. Live rows come first, and waiting ones twice, since a job
    may be handed back, and so wait again, between the two looks.
    """
    _rows, removed = await pool.run("purge_waiting", {"owner": owner})
    running, _count = await pool.run("stop_running", {"owner": owner})
    _rows, handed_back = await pool.run("purge_waiting", {"owner": owner})
    removed += handed_back
    for queue_name in {row[0] for row in running}:
        await enqueuer.wake(CANCEL_CHANNEL, queue_name)
    # As `proofing_postgres.messages.final_status_text` spells it; quotes inside texts are escaped there.
    mark = f'"owner":{json.dumps(owner)}'
    ((pages,),), _count = await pool.run("history_pages")
    for first in range(0, int(pages), _PAGES):
        places = {"first": f"({first},0)", "after": f"({first + _PAGES},0)"}
        _rows, count = await pool.run("purge_history", {**places, "mark": mark})
        removed += count
    return OwnerPurge(removed=removed, running=len(running))
