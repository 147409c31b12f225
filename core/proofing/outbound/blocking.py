"""What plain (not async) adapters use in their thread: the outbound client, below libraries that block.

The bytes are carried by the one client on the loop, so that its hosts, certificates, proxy, deadline, caps,
intent and log lines hold whatever library builds the requests.
"""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from proofing.base.errors import Cause, VendorError
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.http import VendorResponse
from proofing.outbound.billing import unbilled
from proofing.outbound.client import OutboundClient
from proofing.outbound.sessions import make_session
from proofing.outbound.transport import timed_out

if TYPE_CHECKING:
    import requests

#: The client ends each call by itself; only a loop that is gone takes longer than its time and this.
_GRACE_SECONDS = 5.0


class ClientTwins:
    """The blocking twins of one client, `proofing.contracts.proofers.BlockingTwins`."""

    def __init__(self, client: OutboundClient, vendor_name: str) -> None:
        """Let *client* carry the calls. Must be called on its running loop."""
        self._client = client
        self._vendor_name = vendor_name
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()

    @cached_property
    def http(self) -> "requests.Session":
        """A `requests` session; see the protocol."""
        return make_session(self.request, self._vendor_name)

    def unbilled(self) -> AbstractContextManager[None]:
        """Say that the calls within are free."""
        return unbilled()

    def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | StreamedBody | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> VendorResponse:
        """Send one request and wait for its answer."""
        if threading.get_ident() == self._loop_thread:
            message = "a blocking call on the event loop; write the method as plain `def`"
            raise VendorError(Cause.BAD_REQUEST, message, vendor_name=self._vendor_name)
        # The call runs in a copy of this thread's context, so in its trace, and free where this thread says
        # so.
        calling = asyncio.run_coroutine_threadsafe(
            self._client.request(
                method, url, content=content, headers=headers, timeout_seconds=timeout_seconds
            ),
            self._loop,
        )
        try:
            return calling.result(self._client.seconds_left() + _GRACE_SECONDS)
        except FutureTimeoutError:
            calling.cancel()
            raise timed_out(self._vendor_name) from None
