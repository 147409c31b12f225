"""Another language, on pages where nothing is being typed."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing_server.bodies import read_form
from proofing_server.language_choice import (
    RETURN_FIELD,
    checked_return_path,
    take_choice,
    taken_choice,
)
from proofing_server.site import go_to, site_of


async def choose(request: Request) -> Response:
    """Take the choice and lead back to the page; session and stores have no part in it.

    A form of another site is refused as every state change is (`security.Guard`). There is no token: pages
    without a session have the choice, too, and a language reveals nothing.
    """
    site, fields = site_of(request), await read_form(request)
    path = checked_return_path(fields.get(RETURN_FIELD, ""))
    if not take_choice(request, fields) or taken_choice(request) not in site.languages(request):
        raise HTTPException(400)
    response = go_to(path)
    site.keep_choice(request, response)
    return response
