"""The command line: one command, `proofing`, with a module for each family of subcommands.

Nothing heavy is imported before a subcommand needs it, so that `proofing --help` answers right away.
"""

import argparse
import errno
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TextIO

from proofing import __version__
from proofing.base.errors import ConfigurationError, ProofingError
from proofing.base.logs import buffer_early_logs
from proofing.cli import exits
from proofing.cli.argument_types import count, instant, port_number, queue_name, reference
from proofing.cli.arguments import (
    AddCommand,
    add_cost_command,
    add_explain_command,
    add_settings_commands,
    add_shadow_command,
)
from proofing.contracts.records import JobState
from proofing.contracts.results import ProoferKind
from proofing.contracts.verifications import Mode, VerificationState

Command = Callable[[argparse.Namespace], Awaitable[int]]

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


def _add_job_commands(printing: AddCommand) -> None:
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
    listing.add_argument("--queue", type=queue_name, default=None, help="only jobs of this queue")
    listing.add_argument("--limit", type=count, default=100, help="at most so many (default %(default)s)")
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
        one.add_argument("name", metavar="NAME", type=queue_name, help="the queue, such as resolution")


def _add_below(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    module: str,
    name: str,
    target: str,
    text: str,
) -> argparse.ArgumentParser:
    """Add a subcommand with --json to *commands*: *target* in *module*."""
    added = commands.add_parser(name, help=text, description=text)
    added.set_defaults(command=(module, target))
    added.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for programs"
    )
    return added


def _add_delivery_commands(printing: AddCommand) -> None:
    """Add `deliveries` with its subcommands, through *printing*, which adds a command with --json."""
    deliveries = printing(
        "deliveries", "deliveries:endpoints", "Print the endpoints to which events are sent, and how they do."
    )
    commands = deliveries.add_subparsers(metavar="COMMAND")

    below = partial(_add_below, commands, "proofing.cli.deliveries")
    listing = below("list", "list_deliveries", "List deliveries of events, newest first.")
    listing.add_argument("name", metavar="NAME", nargs="?", help="only of this relying party")
    listing.add_argument("--state", choices=["due", "delivered", "dead"], default=None, help="only these")
    listing.add_argument("--event", metavar="ID", default=None, help="only of this event")
    listing.add_argument("--limit", type=count, default=100, help="at most so many (default %(default)s)")
    replay = below("replay", "replay", "Send events again whose delivery has ended; they keep their ids.")
    replay.add_argument("name", metavar="NAME", help="the relying party")
    replay.add_argument(
        "--state", choices=["dead", "delivered"], default="dead", help="which (default %(default)s)"
    )
    replay.add_argument("--endpoint", metavar="NAME", default=None, help="only to this endpoint")
    replay.add_argument("--event", metavar="ID", default=None, help="only this event")
    replay.add_argument(
        "--since", metavar="DATE", type=instant, default=None, help="only events of then or later, in UTC"
    )
    enabling = below("enable", "enable", "Let an endpoint get events again that was disabled or is paused.")
    enabling.add_argument("name", metavar="NAME", help="the relying party")
    enabling.add_argument("endpoint", metavar="ENDPOINT", help="the name of its webhook")
    text = "Deliver events in this process, without jobs."
    running = commands.add_parser("run", help=text, description=text)
    running.set_defaults(command=("proofing.cli.serving", "deliver"), with_parent=False)


def _add_verification_commands(printing: AddCommand) -> None:
    """Add `verification` with its subcommands, through *printing*, which adds a command with --json."""
    group = printing("verification", "verifications:list_verifications", "See and decide verifications.")
    commands = group.add_subparsers(metavar="COMMAND", required=True)
    below = partial(_add_below, commands, "proofing.cli.verifications")
    listing = below("list", "list_verifications", "List verifications, newest first; never personal data.")
    listing.add_argument("--relying-party", default=None, metavar="NAME", help="only those of this one")
    listing.add_argument("--mode", choices=[mode.value for mode in Mode], default=None, help="only this mode")
    states = [state.value for state in VerificationState]
    listing.add_argument("--state", choices=states, default=None, help="only those in this state")
    listing.add_argument("--limit", type=count, default=100, help="at most so many (default %(default)s)")
    for name, text in (
        ("show", "Show one verification; never personal data."),
        ("cancel", "Cancel one verification, and its running job."),
        ("redact", "Delete what is personal of one verification; its outcome stays."),
        ("decide", "Decide the review of one verification."),
    ):
        one = below(name, name, text)
        one.add_argument("id", metavar="ID", help="of the verification")
        if name == "decide":
            outcomes = [VerificationState.VERIFIED.value, VerificationState.FAILED.value]
            one.add_argument("--outcome", choices=outcomes, required=True, help="what it becomes")
            one.add_argument("--reason", required=True, metavar="CODE", help="why, such as seen_in_person")


def _scope_list(text: str) -> str:
    """Return scopes separated by commas. Raises `argparse.ArgumentTypeError`."""
    from proofing.verifications.credentials import Scope  # noqa: PLC0415 - other commands need none of it

    if not set(text.split(",")) <= set(Scope):
        raise argparse.ArgumentTypeError(f"must be of {', '.join(Scope)}, with commas between")
    return text


def _add_relying_party_commands(printing: AddCommand) -> None:
    """Add `relying-party` with its subcommands, through *printing*, which adds a command with --json."""
    parties = printing("relying-party", "relying_party:list_all", "Make, rotate and retire API keys.")
    commands = parties.add_subparsers(metavar="COMMAND", required=True)
    below = partial(_add_below, commands, "proofing.cli.relying_party")
    below("list", "list_all", "List relying parties and their keys, without secrets.")
    adding = below("add", "add", "Make an API key for a relying party of the settings, and print it once.")
    adding.add_argument(
        "--scopes",
        type=_scope_list,
        default=None,
        help="with commas between (default: all but reviews:write)",
    )
    rotating = below("rotate", "rotate", "Make successors of its keys; the old ones are accepted for a time.")
    rotating.add_argument(
        "--overlap-hours", type=count, default=168, help="for how long (default %(default)s)"
    )
    for one in (adding, rotating):
        one.add_argument("name", metavar="NAME", help="the relying party, as in the settings")
        one.add_argument(
            "--mode", choices=["live", "test"], default="live", help="of the key (default %(default)s)"
        )
        one.add_argument(
            "--kind",
            choices=["api_key", "client_secret"],
            default="api_key",
            help="what it is for: /v1 or OpenID Connect (default %(default)s)",
        )
    retiring = below("retire", "retire", "Have a key be refused from now on.")
    retiring.add_argument("key", metavar="KEY", help="id of the key, as list shows it")
    text = "Make, rotate and retire the keys that sign the events to an endpoint."
    signing = commands.add_parser("webhook-secret", help=text, description=text)
    actions = signing.add_subparsers(metavar="COMMAND", required=True)
    key = partial(_add_below, actions, "proofing.cli.webhook_secrets")
    made = key("add", "add", "Make the keys of an endpoint, and print the secret once.")
    renewed = key("rotate", "rotate", "Make new keys; the old ones sign alongside them for a time.")
    renewed.add_argument(
        "--overlap-hours", type=count, default=168, help="for how long (default %(default)s)"
    )
    listed = key("list", "list_keys", "List the keys that sign now, without secrets.")
    retired = key("retire", "retire", "Have a key sign nothing from now on.")
    for one in (made, renewed, listed, retired):
        one.add_argument("name", metavar="NAME", help="the relying party, as in the settings")
    for one in (made, renewed):
        one.add_argument("endpoint", metavar="ENDPOINT", help="the name of its webhook")
    retired.add_argument("id", metavar="KEY", help="id of the key, as list shows it")


def _add_openid_commands(printing: AddCommand) -> None:
    """Add `oidc` with its subcommands, through *printing*, which adds a command with --json."""
    group = printing("oidc", "oidc:list_keys", "List and rotate the keys that sign ID tokens.")
    commands = group.add_subparsers(metavar="COMMAND", required=True)
    below = partial(_add_below, commands, "proofing.cli.oidc")
    below("list", "list_keys", "List the keys that are published.")
    rotating = below(
        "rotate-key",
        "rotate_key",
        "Make a new key; it signs after a day, and the old one retires a day later.",
    )
    rotating.add_argument(
        "--algorithm", choices=["ES256", "RS256"], default=None, help="only this one (default: both)"
    )
    rotating.add_argument(
        "--leaked", action="store_true", help="sign with the new key now, and retire the old one now"
    )


def _add_vendor_commands(add: AddCommand, printing: AddCommand) -> None:
    """Add what operators try vendors with, through *add*, and *printing* for commands with --json."""
    card = add("sample-card", "sample_card:sample_card", "Draw images of a specimen license or passport.")
    card.add_argument("--out", metavar="DIR", required=True, help="folder for the images; made if missing")
    card.add_argument("--seed", type=int, default=None, help="draw the same specimen again (default: any)")
    card.add_argument("--state", metavar="XX", default=None, help="two letters of its issuer (default: any)")
    card.add_argument("--passport", action="store_true", help="the data page of a passport, and no license")
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
    vendor = printing(
        "vendor", "vendor:try_one", "Try a vendor by hand; see its limits; close a circuit breaker."
    )
    commands = vendor.add_subparsers(metavar="COMMAND", required=True)
    below = partial(_add_below, commands, "proofing.cli.vendor_gates")
    listed = below("gates", "gates", "Print the circuit breakers of vendors, and how far limits are used.")
    listed.add_argument("name", metavar="NAME", nargs="?", help="only of this vendor, or product")
    closed = below("close-breaker", "close_breaker", "Have a vendor asked again whose breaker is open.")
    closed.add_argument("name", metavar="NAME", help="vendor, or product, such as acme:phone")
    tried = commands.add_parser(
        "try", help="Put one question to a vendor, which may bill it.", description="Put one question to it."
    )
    tried.add_argument("name", metavar="NAME", help="such as lexisnexis:instant_verify, or a messenger")
    tried.add_argument(
        "--applicant", metavar="FILE", required=True, help="YAML: attributes, images, circumstances"
    )
    tried.add_argument(
        "--kind", default=None, help="of the question, such as phone, if the vendor answers several"
    )
    tried.add_argument(
        "--channel", choices=("text", "voice"), default=None, help="of a messenger; text if it has that"
    )
    tried.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for programs"
    )


def _add_author_commands(add: AddCommand, printing: AddCommand) -> None:
    """Add what authors of vendor plugins use, through *add*, and *printing* for commands with --json."""
    scaffold = add("new-vendor", "scaffold.command:new_vendor", "Write the skeleton of a vendor plugin.")
    scaffold.add_argument("name", help="name of the vendor, such as acme")
    for option, default, choices, text in (
        ("--kind", "resolution", list(ProoferKind), "the question it answers, or messenger"),
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
        "--jobs", type=count, default=None, help="runs at a time (default: one for each core)"
    )
    mutating.add_argument("--minutes", type=count, default=10, help="for all of them (default %(default)s)")
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
    run.add_argument("--workers", type=count, default=1, help="worker processes (default %(default)s)")
    of_run(serving("web", "Start the web server."))
    of_run(add("worker", "serving:worker", "Start a worker."))
    sample = add("demo", "demo:demo", "Serve a sample site that has people verified.")
    sample.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    sample.add_argument("--port", type=port_number, default=8001, help="port (default %(default)s)")
    of_run(sample)
    played = add("stand-in", "serving:stand_in", "Play a vendor for tests, such as mock:hosted.")
    played.add_argument("vendor", metavar="VENDOR", help="name of the proofer")
    of_run(played)
    add("migrate", "serving:migrate", "Bring the queue's schema up to date.")
    check = printing(
        "check", "inspection:check", "Check settings, plugins, and whether stores can be reached."
    )
    check.add_argument("--deep", action="store_true", help="also make, verify and delete one real upload")
    add_settings_commands(add, printing)
    printing("plugins", "plugins:plugins", "List the installed plugins and what they offer.")
    hosts = printing("hosts", "hosts:hosts", "Print the hosts that vendors in the settings may call.")
    hosts.add_argument(
        "--endpoints", action="store_true", help="instead those of the relying parties' endpoints, by name"
    )
    add_explain_command(printing)
    add_cost_command(printing)
    add_shadow_command(printing)
    _add_job_commands(printing)
    _add_verification_commands(printing)
    _add_delivery_commands(printing)
    erase = printing("erase", "erasure:erase", "Delete all data stored about a person.")
    erase.add_argument(
        "reference",
        type=reference,
        help="the person's reference, the id of a verification, or the result id of a job of theirs",
    )
    _add_relying_party_commands(printing)
    _add_openid_commands(printing)
    smoke = printing("smoke", "smoke:smoke", "Run one complete proofing as a browser would.")
    smoke.add_argument(
        "--link", default=None, help="a person's link: use it, and take the steps of its policy"
    )
    smoke.add_argument(
        "--url",
        default=None,
        help="where the server is (default: that of the link, or http://localhost:PORT)",
    )
    _add_vendor_commands(add, printing)
    _add_author_commands(add, printing)
    return parser
