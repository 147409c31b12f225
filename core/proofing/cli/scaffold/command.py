"""The subcommand `new-vendor`."""

import argparse
import re
import shutil
import sys
from datetime import UTC, datetime
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from proofing.cli import exits
from proofing.cli.project import Project
from proofing.cli.quality.command import TableError, make_tables
from proofing.cli.quality.table import FILE, State, write_text
from proofing.cli.scaffold.pieces import KINDS
from proofing.cli.scaffold.writing import Package, write_package
from proofing.contracts.hooks import GROUP
from proofing.settings import Settings

_NAME = re.compile(r"(?=.{2,31}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")


async def new_vendor(options: argparse.Namespace) -> int:
    """Write the package; refuse to overwrite anything."""
    name: str = options.name
    if not _NAME.fullmatch(name):
        return _refuse("must be lower-case letters, digits and underscores, beginning with a letter")
    if name in Settings.model_fields:
        return _refuse(f"{name} is a key of settings.yaml")
    if name in {entry.name for entry in entry_points(group=GROUP)} or find_spec(f"proofing_{name}"):
        return _refuse(f"a plugin {name}, or a package proofing_{name}, is installed already")
    if options.shape not in (shapes := KINDS[options.kind].shapes):
        return _refuse(f"must be {' or '.join(shapes)} for the kind {options.kind}", "--shape")
    folder = Path(options.directory) / f"proofing-{name}"
    if folder.exists():
        return _refuse(f"{folder} exists already")
    write_package(Package(name, options.kind, options.shape, options.auth), folder)
    print(f"Wrote {folder}. Its README.md says how to test it and how to switch it on.")
    try:
        return await _write_table(Project.new(name, folder.resolve()))
    finally:
        # Trying the rules compiles what was just written.
        for cache in list(folder.rglob("__pycache__")):
            shutil.rmtree(cache)


async def _write_table(project: Project) -> int:
    """Have the rules tried, as CI of the new package will, and write what comes of it."""
    try:
        tables = await make_tables(project)
    except TableError:
        # No pytest, most likely, which an installation for production does not have.
        command = f"proofing quality {project.name} --write"
        print(f"The rules were not tried. After `pip install -e '.[test]'`: {command}")
        return 0
    today = datetime.now(UTC).date()
    (project.package / FILE).write_text(write_text(project.name, tables, today))
    return 1 if any(table.count(State.TO_DO) for table in tables) else 0


def _refuse(rule: str, argument: str = "name") -> int:
    """Print what is wrong with an argument, and return the exit code."""
    print(f"proofing new-vendor: {argument}: {rule}", file=sys.stderr)
    return exits.USAGE
