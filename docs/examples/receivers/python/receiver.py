"""Receive events from Proofing: verify, skip what was seen or is older, answer.

    pip install standardwebhooks
    WEBHOOK_SECRET=whsec_... PORT=9000 python receiver.py

Put TLS in front of it. Keep `Inbox` in your database: one row an event, one row a verification.
"""

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BODY_BYTES = 64 * 1024
REMEMBER_SECONDS = 4 * 24 * 3600


class Inbox:
    """What was received."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._sequences: dict[str, int] = {}

    def take(self, event_id: str, event: dict) -> None:
        """Act on an event that is new, and not older than those of its verification before it.

        Both happen under one lock, as in one transaction of your database, or two requests at once act in the
        wrong order.
        """
        verification = event["data"]
        with self._lock:
            now = time.time()
            while self._seen and now - next(iter(self._seen.values())) > REMEMBER_SECONDS:
                del self._seen[next(iter(self._seen))]  # they are in the order of their arrival
            if event_id in self._seen:
                return
            self._seen[event_id] = now
            if verification["sequence"] < self._sequences.get(verification["id"], 0):
                return
            self._sequences[verification["id"]] = verification["sequence"]
            # Only note what is to be done, if it takes longer than a second or two.
            print(event["type"], verification["id"], verification["sequence"], flush=True)


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is verified, also when it was seen before, and 400 to everything else."""

    protocol_version = "HTTP/1.1"
    webhook: Webhook
    inbox: Inbox

    def do_POST(self) -> None:
        """Receive one event."""
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self.answer(400)
            return
        body = self.rfile.read(int(length))
        try:
            # Raises ValueError, too: for text that is not UTF-8, not base64, not JSON.
            event = self.webhook.verify(body, dict(self.headers.items()))
        except (WebhookVerificationError, ValueError):
            self.answer(400)
            return
        self.inbox.take(self.headers["webhook-id"], event)
        self.answer(204)

    def answer(self, status: int) -> None:
        """Send a status and no body."""
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Write no line a request."""


def main() -> None:
    """Serve until stopped."""
    secret = os.environ.get("WEBHOOK_SECRET", "")
    if not secret.startswith("whsec_"):
        # The library would take a public key, which everybody may know, as a secret.
        sys.exit("WEBHOOK_SECRET must be the secret that begins with whsec_")
    Receiver.webhook = Webhook(secret)
    Receiver.inbox = Inbox()
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
