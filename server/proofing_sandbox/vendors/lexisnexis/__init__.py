"""LexisNexis: Instant Verify, Phone Finder, TrueID and ThreatMetrix, on the platforms RDP and DDP."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.routing import BaseRoute

from proofing_sandbox.play import Play
from proofing_sandbox.vendors.lexisnexis import ddp, rdp

PRODUCTS = rdp.PRODUCTS | ddp.PRODUCTS


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return what both platforms answer."""
    return [*rdp.routes(play), *ddp.routes(play)]


def settings(url: str) -> Mapping[str, Any]:
    """Return the section of the adapter."""
    return {"lexisnexis": {**rdp.settings(url), "ddp": ddp.settings(url)}}
