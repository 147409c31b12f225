"""What a proofer answers that has no result yet: how its question continues, and when.

The job that asked is *parked*: its run ends, no worker holds anything of it, and it runs again when its time
has come. Answers of other questions of the same job are kept and not asked again; the pending one continues
with `ResumableProofer.resume`. docs/explanation/parked-jobs.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from proofing.base.errors import PluginError

#: The largest `Pending.state`, as JSON.
MAX_STATE_BYTES = 64 * 1024
#: `Again` asks no sooner; an adapter that can wait for less waits within `proof`.
MIN_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the vendor again after so many seconds, such as its ``Retry-After``.

    The expiry of the `Pending` comes first where it is earlier.
    """

    after_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pending:
    """There is no answer yet.

    Attributes:
        state: what `resume` needs, such as the vendor's id of the question: strict JSON of at most 64 KiB. It
            is sealed, and only a worker opens it; it may hold personal data.
        then: what happens next.
        expires_at: when the vendor's answer is no longer waited for, in UTC. A later `Pending` may only move
            it earlier, and the setting ``pending_max_hours`` bounds it.
    """

    state: Mapping[str, Any]
    then: Again
    expires_at: datetime

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "state": dict(self.state),
            "after_seconds": float(self.then.after_seconds),
            "expires_at": self.expires_at.isoformat(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            state=values["state"],
            then=Again(values["after_seconds"]),
            expires_at=datetime.fromisoformat(values["expires_at"]),
        )

    def require_sound(self, name: str) -> None:
        """Raise `PluginError` if the proofer *name* may not answer so."""
        # Python holds nobody to the types of fields.
        then, expires_at = cast("object", self.then), cast("object", self.expires_at)
        if not isinstance(then, Again) or not _is_number(then.after_seconds):
            raise PluginError(f"{name}: then of a Pending must be an Again with a number of seconds")
        if not isinstance(expires_at, datetime) or expires_at.tzinfo is None:
            raise PluginError(f"{name}: expires_at of a Pending must be a datetime with a time zone")
        try:
            text = json.dumps(dict(self.state), allow_nan=False)
            is_same = json.loads(text) == dict(self.state)
        except (TypeError, ValueError, RecursionError):
            raise PluginError(f"{name}: state of a Pending must be JSON") from None
        if not is_same:
            raise PluginError(f"{name}: state of a Pending must be JSON: names are texts, lists are lists")
        if len(text) > MAX_STATE_BYTES:
            raise PluginError(f"{name}: state of a Pending must have at most {MAX_STATE_BYTES} bytes as JSON")


@dataclass(frozen=True, slots=True)
class Due:
    """`resume` is called because the time has come: the question's own, or that of another one of its job."""


@dataclass(frozen=True, slots=True)
class Expired:
    """`resume` is called because the pending question has expired; another `Pending` is refused.

    The adapter gives the end that its vendor has for it: an answer that came in the last moment, or the
    error.
    """


Because = Due | Expired


def _is_number(value: object) -> bool:
    """Return whether *value* is a finite number that is not negative."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
