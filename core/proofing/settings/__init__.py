"""Typed settings: `layers` reads them, the strict `schema` decides, `live` follows the switches."""

from proofing.settings.layers import Layers, read_layers
from proofing.settings.live import LiveSettings
from proofing.settings.schema import Settings, parse_settings

__all__ = ["Layers", "LiveSettings", "Settings", "parse_settings", "read_layers"]
