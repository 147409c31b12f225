"""The command line: one command, `proofing`, with a module for each family of subcommands.

Nothing heavy is imported before a subcommand needs it, so that `proofing --help` answers right away.
"""

import argparse
import errno
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import TextIO

from proofing import __version__
from proofing.base.errors import ConfigurationError, ProofingError
from proofing.base.logs import buffer_early_logs
from proofing.cli import exits
from proofing.contracts.records import JobKind, JobState
from proofing.contracts.results import ProoferKind

#: Messengers answer no question, and have a contract of their own.
_PROOFERS = [kind for kind in ProoferKind if kind is not ProoferKind.MESSENGER]
Command = Callable[[argparse.Namespace], Awaitable[int]]
#: Adds a subcommand: its name, ``module:function``, and what it does.
_AddCommand = Callable[[str, str, str], argparse.ArgumentParser]

#: What a full or broken disk below standard output raises.
_OUTPUT_ERRORS = frozenset({errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code.

    See `exits.MEANINGS`.
    """
    try:
        try:
            return _dispatch(arguments)
        finally:
            # What is left in the buffer would fail at the end of the process, with a traceback.
            for stream in _streams():
                stream.flush()
    except BrokenPipeError:
        _print_nowhere()
        return exits.BROKEN_PIPE
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS:
            raise
        _print_nowhere()
        print(f"proofing: the output cannot be written: {os.strerror(error.errno)}", file=sys.__stderr__)
        return exits.OUTPUT


def _dispatch(arguments: Sequence[str] | None) -> int:
    """Run one subcommand and return the exit code."""
    options = _parser().parse_args(arguments)
    import asyncio  # noqa: PLC0415 - the help needs none of it

    module, name = options.command
    command: Command = getattr(import_module(module), name)
    try:
        with buffer_early_logs():
            return asyncio.run(_run(command, options))
    except ConfigurationError as error:
        print("Invalid configuration:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        return error.exit_code
    except ProofingError as error:
        print(f"proofing: {error}", file=sys.stderr)
        return exits.UNAVAILABLE
    except (KeyboardInterrupt, asyncio.CancelledError):
        return exits.INTERRUPTED


def _streams() -> list[TextIO]:
    """Return standard output and error; Python has none for a descriptor that is closed, as by ``>&-``."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]


def _print_nowhere() -> None:
    """Let what is still printed go nowhere: the reader closed the pipe, as `head` does, or a disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in _streams():
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


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


def _reference(text: str) -> str:
    """Return the reference that *text* is. Raises `argparse.ArgumentTypeError`."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def _queue_name(text: str) -> str:
    """Return the queue that *text* names, by its kind of job too. Raises `argparse.ArgumentTypeError`."""
    names = {kind.value: kind.queue_name for kind in JobKind}
    name = names.get(text, text)
    if name not in names.values():
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(names.values())}")
    return name


def _add_job_commands(printing: _AddCommand) -> None:
    """Add `jobs` and `queue` with their subcommands, through *printing*, which adds a command with --json."""

    def below(
        commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, target: str, text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=("proofing.cli.jobs", target))
        # Not set again when it was given before the subcommand.
        added.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for programs"
        )
        return added

    jobs = printing("jobs", "jobs:count", "Print counts and ages of jobs; never personal data.")
    commands = jobs.add_subparsers(metavar="COMMAND")
    listing = below(commands, "list", "list_jobs", "List jobs: unfinished ones first, then ended ones.")
    states = [state.value for state in JobState]
    listing.add_argument("--state", choices=states, default=None, help="only jobs in this state")
    listing.add_argument("--queue", type=_queue_name, default=None, help="only jobs of this queue")
    listing.add_argument("--limit", type=_count, default=100, help="at most so many (default %(default)s)")
    for name, text in (("show", "Show one job."), ("cancel", "Cancel one job.")):
        one = below(commands, name, name, text)
        one.add_argument("id", metavar="ID", help="the result id, or its beginning: the reference number")
    queue = printing("queue", "jobs:count", "Pause and resume queues; without a subcommand, print counts.")
    commands = queue.add_subparsers(metavar="COMMAND")
    for name, text in (
        ("pause", "Start no waiting job of a queue; jobs that run continue, and waiting ones do not age."),
        ("resume", "Let the jobs of a queue start again."),
    ):
        one = below(commands, name, name, text)
        one.add_argument("name", metavar="NAME", type=_queue_name, help="the queue, such as resolution")


def _add_vendor_commands(add: _AddCommand, printing: _AddCommand) -> None:
    """Add what operators try vendors with, through *add*, and *printing* for commands with --json."""
    sandbox = add("sandbox", "sandbox:sandbox", "Serve real vendors' wire formats for tests.")
    sandbox.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    sandbox.add_argument("--port", type=port_number, default=8950, help="port (default %(default)s)")
    sandbox.add_argument("--url", default=None, help="where adapters and browsers reach it (default: there)")
    sandbox.add_argument(
        "--product-url",
        default="http://localhost:8000",
        help="where webhooks go and people come back to (default %(default)s)",
    )
    sandbox.add_argument(
        "--settings", action="store_true", help="print the vendors' sections for settings.yaml, and stop"
    )
    vendor = printing("vendor", "vendor:try_one", "Try a vendor of the settings by hand.")
    tried = vendor.add_subparsers(metavar="COMMAND", required=True).add_parser(
        "try", help="Put one question to a vendor, which may bill it.", description="Put one question to it."
    )
    tried.add_argument("name", metavar="NAME", help="the proofer, such as lexisnexis:instant_verify")
    tried.add_argument(
        "--applicant", metavar="FILE", required=True, help="YAML: attributes, images, circumstances"
    )
    tried.add_argument(
        "--kind", default=None, help="of the question, such as phone, if the vendor answers several"
    )
    tried.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for programs"
    )


def _add_author_commands(add: _AddCommand, printing: _AddCommand) -> None:
    """Add what authors of vendor plugins use, through *add*, and *printing* for commands with --json."""
    scaffold = add("new-vendor", "scaffold.command:new_vendor", "Write the skeleton of a vendor plugin.")
    scaffold.add_argument("name", help="name of the vendor, such as acme")
    for option, default, choices, text in (
        ("--kind", "resolution", _PROOFERS, "the question it answers"),
        ("--shape", "answer", ["answer", "polling", "hosted", "exchange"], "how it answers"),
        ("--auth", "key", ["key", "basic", "oauth2", "hmac", "mtls"], "how it knows us"),
    ):
        scaffold.add_argument(option, choices=choices, default=default, help=f"{text} (default %(default)s)")
    scaffold.add_argument("--directory", default=".", help="where to write it (default: here)")
    quality = printing(
        "quality", "quality.command:quality", "List which rules of the kit a vendor plugin keeps."
    )
    writing = quality.add_mutually_exclusive_group()
    writing.add_argument("--write", action="store_true", help="write the table into the package")
    writing.add_argument("--check", action="store_true", help="fail when the table in the package differs")
    quality.add_argument(
        "--tested", action="store_true", help="try nothing again: the tests of the plugin passed just now"
    )
    mutating = printing(
        "mutate", "mutation.command:mutate", "Plant mistakes in a vendor plugin; its tests must notice each."
    )
    mutating.add_argument(
        "--only", action="append", default=[], metavar="ID", help="only this mistake; repeatable"
    )
    mutating.add_argument(
        "--jobs", type=_count, default=None, help="runs at a time (default: one for each core)"
    )
    mutating.add_argument("--minutes", type=_count, default=10, help="for all of them (default %(default)s)")
    for one in (quality, mutating):
        one.add_argument("name", metavar="NAME", help="name of an installed plugin, such as acme")
        one.add_argument(
            "--tests", default=None, help="its tests (default: tests next to its pyproject.toml)"
        )


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    parser = argparse.ArgumentParser(
        prog="proofing",
        description="Asynchronous identity proofing with pluggable vendors.",
        epilog="Exit codes: "
        + ", ".join(f"{code} {meaning}" for code, meaning in sorted(exits.MEANINGS.items()))
        + ".",
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

    def of_run(added: argparse.ArgumentParser) -> None:
        # Set by `run` for its own processes, whose standard input it holds.
        added.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)

    def printing(name: str, target: str, text: str) -> argparse.ArgumentParser:
        added = add(name, target, text)
        added.add_argument("--json", action="store_true", help="print JSON for programs")
        return added

    run = serving("run", "Start web and worker on this machine.")
    run.add_argument("--workers", type=_count, default=1, help="worker processes (default %(default)s)")
    of_run(serving("web", "Start the web server."))
    of_run(add("worker", "serving:worker", "Start a worker."))
    played = add("stand-in", "serving:stand_in", "Play a vendor for tests, such as mock:hosted.")
    played.add_argument("vendor", metavar="VENDOR", help="name of the proofer")
    of_run(played)
    add("migrate", "serving:migrate", "Bring the queue's schema up to date.")
    check = printing(
        "check", "inspection:check", "Check settings, plugins, and whether stores can be reached."
    )
    check.add_argument("--deep", action="store_true", help="also make, verify and delete one real upload")
    settings = printing("settings", "inspection:settings", "Print the effective settings, secrets masked.")
    settings.add_argument("--reference", action="store_true", help="print the reference of all settings")
    printing("plugins", "plugins:plugins", "List the installed plugins and what they offer.")
    printing("hosts", "hosts:hosts", "Print the hosts that vendors in the settings may call.")
    explain = printing("explain", "inspection:explain", "Explain which vendor a person or attempt gets.")
    explain.add_argument("discriminator", type=_reference, help="the person's reference or the attempt's id")
    _add_job_commands(printing)
    erase = printing("erase", "erasure:erase", "Delete all data stored about a person.")
    erase.add_argument(
        "reference", type=_reference, help="the person's reference, or the result id of one of their jobs"
    )
    smoke = printing("smoke", "smoke:smoke", "Run one complete proofing as a browser would.")
    smoke.add_argument("--url", default=None, help="where the server is (default: http://localhost:PORT)")
    _add_vendor_commands(add, printing)
    _add_author_commands(add, printing)
    return parser
