"""Walk the flow of the source tree that PYTHONPATH names, with what was added; print what happened."""

import asyncio
import json
import sys
from pathlib import Path

import httpx
import proofing_face
import proofing_vault

import proofing
import proofing_server
from proofing import bootstrap
from proofing.cli.smoke import Answers, Walk, make_image
from proofing.contracts.images import Side
from proofing.testing.memory_queue import MemoryQueue
from proofing_server.app import make_app

ORIGIN = "http://localhost:8000"
ADDRESS = {"address1": "1 FAKE RD", "city": "GREAT FALLS", "state": "MT", "zipcode": "59010"}


class Person(Walk):
    """Somebody who changes the address."""

    async def open(self, path: str) -> str:
        """Open a page and return what it shows."""
        await self._get(path)
        return self._page

    async def answer(self, path: str, **values: str) -> str:
        """Open a page, send its form, and return the path where that led."""
        await self._get(path)
        await self._post(values)
        return self._path


def person(client: httpx.AsyncClient, *sides: Side) -> Person:
    """Return a person with images of these *sides*."""
    return Person(client, Answers(documents={side: (make_image(), "image/jpeg") for side in sides}))


async def main(settings: str) -> dict[str, object]:
    """Use everything that was added."""
    configuration = await bootstrap.configure(Path(settings), {"PROOFING_ENV": "test"}, role="run")
    backends = bootstrap.make_backends(configuration, "run", queue=MemoryQueue())
    async with bootstrap.start(configuration, "run", backends) as started:
        app = make_app(started.service)

        def client() -> httpx.AsyncClient:
            return httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app),
                base_url=ORIGIN,
                headers={"origin": ORIGIN},
                follow_redirects=True,
                trust_env=False,
            )

        async with client() as one:
            report = await person(one, Side.FRONT, Side.BACK).run()
            seen = {
                "sources": [
                    module.__file__ for module in (proofing, proofing_server, proofing_face, proofing_vault)
                ],
                "secrets": configuration.layers.origin(["session_encryption_key"]),
                "without a selfie": [report["steps"][-1]["step"], report["steps"][-1]["outcome"]],
            }
        async with client() as two:
            second = person(two, Side.FRONT, Side.BACK, Side.SELFIE)
            report = await second.run(before="resolution")
            seen["passed"] = [step["step"] for step in report["steps"] if step["outcome"] == "passed"]
            await second.answer("/address", **ADDRESS, county="Chouteau")
            seen["another county"] = await second.answer("/verify")
            seen["address"] = await second.answer("/address", **ADDRESS, county="Cascade")
            seen["kept"] = 'value="Cascade"' in await second.open("/address")
            seen["the right county"] = await second.answer("/verify")
        async with client() as three:
            await person(three).run(before="document")
            seen["asks for a selfie"] = "selfie" in (await three.get("/document")).text
        return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1]))))
