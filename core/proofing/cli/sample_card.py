"""`proofing sample-card`: images of a specimen, to try the product with."""

import argparse
import os
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from proofing.base.errors import PluginError
from proofing.cli import exits


async def sample_card(options: argparse.Namespace) -> int:
    """Draw a specimen; 0 when its images were written.

    Raises:
        PluginError: nothing that draws specimens is installed.
    """
    directory = Path(options.out)
    try:
        images, person = draw_specimen(seed=options.seed, state=options.state, passport=options.passport)
    except ValueError as error:
        print(f"proofing: {error}", file=sys.stderr)
        return exits.USAGE
    try:
        _write(directory, images)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown reason"
        print(f"proofing: {directory} cannot be written: {reason}", file=sys.stderr)
        return exits.OUTPUT
    print(person)
    return 0


def draw_specimen(**options: Any) -> tuple[Mapping[str, bytes], str]:
    """Return images of a specimen by their side, and who is on it, a made-up person.

    Args:
        options: as `sample_card` has them: seed, state, passport.

    Raises:
        PluginError: nothing that draws specimens is installed.
        ValueError: there are no specimens of the state.
    """
    found = list(entry_points(group="proofing.commands", name="sample-card"))
    if not found:
        raise PluginError("no plugin that draws specimens is installed")
    try:
        draw = found[0].load()
    except ModuleNotFoundError as error:
        raise PluginError(f"{error.name} is not installed: pip install 'proofing[reader]'") from None
    images: tuple[Mapping[str, bytes], str] = draw(**options)
    return images


def _write(directory: Path, images: Mapping[str, bytes]) -> None:
    """Write the files, and print their paths. Raises `OSError`."""
    directory.mkdir(parents=True, exist_ok=True)
    for side, content in images.items():
        path = directory / f"{side}.jpg"
        path.write_bytes(content)
        print(path)
