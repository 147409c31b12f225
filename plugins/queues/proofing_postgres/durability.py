"""What PostgreSQL's settings promise about what was accepted, in sentences for `proofing check`.

Source: PostgreSQL manual, "Replication" and "Write Ahead Log" in "Server Configuration".
"""

from typing import Literal

#: A commit is answered when the standby has it on its disk.
_WITH_STANDBY = frozenset({"on", "remote_apply"})
_HOWTO = "see docs/howto/size-postgres.md"


def find_losses(
    replication: Literal["standby", "managed", "none"],
    commit: str,
    standbys: str,
    fsync: str,
    *,
    what: str = "accepted jobs",
) -> list[str]:
    """Return by which accidents something accepted may be lost that should not be.

    Args:
        replication: what the operator declared; see the plugin's settings.
        commit: ``synchronous_commit`` of our login.
        standbys: ``synchronous_standby_names``.
        fsync: ``on`` or ``off``.
        what: may be lost.
    """
    found = []
    if fsync == "off":
        found.append(f"fsync is off: a power cut may lose {what}, or all of the database; set it to on")
    if commit == "off":
        found.append(
            f"synchronous_commit is off for this login: a crash of the server may lose {what}; set it to on"
        )
    if replication != "standby":
        return found
    if not standbys.strip():
        found.append(
            f"there is no synchronous standby: a promotion, or a lost disk of the server, may lose {what};"
            " set synchronous_standby_names, or declare what keeps them in postgres.replication;"
            f" {_HOWTO}"
        )
    elif commit not in _WITH_STANDBY and commit != "off":
        found.append(
            f"synchronous_commit is {commit} for this login: a promotion may lose {what};"
            f" set it to on; {_HOWTO}"
        )
    return found
