"""The language that a person chooses on a page: a cookie, which every page reads and no store keeps.

The choice is a form. Where a form of the page is being filled in, the buttons of the choice belong to that
form: it comes with what was typed, and is shown again in the other language with that and with its errors;
nothing else happens. Anywhere else they belong to a form of their own, which leads back to the page.
docs/adr/0054-languages.md
"""

import re
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match

#: Takes the choice, and leads back.
LANGUAGE_PATH = "/language"
#: The name of the buttons.
LANGUAGE_FIELD = "language"
#: The field of where to go then.
RETURN_FIELD = "return_to"
#: The field with what the page says is wrong, as ``field:code`` separated by spaces.
ERRORS_FIELD = "shown_errors"
_SHOWN_ERROR = re.compile(r"([a-z][a-z0-9_]*):([a-z][a-z0-9_]*)", re.ASCII)
#: No form has so many fields.
_MAX_ERRORS = 32
_NO_PAGE = re.compile(r"[\\\x00-\x20\x7f]")


def chosen_language(request: Request, cookie_name: str) -> str:
    """Return the language that the person chose, with this request or before; empty for none."""
    return taken_choice(request) or request.cookies.get(cookie_name, "")


def taken_choice(request: Request) -> str:
    """Return the language that the person chose with this very request; empty for none."""
    found: str = getattr(request.state, "language", "")
    return found


def note_wish(request: Request, language: str) -> None:
    """Have the pages of *request* be in *language* where the person has chosen none."""
    request.state.wished_language = language


def wished_language(request: Request) -> str:
    """Return what `note_wish` noted; empty for nothing."""
    found: str = getattr(request.state, "wished_language", "")
    return found


def take_choice(request: Request, fields: Mapping[str, str]) -> bool:
    """Return whether a form was sent to have the page in another language, which is noted for the answer."""
    request.state.language = fields.get(LANGUAGE_FIELD, "")
    return LANGUAGE_FIELD in fields


def shown_errors(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what the page said was wrong before its language was changed: field to problem code."""
    pairs = map(_SHOWN_ERROR.fullmatch, fields.get(ERRORS_FIELD, "").split()[:_MAX_ERRORS])
    return {pair[1]: pair[2] for pair in pairs if pair}


def show_errors(errors: Mapping[str, str]) -> str:
    """Return the value of the field that `shown_errors` reads."""
    return " ".join(f"{field}:{code}" for field, code in errors.items())


def return_path(request: Request) -> str:
    """Return the path of the page of *request*, which a browser can open with GET; else the first page."""
    scope = request.scope
    if request.method in ("GET", "HEAD"):
        query = scope["query_string"].decode("latin-1")
        path = scope.get("raw_path", b"").decode("latin-1") or scope["path"]
        path = f"{path}?{query}" if query else path
        return path if _is_path(path) else "/"
    as_page = {**scope, "method": "GET"}
    is_page = any(route.matches(as_page)[0] is Match.FULL for route in request.app.routes)
    return scope["path"] if is_page else "/"


def checked_return_path(path: str) -> str:
    """Return *path*, which a form has sent, when it is one of this host.

    Raises:
        HTTPException: 400: it could lead to another host, or is no path.
    """
    if not _is_path(path):
        raise HTTPException(400)
    return path


def _is_path(text: str) -> bool:
    """Return whether *text* stays on this host as a browser reads it, which takes a backslash for a slash."""
    return text.startswith("/") and not text.startswith("//") and not _NO_PAGE.search(text)
