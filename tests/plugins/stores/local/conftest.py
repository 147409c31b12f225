"""What the tests of the local stores share."""

from collections.abc import Callable
from concurrent.futures import Future

import pytest

from proofing.base.threads import BoundedThreads
from proofing_local import key_file


class BrokenDisk:
    """An executor whose every call raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def submit(self, *_: object, **__: object) -> Future[None]:
        """Return a call that has failed."""
        future: Future[None] = Future()
        future.set_exception(self._error)
        return future

    def shutdown(self, **_: object) -> None:
        """There is nothing to end."""


def _break(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    disk = BrokenDisk(error)
    monkeypatch.setattr(
        BoundedThreads, "_executor", property(lambda _self: disk, lambda _self, _value: None), raising=False
    )
    for name in ("aead_seal", "aead_open"):
        monkeypatch.setattr(key_file, name, fail)


@pytest.fixture
def break_disk() -> Callable[[pytest.MonkeyPatch, Exception], None]:
    """Give what makes every call to the disk, and every use of a master key, raise an error."""
    return _break
