"""The command line: one command, `proofing`, with a module for each family of subcommands.

Nothing heavy is imported before a subcommand needs it, so that `proofing --help` answers at once.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module

from proofing import __version__
from proofing.errors import ConfigurationError, ProofingError
from proofing.logs import kept_lines

Command = Callable[[argparse.Namespace], Awaitable[int]]

_EXIT_UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code: 0 done, 1 a check failed, 69 unreachable, 78 settings."""
    options = _parser().parse_args(arguments)
    module, name = options.command
    command: Command = getattr(import_module(module), name)
    try:
        with kept_lines():
            return asyncio.run(_run(command, options))
    except ConfigurationError as error:
        print("The settings are wrong:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        return error.exit_code
    except ProofingError as error:
        print(f"proofing: {error}", file=sys.stderr)
        return _EXIT_UNAVAILABLE
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _EXIT_INTERRUPTED


async def _run(command: Command, options: argparse.Namespace) -> int:
    """Await *command*; asyncio.run wants a coroutine."""
    return await command(options)


def port_number(text: str) -> int:
    """Return the port that *text* spells. Raises `argparse.ArgumentTypeError`."""
    return _whole_number(text, most=65_535)


def _count(text: str) -> int:
    """Return how many *text* spells. Raises `argparse.ArgumentTypeError`."""
    return _whole_number(text, most=1000)


def _whole_number(text: str, *, most: int) -> int:
    """Return the number from 1 to *most* that *text* spells. Raises `argparse.ArgumentTypeError`."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {most}")
    return number


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    parser = argparse.ArgumentParser(
        prog="proofing", description="Asynchronous identity proofing with pluggable vendors."
    )
    parser.add_argument("--version", action="version", version=f"proofing {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, target: str, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        module, _, function = target.partition(":")
        added.set_defaults(command=(f"proofing.cli.{module}", function))
        return added

    def serving(name: str, text: str) -> argparse.ArgumentParser:
        added = add(name, f"serving:{name}", text)
        added.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
        added.add_argument("--port", type=port_number, default=None, help="port (default: PORT, else 8000)")
        return added

    def printing(name: str, target: str, text: str) -> argparse.ArgumentParser:
        added = add(name, target, text)
        added.add_argument("--json", action="store_true", help="print JSON for programs")
        return added

    run = serving("run", "Start web and worker on this machine.")
    run.add_argument("--workers", type=_count, default=1, help="worker processes (default %(default)s)")
    serving("web", "Start the web server.")
    worker = add("worker", "serving:worker", "Start a worker.")
    worker.add_argument("--host", default="127.0.0.1", help="address for probes (default %(default)s)")
    add("migrate", "serving:migrate", "Bring the queue's schema up to date.")
    printing("check", "inspection:check", "Check settings, plugins, and whether every store can be reached.")
    settings = printing("settings", "inspection:settings", "Print the effective settings, secrets masked.")
    settings.add_argument("--reference", action="store_true", help="print the reference of all settings")
    printing("plugins", "inspection:plugins", "List the installed plugins and what they offer.")
    explain = printing("explain", "inspection:explain", "Explain which vendor a person or attempt gets.")
    explain.add_argument("discriminator", help="the person's reference or the attempt's id")
    printing("jobs", "inspection:jobs", "Print counts and ages of jobs; never personal data.")
    erase = printing("erase", "erasure:erase", "Remove all that is kept of a person.")
    erase.add_argument("reference", help="the person's reference, or the result id of one of their jobs")
    smoke = printing("smoke", "smoke:smoke", "Drive one whole proofing as a browser would.")
    smoke.add_argument("--url", default=None, help="where the server is (default: http://localhost:PORT)")
    scaffold = add("new-vendor", "scaffold:new_vendor", "Write the skeleton of a vendor plugin.")
    scaffold.add_argument("name", help="name of the vendor, such as acme")
    scaffold.add_argument("--directory", default=".", help="where to write it (default: here)")
    return parser
