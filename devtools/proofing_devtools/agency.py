"""Verifications of a product that runs: made in a process of their own, on its stores.

python -m proofing_devtools.agency POLICY SUBJECT
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofing import bootstrap
from proofing.app.verifications import PartyRef, Request
from proofing.testing.processes import start_process_async

#: The relying party of `settings_for`.
PARTY = PartyRef(name="agency")
#: Where its people go at the end.
RETURN_URL = "https://agency.example.gov/back?case=1"


def settings_for(**policies: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of one relying party that may ask for *policies*."""
    party = {"display_name": "The Agency", "policies": list(policies), "return_urls": [RETURN_URL]}
    return {"policies": dict(policies), "relying_parties": {PARTY.name: party}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """The relying party of a product that runs.

    Attributes:
        settings_file: of the product.
        environment: the variables of its processes, which may find plugins that this one does not.
        url: its origin.
    """

    settings_file: Path
    environment: Mapping[str, str]
    url: str

    async def make_link(self, policy: str, subject: str) -> tuple[str, str]:
        """Return the id of a new verification of the person *subject*, and their link."""
        process = await start_process_async(
            *(sys.executable, "-m", __name__, policy, subject),
            env={**self.environment, "PROOFING_SETTINGS": str(self.settings_file)},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError("there is no link; its process says why")
        made = json.loads(output)
        return made["id"], f"{self.url}/start/{made['token']}"


async def _create(policy: str, subject: str) -> dict[str, str | None]:
    """Create a verification; return its id, and the token of its link."""
    configuration = await bootstrap.configure(role="web")
    backends = bootstrap.make_backends(configuration, "web")
    async with bootstrap.start(configuration, "web", backends) as started:
        wanted = Request(subject=subject, policy=policy, return_url=RETURN_URL)
        created = await started.service.verifications.create(PARTY, wanted)
    if created.record is None:
        raise SystemExit("the person has an open verification already")
    return {"id": created.record.id, "token": created.token}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_create(*sys.argv[1:]))))  # noqa: T201 - what a program prints
