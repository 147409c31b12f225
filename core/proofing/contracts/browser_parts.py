"""What the browser of a person loads for a vendor, such as the script of a device profiler.

The page that asks for the Social Security number loads it, for people whose device proofer declares it, and
its Content Security Policy lets exactly the declared origins through. A script of the vendor runs in that
page and can read it: what is typed there, too. One of an `isolated` part runs in a frame that has no access
to the page, and may do there what our pages let nobody do.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from proofing.base.errors import PluginError
from proofing.base.hosts import LOOPBACK, is_host

#: What becomes the id of the browser's session in a URL of a part.
SESSION_ID: Final = "{session_id}"
MAX_SCRIPT_BYTES: Final = 256 * 1024
_MAX_ENTRIES = 16
_MAX_TEXT_CHARACTERS = 1024
#: An origin without its scheme, such that it means in a policy what it says: no wildcard, list or directive.
_PLACE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?", re.ASCII)
_URL = re.compile(r"[A-Za-z0-9._~:/?#@!$&()*+,;=%-]+", re.ASCII)
_VALUE_NAME = re.compile(r"[a-z]+(-[a-z]+)*", re.ASCII)
_FILE_NAME = re.compile(r"[a-z0-9_-]+\.js", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserPart:
    """What a page loads for a device proofer, which gets the same session id as ``device_session_id``.

    Sources are origins: ``https://host``, with a port if it has one; outside of production also
    ``http://localhost:8900``. Nothing else is allowed, and nothing is that is not listed. URLs are of a
    listed origin; ``{session_id}`` in them becomes the session id: 32 hexadecimal digits, made by us.

    Attributes:
        scripts: URLs of scripts of the vendor, loaded without holding up the page. What goes into them from
            the settings is percent-encoded by the plugin.
        frame: URL of a frame of the vendor, which is loaded where scripts are off; None for none.
        own_script: a script of the plugin, a file of its package such as ``Path(__file__).parent /
            "profile.js"``; served by our origin, loaded as a classic script when the page has been read.
        values: what *own_script* finds, next to ``sessionId``, in ``document.currentScript.dataset``: public
            names and texts, no secret. ``org-id`` is ``orgId`` there.
        script_sources: whose scripts may run. With any the page is without Trusted Types, which such scripts
            are seldom written for.
        connect_sources: to whom scripts may connect.
        image_sources: whose images may be shown.
        frame_sources: whose pages may be framed.
        isolated: whether scripts and frame are loaded in a sandboxed page of our own, which that page frames:
            without an origin, so without cookies, storage, or access to what is around it. There, and nowhere
            else, the scripts may use ``eval`` and inline styles, and an image source may be all hosts below a
            domain: ``https://*.vendor.example``. For vendors whose scripts do not run without.
    """

    scripts: Sequence[str] = ()
    frame: str | None = None
    own_script: Path | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    script_sources: frozenset[str] = frozenset()
    connect_sources: frozenset[str] = frozenset()
    image_sources: frozenset[str] = frozenset()
    frame_sources: frozenset[str] = frozenset()
    isolated: bool = False

    @property
    def sources(self) -> Mapping[str, frozenset[str]]:
        """What is allowed, by the directive of the policy; without those of which nothing is."""
        named = {
            "script-src": self.script_sources,
            "connect-src": self.connect_sources,
            "img-src": self.image_sources,
            "frame-src": self.frame_sources,
        }
        return {directive: sources for directive, sources in named.items() if sources}

    def require_sound(self, name: str, *, is_production: bool) -> None:
        """Raise `PluginError` if the page of the proofer *name* may not be so; what it read is not shown."""
        for directive, sources in self.sources.items():
            # Python holds nobody to the types of fields, and a text would pass for its letters.
            is_set = isinstance(cast("object", sources), frozenset) and len(sources) <= _MAX_ENTRIES
            may_be_wide = self.isolated and directive == "img-src"
            if not is_set or not all(
                _is_source(_narrow(one) if may_be_wide else one, is_production=is_production)
                for one in sources
            ):
                raise PluginError(
                    f"{name}: {directive} of its page must be a frozenset of at most {_MAX_ENTRIES} origins:"
                    " https, a host in lower case, and a port if need be; no path, wildcard or keyword, and"
                    " this machine only outside of production"
                )
        if isinstance(self.scripts, str) or len(self.scripts) > _MAX_ENTRIES:
            raise PluginError(f"{name}: scripts of its page must be a list of at most {_MAX_ENTRIES}")
        frames = [] if self.frame is None else [self.frame]
        for word, urls, sources in (
            ("script", self.scripts, self.script_sources),
            ("frame", frames, self.frame_sources),
        ):
            if not all(_is_url_of(url, sources) for url in urls):
                raise PluginError(
                    f"{name}: each {word} of its page must be a URL of one of its {word}_sources"
                )
        if not all(_is_value(key, value) for key, value in self.values.items()) or (
            self.values and self.own_script is None
        ):
            raise PluginError(
                f"{name}: values of its page need an own_script; names are lower-case words with hyphens, and"
                f" not session-id; texts have at most {_MAX_TEXT_CHARACTERS} characters"
            )
        if not (self.scripts or self.own_script):
            raise PluginError(f"{name}: its page loads no script")
        if self.isolated and self.own_script is not None:
            raise PluginError(f"{name}: an isolated part has no own_script: our origin stays out of its page")
        self._require_own_script(name)

    def _require_own_script(self, name: str) -> None:
        """Raise `PluginError` if the plugin's script cannot be served."""
        if self.own_script is None:
            return
        try:
            is_sound = (
                _FILE_NAME.fullmatch(self.own_script.name) is not None
                and 0 < self.own_script.stat().st_size <= MAX_SCRIPT_BYTES
            )
        except (OSError, AttributeError):
            is_sound = False
        if not is_sound:
            raise PluginError(
                f"{name}: own_script of its page must be the Path of a file *.js that can be read, of at most"
                f" {MAX_SCRIPT_BYTES} bytes"
            )


def _is_source(source: object, *, is_production: bool) -> bool:
    """Return whether a policy may name *source*."""
    if not isinstance(source, str):
        return False
    scheme, _, place = source.partition("://")
    host, _, port = place.partition(":")
    if not _PLACE.fullmatch(place) or not is_host(host) or int(port or 443) > 65_535:  # noqa: PLR2004 - TCP
        return False
    if host in LOOPBACK:
        return scheme in {"http", "https"} and not is_production
    return scheme == "https" and "." in host


def _narrow(source: object) -> object:
    """Return the domain in place of all hosts below it, by whose rules they are judged then."""
    return source.replace("://*.", "://", 1) if isinstance(source, str) else source


def _is_url_of(url: object, sources: frozenset[str]) -> bool:
    """Return whether *url* is a URL of one of *sources*, which goes into a page as it is."""
    if not isinstance(url, str) or len(url) > _MAX_TEXT_CHARACTERS:
        return False
    if not _URL.fullmatch(url.replace(SESSION_ID, "0")):
        return False
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" in sources


def _is_value(name: object, value: object) -> bool:
    """Return whether a script may find *value* by *name*."""
    return (
        isinstance(name, str)
        and _VALUE_NAME.fullmatch(name) is not None
        and name != "session-id"
        and isinstance(value, str)
        and len(value) <= _MAX_TEXT_CHARACTERS
    )
