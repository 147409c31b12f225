"""The routes of `/v1`, one for each path, so that a wrong method is answered with all that the path has."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from proofing_server.api.endpoints import Endpoint
from proofing_server.api.handlers import IMPLEMENTATIONS
from proofing_server.api.openapi import openapi_bytes
from proofing_server.api.operations import OPERATIONS, Operation
from proofing_server.api.problems import api_headers


def api_routes() -> list[Route]:
    """Return the routes."""
    by_path: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, []).append(operation)
    # A fixed path comes before one with a parameter that would match it.
    paths = sorted(by_path, key=lambda path: ("{" in path, path))
    routes = [
        Route(
            path,
            Endpoint({one.method: (one, IMPLEMENTATIONS[one.name]) for one in by_path[path]}),
        )
        for path in paths
    ]
    return [Route("/v1/openapi.json", show_document, methods=["GET"]), *routes]


async def show_document(request: Request) -> Response:
    """Return the OpenAPI document; it needs no key."""
    return Response(openapi_bytes(), headers=api_headers(request.scope), media_type="application/json")
