"""Which of the known names somebody may have meant who wrote another one."""

from collections.abc import Iterable
from difflib import get_close_matches


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that is most like *name*; None where none is like it."""
    return next(iter(get_close_matches(name, list(known), n=1)), None)
