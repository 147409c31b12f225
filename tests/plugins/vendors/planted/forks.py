"""Runs tests in forks of one process that has imported what all of them need: ``python forks.py MODULE``.

A line of JSON is an order: the folder with a changed copy of the package MODULE, and pytest's arguments. The
answer is a line with its exit code; the output is in the file ``output`` of the folder.
"""

import json
import os
import signal
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from proofing.cli.mutation.child import main

#: What most tests of adapters import, but for the adapters.
_SHARED = (
    *("cryptography.x509", "httpx", "hypothesis", "lxml.etree", "pydantic"),
    *("proofing.testing.canary", "proofing.testing.vendor_fakes", "proofing.testing.vendors"),
)

#: What the tests of one mistake may take; then a signal ends them.
_SECONDS = 600


def _run(module: str, folder: Path, arguments: list[str]) -> int:
    """Run the tests, in a fork."""
    signal.alarm(_SECONDS)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    output = os.open(folder / "output", os.O_CREAT | os.O_WRONLY)
    for target in (1, 2):
        os.dup2(output, target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = main(module, str(folder / "times"), *arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _serve(module: str) -> None:
    """Take orders until there are no more."""
    for name in _SHARED:
        import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 3
            try:
                code = _run(module, Path(order["folder"]), order["arguments"])
            finally:
                os._exit(code)
        _pid, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


_serve(sys.argv[1])
