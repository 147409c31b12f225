"""What a plugin's factories learn of the process that they make something for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


def _no_old_secrets(_label: str) -> Sequence[bytes]:
    """Return nothing: the keys were never changed."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessContext:
    """What a plugin may know of the process that its object is made for.

    Attributes:
        environment: the value of ``PROOFING_ENV``, such as ``development``, ``test`` or ``production``.
        is_production: whether the rules of production hold in it.
        public_url: origin the person's browser uses, such as ``https://proofing.example.gov``.
        secret: derives 32 bytes from the application's secret, by a label of the caller's own: the same in
            every process. Those of proofers differ by plugin, too.
        old_secrets: the same for keys of before, which still verify but never sign.
    """

    environment: str
    is_production: bool = False
    public_url: str
    secret: Callable[[str], bytes]
    old_secrets: Callable[[str], Sequence[bytes]] = _no_old_secrets
