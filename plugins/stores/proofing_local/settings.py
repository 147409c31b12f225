"""The settings of the local plugin."""

from pydantic import Field

from proofing.plugin import PluginSettings


class LocalSettings(PluginSettings):
    """The section ``local`` of settings.yaml; the package's docstring explains each key."""

    directory: str = Field(default=".local", min_length=1)
    timeout_seconds: float = Field(default=5.0, gt=0)
    upload_timeout_seconds: float = Field(default=300.0, gt=0)
