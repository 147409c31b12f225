"""`proofing quality NAME`: what it takes, and what it prints."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from proofing.cli import exits
from proofing.cli.project import Project, ProjectNotFoundError, find_project
from proofing.cli.quality.table import FILE, NO_LEVEL, ProoferTable, State, read_tables, write_text


class TableError(Exception):
    """There is no table. The message says why."""


async def quality(options: argparse.Namespace) -> int:
    """Judge the proofers of a plugin by the rules of the kit; write the table, or check the file."""
    today = datetime.now(UTC).date()
    try:
        project = find_project(options.name, options.tests)
        tables = await make_tables(project, is_tested=options.tested)
    except ProjectNotFoundError as error:
        return _refuse(str(error), exits.NOT_FOUND)
    except TableError as error:
        return _refuse(str(error), 1)
    file = project.package / FILE
    text = write_text(project.name, tables, today)
    problems = [*_claims(tables, today)]
    if options.write:
        file.write_text(text)
    elif options.check and (not file.exists() or file.read_text() != text):
        problems.append(
            f"{file} is not what the rules say; `proofing quality {project.name} --write` writes it"
        )
    if options.json:
        print(json.dumps(_as_json(project, tables, problems, today), indent=2))
    else:
        print("\n\n".join("\n".join(_as_text(table, today)) for table in tables))
        for problem in problems:
            print(f"proofing quality: {problem}", file=sys.stderr)
    return 1 if problems or any(table.count(State.TO_DO) for table in tables) else 0


async def make_tables(project: Project, *, is_tested: bool = False) -> tuple[ProoferTable, ...]:
    """Return the table of each proofer of *project*, made in a process of its own.

    With *is_tested* no rule is tried again: the tests of the suites passed.

    Raises:
        TableError: see there.
    """
    with tempfile.TemporaryDirectory(prefix="proofing-quality-") as folder:
        output = Path(folder) / "table.json"
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proofing.testing.vendor_table"),
            *(project.module, str(project.tests), str(output), *(["--tested"] if is_tested else [])),
            cwd=project.root,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await child.communicate()
        if child.returncode != 0:
            raise TableError(f"the rules could not be tried:\n{said.decode(errors='replace').strip()}")
        found: list[dict[str, Any]] = json.loads(output.read_text())
    for one in found:
        if "error" in one:
            raise TableError(one["error"])
    try:
        return read_tables(found, project.package / FILE)
    except ValueError as error:
        raise TableError(str(error)) from None


def _refuse(message: str, code: int) -> int:
    """Print why there is no table, and return the exit code."""
    print(f"proofing quality: {message}", file=sys.stderr)
    return code


def _claims(tables: Sequence[ProoferTable], today: date) -> Iterator[str]:
    """Yield what descriptors state and their table does not allow, or the other way round."""
    for table in tables:
        level = table.maturity(today)
        # Without a level there are rules to do, which the table shows.
        if level not in {table.claimed, NO_LEVEL}:
            yield f"{table.kind} {table.name}: the descriptor says {table.claimed}, the table {level}"


def _as_text(table: ProoferTable, today: date) -> Iterator[str]:
    """Yield the lines of one proofer."""
    counts = ", ".join(f"{table.count(state)} {state.value}" for state in State)
    yield f"{table.kind} {table.name}: {table.maturity(today)}; {counts}"
    width = max((len(row.rule) for row in table.rows), default=0)
    for row in table.rows:
        until = f" until {row.until}" if row.until else ""
        text = f": {row.text}" if row.text else ""
        yield f"  {row.rule:<{width}}  {row.state.value}{until}{text}"
    for rule in table.newer:
        yield f"  {rule:<{width}}  to do with the next contract version"


def _as_json(
    project: Project, tables: Sequence[ProoferTable], problems: Sequence[str], today: date
) -> dict[str, object]:
    """Return the table for programs."""
    return {
        "plugin": project.name,
        "problems": list(problems),
        "proofers": [
            {
                "kind": table.kind,
                "name": table.name,
                "contract_version": table.contract_version,
                "maturity": table.maturity(today),
                "rules": {
                    row.rule: {
                        "state": row.state.value,
                        "text": row.text,
                        "until": row.until.isoformat() if row.until else None,
                    }
                    for row in table.rows
                },
                "newer": list(table.newer),
            }
            for table in tables
        ],
    }
