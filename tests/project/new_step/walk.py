"""Walk the flow of the source tree that PYTHONPATH names, with the new step; print as JSON what was seen."""

import asyncio
import json
import re
import sys
from pathlib import Path

import httpx

import proofing
import proofing_server
from proofing import bootstrap
from proofing.cli.smoke import Answers, Walk, make_image
from proofing.contracts.images import Side
from proofing.testing.memory_queue import MemoryQueue
from proofing_server.app import make_app

ORIGIN = "http://localhost:8000"


class Person(Walk):
    """Somebody who looks around between two steps."""

    async def open(self, path: str) -> str:
        """Open a page and return the path where that led."""
        await self._get(path)
        return self._path

    async def answer(self, **values: str) -> str:
        """Send the form of the page on show and return the path where that led."""
        await self._post(values)
        return self._path

    def part(self) -> str:
        """Return the current part of the step indicator."""
        return re.sub(r"<[^>]*>", " ", re.search(r'aria-current="step".*?</li>', self._page, re.DOTALL)[0])


async def main(settings: str) -> dict[str, object]:
    """Take every step, and try the new one from elsewhere on the way."""
    configuration = await bootstrap.configure(Path(settings), {"PROOFING_ENV": "test"}, role="run")
    backends = bootstrap.make_backends(configuration, "run", queue=MemoryQueue())
    async with bootstrap.start(configuration, "run", backends) as started:
        app = make_app(started.service)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=ORIGIN,
            headers={"origin": ORIGIN},
            follow_redirects=True,
            trust_env=False,
        ) as client:
            documents = {side: (make_image(), "image/jpeg") for side in (Side.FRONT, Side.BACK)}
            person = Person(client, Answers(documents=documents))
            before = await person.run(before="birth_place")
            seen = {
                "sources": [proofing.__file__, proofing_server.__file__],
                "before": [step["step"] for step in before["steps"] if step["outcome"] == "passed"],
                "later page": await person.open("/phone"),
                "part": " ".join(person.part().split()),
                "answered": await person.answer(birth_place="MONTANA"),
                "seen again": await person.open("/birth_place"),
                "kept": "MONTANA" in person._page,
                "earlier answer changed": [
                    await person.open("/ssn"),
                    await person.answer(ssn="900-11-2222"),
                    await person.open("/birth_place"),
                ],
            }
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=ORIGIN,
            headers={"origin": ORIGIN},
            follow_redirects=True,
            trust_env=False,
        ) as client:
            documents = {side: (make_image(), "image/jpeg") for side in (Side.FRONT, Side.BACK)}
            report = await Walk(client, Answers(documents=documents)).run()
            return {**seen, "passed": report["passed"], "steps": [step["step"] for step in report["steps"]]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1]))))
