"""`proofing mutate NAME`: what it takes, and what it prints."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from proofing.cli import exits
from proofing.cli.mutation.catalog import MISTAKES, find_mutants
from proofing.cli.mutation.running import TestsFailError, Trial, Verdict, try_mutants
from proofing.cli.mutation.sources import read_package
from proofing.cli.project import Project, ProjectNotFoundError, find_project

_BAR = 30


async def mutate(options: argparse.Namespace) -> int:
    """Plant mistakes in a plugin, and report those that its tests do not notice."""
    unknown = sorted(set(options.only) - MISTAKES.keys())
    if unknown:
        return _refuse(f"--only {unknown[0]}: must be one of {', '.join(MISTAKES)}", exits.USAGE)
    try:
        project = find_project(options.name, options.tests)
        sources = read_package(project.package)
    except (ProjectNotFoundError, SyntaxError) as error:
        return _refuse(str(error), exits.NOT_FOUND)
    mutants = find_mutants(sources, options.only)
    print(f"planting {len(mutants)} mistakes, one by one", file=sys.stderr, flush=True)
    try:
        trials = await try_mutants(
            project,
            sources,
            mutants,
            jobs=options.jobs or os.cpu_count() or 1,
            seconds=options.minutes * 60,
            progress=_show_progress if sys.stderr.isatty() else lambda _done, _all, _survived: None,
        )
    except TestsFailError as error:
        return _refuse(f"the tests must pass before mistakes are planted:\n{error}", 1)
    left = sorted(
        (trial for trial in trials if trial.verdict is not Verdict.NOTICED),
        key=lambda trial: (trial.mutant.file, trial.mutant.line, trial.mutant.mistake, trial.mutant.change),
    )
    print(
        json.dumps(_as_json(project, trials), indent=2) if options.json else _as_text(project, trials, left)
    )
    return 1 if left else 0


def _refuse(message: str, code: int) -> int:
    """Print why there is no run, and return the exit code."""
    print(f"proofing mutate: {message}", file=sys.stderr)
    return code


def _show_progress(done: int, of: int, survived: int) -> None:
    """Draw the bar on a terminal."""
    filled = _BAR * done // of
    end = "\n" if done == of else ""
    bar = "#" * filled + "." * (_BAR - filled)
    print(f"\r[{bar}] {done}/{of}, {survived} survived", end=end, file=sys.stderr, flush=True)


def _as_json(project: Project, trials: Sequence[Trial]) -> dict[str, object]:
    """Return the report for programs."""
    return {
        "plugin": project.name,
        **{verdict.value: sum(trial.verdict is verdict for trial in trials) for verdict in Verdict},
        "mutants": [
            {
                "mistake": trial.mutant.mistake,
                "file": trial.mutant.file,
                "line": trial.mutant.line,
                "change": trial.mutant.change,
                "verdict": trial.verdict.value,
            }
            for trial in trials
        ],
    }


def _as_text(project: Project, trials: Sequence[Trial], left: Sequence[Trial]) -> str:
    """Return the report for people: what survived, where, and what to add."""
    survived = [trial for trial in left if trial.verdict is Verdict.SURVIVED]
    counts = f"{len(trials)} mistakes planted, {len(trials) - len(left)} noticed, {len(survived)} survived"
    lines = []
    for file, found in groupby(survived, key=lambda trial: trial.mutant.file):
        path = project.package / file
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        for trial in found:
            mistake = MISTAKES[trial.mutant.mistake]
            lines += [
                f"{shown}:{trial.mutant.line}: {mistake.id}: {trial.mutant.change}",
                f"    {mistake.summary}. Add: {mistake.advice}.",
            ]
    if len(survived) < len(left):
        counts += f", {len(left) - len(survived)} not run: --minutes gives them more time"
    return "\n".join([*lines, f"{project.name}: {counts}"])
