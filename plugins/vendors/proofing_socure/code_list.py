"""The reason codes of the account: what Socure lists, against what the settings decide by.

``GET /api/3.0/reasoncodes?group=true`` answers with groups of codes and their descriptions. A code in the
settings that is not listed comes with no answer, so that what it should decide is never decided.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from proofing.plugin import VendorContext
from proofing_socure.id_plus import IDPlus, Part

if TYPE_CHECKING:
    from proofing_socure.settings import SocureSettings

_PATH = "/api/3.0/reasoncodes?group=true"
#: Group to code to description. The description is free text, and is not kept.
_Groups = Annotated[dict[str, dict[str, str]], Field(min_length=1)]


class CodeListAnswer(Part):
    """All groups."""

    reason_codes: _Groups = Field(repr=False)


class CodeList:
    """Checks the settings of one product that name codes."""

    def __init__(self, settings: "SocureSettings", vendor_name: str, *, prefix: str) -> None:
        """Take address, key and the settings whose names begin with *prefix* and end in ``_codes``."""
        self._url = settings.base_url + _PATH
        key = settings.reason_codes_api_key or settings.api_key
        self._headers = {"authorization": f"SocureApiKey {key.get_secret_value()}"}
        self._id_plus = IDPlus(settings, vendor_name)
        self._configured: dict[str, list[str]] = {
            name: getattr(settings, name)
            for name in type(settings).model_fields
            if name.startswith(prefix) and name.endswith("_codes")
        }

    async def check(self, context: VendorContext) -> str | None:
        """Return which codes of the settings Socure does not list, None for none.

        Raises:
            VendorError: there is no list.
        """
        with context.unbilled():
            response = await context.http.get(self._url, headers=self._headers)
        groups = self._id_plus.read(response, CodeListAnswer).reason_codes
        listed = {code for group in groups.values() for code in group}
        unknown = [
            f"socure.{name} has {code}"
            for name, codes in sorted(self._configured.items())
            for code in codes
            if code not in listed
        ]
        return f"{', '.join(unknown)}: not a reason code of this account" if unknown else None
