"""What every test tool that starts a server needs: a free port, and an end that is certain."""

import contextlib
import http
import signal
import socket
import subprocess
import urllib.error
import urllib.request

_STOP_SECONDS = 5.0


def free_port() -> int:
    """Return a TCP port of loopback that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_healthy(url: str) -> bool:
    """Tell whether a server of ours at *url* answers."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310 - our own server
            return bool(answer.status == http.HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def end_process(
    process: "subprocess.Popen[bytes]", signal_number: int, *, patience_seconds: float = _STOP_SECONDS
) -> None:
    """Send the signal, also to a paused process, and wait; SIGKILL when it does not help."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal_number)
    try:
        process.wait(patience_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
