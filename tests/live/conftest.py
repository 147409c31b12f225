"""The account that the live tests ask, which LIVE_VENDORS names: docs/howto/test-live-vendors.md."""

import asyncio
import os
from pathlib import Path

from proofing.bootstrap import configure
from proofing.contracts.proofers import Maturity
from proofing.contracts.results import ProoferKind


def products_of(directory: Path) -> list[tuple[str, str]]:
    """Return kind and name of every proofer of the settings that is no mock.

    Messengers write to real phones, and answer no question.
    """
    environ = {"PROOFING_ENV": os.environ.get("PROOFING_ENV", "test")}
    configuration = asyncio.run(configure(directory / "settings.yaml", environ, role="cli"))
    return sorted(
        (kind.value, name)
        for (kind, name), loaded in configuration.plugins.proofers.items()
        if loaded.descriptor.maturity is not Maturity.MOCK and kind is not ProoferKind.MESSENGER
    )


def pytest_generate_tests(metafunc):
    """Make one test of each product; without an account one, which is skipped with a hint."""
    if "product" in metafunc.fixturenames:
        name = os.environ.get("LIVE_VENDORS")
        found = products_of(Path(name)) if name else [None]
        metafunc.parametrize("product", found, ids=lambda one: "-".join(one) if one else "no account")
