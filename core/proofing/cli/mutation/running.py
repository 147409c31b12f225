"""Runs the tests of a plugin against changed copies of its package, several at a time."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from proofing.cli.mutation.sources import Mutant, Source
from proofing.cli.project import Project

_PYTEST = ("-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=short", "--show-capture=no")
#: How much longer than the unchanged package a mutant may take, and what it has at least.
_PATIENCE, _LEAST_SECONDS = 4, 15.0
_PYTEST_PASSED = 0
#: Of the output of tests that fail.
_SHOWN_LINES = 40


class Verdict(StrEnum):
    """What became of a mutant."""

    #: A test failed, or did not end in time.
    NOTICED = "noticed"
    #: All tests passed.
    SURVIVED = "survived"
    #: The time was over before it had its turn.
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class Trial:
    """One mutant and what became of it."""

    mutant: Mutant
    verdict: Verdict


class TestsFailError(Exception):
    """The tests fail, or cannot be run, without any mistake. The message has the end of their output."""

    __test__ = False


@dataclass(frozen=True, slots=True)
class _Done:
    """How a run of the tests ended; *code* None when its time was over."""

    code: int | None
    output: str
    seconds: float


async def try_mutants(
    project: Project,
    sources: Sequence[Source],
    mutants: Sequence[Mutant],
    *,
    jobs: int,
    seconds: float,
    progress: Callable[[int, int, int], None],
) -> list[Trial]:
    """Run the tests once unchanged, and then against each of *mutants*; return what became of each, in order.

    Args:
        project: the plugin.
        sources: the modules of its package.
        mutants: what is planted.
        jobs: how many run at a time.
        seconds: for all of it; those that have not begun by then are not run.
        progress: called with the numbers of mutants that are done, that there are, and that survived.

    Raises:
        TestsFailError: see there.
    """
    end = time.monotonic() + seconds
    trials: dict[int, Trial] = {}
    waiting = iter(list(enumerate(mutants)))

    async def work(times: Path, limit: float) -> None:
        async with _copy(project, times) as copy:
            for index, mutant in waiting:
                if time.monotonic() > end:
                    trials[index] = Trial(mutant, Verdict.NOT_RUN)
                    continue
                trials[index] = await copy.try_mutant(sources, mutant, limit)
                survived = sum(trial.verdict is Verdict.SURVIVED for trial in trials.values())
                progress(len(trials), len(mutants), survived)

    with tempfile.TemporaryDirectory(prefix="proofing-mutate-") as folder:
        times = Path(folder) / "times.json"
        async with _copy(project, times) as copy:
            unchanged = await copy.run_tests(seconds)
        if unchanged.code != _PYTEST_PASSED:
            raise TestsFailError("\n".join(unchanged.output.splitlines()[-_SHOWN_LINES:]))
        limit = max(_LEAST_SECONDS, _PATIENCE * unchanged.seconds * jobs)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(jobs, len(mutants))):
                group.create_task(work(times, limit))
    return [trials[index] for index in range(len(mutants))]


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy of the package that can be changed.

    Attributes:
        folder: where the package is.
        times: how long each test took; written by the first run.
    """

    project: Project
    folder: Path
    times: Path

    async def try_mutant(self, sources: Sequence[Source], mutant: Mutant, seconds: float) -> Trial:
        """Plant *mutant*, run the tests, and restore the copy."""
        files = {edit.file for edit in mutant.edits}
        changed = [source for source in sources if source.file in files]
        package = self.folder / self.project.package.name
        try:
            for source in changed:
                (package / source.file).write_bytes(source.with_edits(mutant.edits))
            done = await self.run_tests(seconds)
        finally:
            for source in changed:
                (package / source.file).write_bytes(source.content)
        return Trial(mutant, Verdict.SURVIVED if done.code == _PYTEST_PASSED else Verdict.NOTICED)

    async def run_tests(self, seconds: float) -> _Done:
        """Run the tests, with nothing left of them after *seconds*."""
        start = time.monotonic()
        paths = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proofing.cli.mutation.child"),
            *(self.project.module, str(self.times), *_PYTEST, str(self.project.tests)),
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # A group of its own, so that what the tests started ends with them.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(seconds):
                output, _ = await child.communicate()
                return _Done(child.returncode, output.decode(errors="replace"), time.monotonic() - start)
        except TimeoutError:
            return _Done(None, f"the tests took longer than {seconds:.0f} s", time.monotonic() - start)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()


@asynccontextmanager
async def _copy(project: Project, times: Path) -> AsyncIterator[_Copy]:
    """Make a copy of the package for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="proofing-mutate-") as name:
        folder = Path(name)
        ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
        shutil.copytree(project.package, folder / project.package.name, ignore=ignored)
        yield _Copy(project, folder, times)
