"""What a page loads for a vendor: how it is written into the page, what is served for it, and its frame."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from proofing.contracts.browser_parts import SESSION_ID, BrowserPart
from proofing_server.compression import FOREVER, StaticFile, static_file
from proofing_server.security import STATIC_PREFIX, content_security_policy, isolated_policy
from proofing_server.site import site_of

#: The path of the page in which an isolated part is loaded.
FRAME_ROUTE = "/device/{session_id}"
#: What the id of a profiling session may be, the testers' included.
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{10,64}", re.ASCII)
#: The paths of scripts of plugins.
SCRIPT_ROUTE = STATIC_PREFIX + "vendors/{digest}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """What a page shows of a part.

    Attributes:
        scripts: URLs of the vendor's scripts.
        frame: URL of the frame for browsers without script; None for none.
        isolated_in: path of the page in whose frame the rest is loaded; None for the page itself.
        own_script: path of the plugin's script; None for none.
        integrity: its digest, as the attribute of that name has it.
        values: of its data attributes.
    """

    scripts: Sequence[str]
    frame: str | None
    isolated_in: str | None
    own_script: str | None
    integrity: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Script:
    """A plugin's script, and the SHA-256 of it."""

    file: StaticFile
    digest: bytes

    @property
    def path(self) -> str:
        """Where it is served; another one for another content."""
        return SCRIPT_ROUTE.format(digest=self.digest.hex(), name=self.file.name)


def part_view(part: BrowserPart, session_id: str) -> PartView:
    """Return how *part* is shown in the page of a session."""
    script = None if part.own_script is None else _read(part.own_script)
    return PartView(
        scripts=[url.replace(SESSION_ID, session_id) for url in part.scripts],
        frame=None if part.frame is None else part.frame.replace(SESSION_ID, session_id),
        isolated_in=FRAME_ROUTE.format(session_id=session_id) if part.isolated else None,
        own_script=script.path if script else None,
        integrity=f"sha256-{base64.b64encode(script.digest).decode()}" if script else "",
        values={"session-id": session_id, **part.values},
    )


def part_headers(part: BrowserPart) -> dict[str, str]:
    """Return the headers of a page that loads *part*."""
    return {"Content-Security-Policy": content_security_policy(part=part)}


async def show_script(request: Request) -> Response:
    """Return the script of a plugin whose vendor the settings name; no page asks for another one."""
    wanted = request.url.path
    for part in site_of(request).service.browser_parts():
        if part.own_script is not None and (script := _read(part.own_script)).path == wanted:
            return script.file.response(request, {"Cache-Control": FOREVER})
    raise HTTPException(404)


async def show_frame(request: Request) -> Response:
    """Show the page in which an isolated part is loaded. It knows nobody: its path has all that it shows."""
    site, session_id = site_of(request), request.path_params["session_id"]
    part = site.service.isolated_part()
    if part is None or not _SESSION_ID.fullmatch(session_id):
        raise HTTPException(404)
    html = site.templates.get_template("device_frame.html").render(part=part_view(part, session_id))
    headers = {"Content-Security-Policy": isolated_policy(part), "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(html, headers=headers)


@cache
def _read(path: Path) -> _Script:
    """Return the script at *path*, which is read once."""
    file = static_file(path)
    return _Script(file, hashlib.sha256(file.content).digest())
