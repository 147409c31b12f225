"""Arguments of the commands about settings: what they are, whom they ask, and what that costs."""

import argparse
from collections.abc import Callable

from proofing.cli.argument_types import instant, large_count, month, reference
from proofing.contracts.call_records import CostGroup

#: Adds a subcommand: its name, ``module:function``, and what it does.
AddCommand = Callable[[str, str, str], argparse.ArgumentParser]


def add_settings_commands(add: AddCommand, printing: AddCommand) -> None:
    """Add `settings` and `switch`, through *printing*, which adds a command with --json, and *add*."""
    settings = printing("settings", "inspection:settings", "Print the effective settings, secrets masked.")
    settings.add_argument("--reference", action="store_true", help="print the reference of all settings")
    switch = add("switch", "switching:switch", "Change one live setting in the settings file.")
    switch.add_argument("key", metavar="KEY", help="such as idv_available, or vendor_status.acme:phone")
    switch.add_argument("value", metavar="VALUE", help="as YAML: true, full_outage, [a, b], null")
    switch.add_argument("--by", metavar="NAME", type=reference, required=True, help="who, and why; logged")


def add_shadow_command(printing: AddCommand) -> None:
    """Add `shadow-report` through *printing*, which adds a command with --json."""
    shadows = printing(
        "shadow-report", "shadows:report", "Print how the answers of shadows compare with those that counted."
    )
    shadows.add_argument(
        "files", metavar="FILE", nargs="*", help="of log lines, - for standard input (default: our log file)"
    )


def add_explain_command(printing: AddCommand) -> None:
    """Add what explains decisions."""
    explain = printing("explain", "explaining:explain", "Explain which vendors a person gets, and why.")
    wanted = explain.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--person", metavar="REFERENCE", type=reference, help="the person's reference")
    wanted.add_argument(
        "--what-if",
        metavar="FILE",
        default=None,
        help="make recorded decisions again, by this file of settings, and print what would change",
    )
    explain.add_argument(
        "--jobs",
        type=large_count,
        default=1000,
        help="with --what-if: of so many jobs, the latest (default %(default)s)",
    )
    explain.add_argument(
        "--at",
        metavar="TIME",
        type=instant,
        default=None,
        help="as it is decided then, in UTC, and what was decided until then; default: now",
    )
    explain.add_argument("--settings", metavar="FILE", default=None, help="by this file of settings")


def add_cost_command(printing: AddCommand) -> None:
    """Add `costs`."""
    costs = printing("costs", "costs:costs", "Print what the vendor calls of a month came to.")
    costs.add_argument(
        "--month", type=month, default=None, help="such as 2026-11 (default: this one, in UTC)"
    )
    costs.add_argument(
        "--by",
        choices=[group.value for group in CostGroup],
        default=CostGroup.VENDOR.value,
        help="what calls are grouped by (default %(default)s)",
    )
    costs.add_argument("--csv", action="store_true", help="print CSV for spreadsheets")
    costs.add_argument(
        "--calls",
        action="store_true",
        help="print every call as a line of CSV",
    )
