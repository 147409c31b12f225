"""The tags of ThreatMetrix: the script by which the person's browser is profiled, before it is asked about.

Where scripts are off, a frame with fewer observations takes its place. The script wants ``unsafe-eval``,
inline styles, and images from all hosts of the vendor's domain: it is loaded in a frame that has no origin,
where our pages are not within its reach.
"""

from typing import TYPE_CHECKING
from urllib.parse import quote

from proofing.plugin import BrowserPart

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import LexisNexisSettings

#: Of the vendor, below which its script finds hosts for images.
_DOMAIN = ".online-metrix.net"


def make_tags(settings: "LexisNexisSettings") -> BrowserPart | None:
    """Return what a page loads; None where nothing is set, with which nobody is profiled either."""
    if settings.ddp is None:
        return None
    base_url = settings.ddp.tags_base_url
    query = f"org_id={quote(settings.ddp.org_id, safe='')}&session_id={{session_id}}"
    own = frozenset({base_url})
    siblings = {f"https://*{_DOMAIN}"} if base_url.endswith(_DOMAIN) else set()
    return BrowserPart(
        scripts=(f"{base_url}/fp/tags.js?{query}",),
        frame=f"{base_url}/fp/tags?{query}",
        script_sources=own,
        connect_sources=own,
        frame_sources=own,
        image_sources=own | siblings | set(settings.ddp.tags_image_urls),
        isolated=True,
    )
