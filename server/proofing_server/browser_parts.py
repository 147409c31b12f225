"""What a page loads for a vendor: how it is written into the page, and how the plugin's script is served."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.contracts.browser_parts import SESSION_ID, BrowserPart
from proofing_server.compression import FOREVER, StaticFile, static_file
from proofing_server.security import STATIC_PREFIX, content_security_policy
from proofing_server.site import site_of

#: The paths of scripts of plugins.
SCRIPT_ROUTE = STATIC_PREFIX + "vendors/{digest}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """What a page shows of a part.

    Attributes:
        scripts: URLs of the vendor's scripts.
        frame: URL of the frame for browsers without script; None for none.
        own_script: path of the plugin's script; None for none.
        integrity: its digest, as the attribute of that name has it.
        values: of its data attributes.
    """

    scripts: Sequence[str]
    frame: str | None
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


@cache
def _read(path: Path) -> _Script:
    """Return the script at *path*, which is read once."""
    file = static_file(path)
    return _Script(file, hashlib.sha256(file.content).digest())
