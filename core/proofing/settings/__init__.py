"""Typed settings: `layers` reads, `parsing` holds it to the strict `schema`, `live` has those in effect."""

from proofing.settings.layers import Layers, read_layers
from proofing.settings.live import LiveSettings
from proofing.settings.parsing import parse_settings, validate_settings
from proofing.settings.schema import Settings

__all__ = [
    "Layers",
    "LiveSettings",
    "Settings",
    "parse_settings",
    "read_layers",
    "validate_settings",
]
