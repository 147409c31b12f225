"""The settings of the plugin."""

from pydantic import Field

from proofing.plugin import PluginSettings, QuestionSeconds


class ReaderSettings(PluginSettings):
    """The section ``reader`` of settings.yaml."""

    issuer_keys: str | None = Field(
        default=None,
        pattern="^/",
        description="absolute path of the folder with the keys of issuers that sign barcodes",
    )
    megabytes: int = Field(
        default=400, ge=200, le=2000, description="MiB that a CPU child may hold while it reads one photo"
    )
    ocr_megabytes: int = Field(
        default=900,
        ge=600,
        le=4000,
        description="MiB that a CPU child may hold while reader:ocr recognizes the text of one photo",
    )
    ocr_seconds: int = Field(
        default=5, ge=1, le=60, description="seconds of CPU that recognizing the text of one photo may take"
    )
    search_seconds: float = Field(
        default=3.0, gt=0, le=20, description="seconds of CPU for which a barcode is searched in one photo"
    )
    timeout_seconds: QuestionSeconds = Field(
        default=20.0, description="what one question may take, waiting for a CPU child included"
    )
