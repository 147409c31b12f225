"""The sandbox as one application: the vendors' routes, and a panel for testers in JSON."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from proofing_sandbox.behavior import Behavior, Behaviors
from proofing_sandbox.play import Play, VendorModule, body_of
from proofing_sandbox.vendors import MODULES

#: Where testers choose.
PANEL = "/sandbox"


def make_app(url: str, product_url: str, modules: tuple[VendorModule, ...] = MODULES) -> Starlette:
    """Return the application that is reached at *url*, and plays vendors for the product at *product_url*."""
    products = [product for module in modules for product in module.PRODUCTS]
    play = Play(url.rstrip("/"), product_url.rstrip("/"), Behaviors(frozenset(products)))
    panel = _Panel(play)
    routes = [route for module in modules for route in module.routes(play)]
    routes += [
        Route(PANEL, panel.show, methods=["GET"]),
        Route(PANEL, panel.reset, methods=["DELETE"]),
        Route(f"{PANEL}/phone", panel.show_phone, methods=["GET"]),
        Route(f"{PANEL}/{{product:path}}", panel.choose, methods=["PUT"]),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await play.close()

    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.play = play
    return app


def settings_for(url: str, modules: tuple[VendorModule, ...] = MODULES) -> Mapping[str, Any]:
    """Return what settings.yaml needs for adapters to ask the sandbox at *url*."""
    found: dict[str, Any] = {}
    for module in modules:
        found |= module.settings(url.rstrip("/"))
    return found


class _Panel:
    """What testers ask and choose."""

    def __init__(self, play: Play) -> None:
        self._play = play

    async def show(self, _request: Request) -> Response:
        """Return products, what is chosen, and what happened; nothing of a person."""
        return JSONResponse({**self._play.behaviors.to_json(), "sent": self._play.sent})

    async def show_phone(self, _request: Request) -> Response:
        """Return the last messages to phones, the newest first: on this machine alone, for made-up people."""
        return JSONResponse(list(reversed(self._play.phone)))

    async def reset(self, _request: Request) -> Response:
        """Have everything as at the start."""
        self._play.behaviors.reset()
        self._play.sent.clear()
        self._play.phone.clear()
        return Response(status_code=204)

    async def choose(self, request: Request) -> Response:
        """Choose how a product answers from now on."""
        # A page of a stranger cannot send JSON here without being asked first, and is answered nothing.
        if request.headers.get("content-type") != "application/json":
            return JSONResponse({"problem": "the body must be application/json"}, 415)
        try:
            values = json.loads(await body_of(request))
            if not isinstance(values, dict):
                raise ValueError("the body must be an object")  # noqa: TRY004 - one kind of refusal
            self._play.behaviors.choose(request.path_params["product"], Behavior.from_json(values))
        except (ValueError, TypeError) as error:
            return JSONResponse({"problem": str(error)}, 422)
        return Response(status_code=204)
