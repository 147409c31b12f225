"""Gives each person ids of their own in a vendor's answers, where the examples have the same for all."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from proofing.contracts.continuation import Leave
from proofing.testing.vendors.bending import with_content
from proofing.testing.vendors.trial import Run

_MIN = 3
_MAX = 200
_DIGITS = "0123456789"
#: So many of the last digits are changed.
_CHANGED = 2


class Renamed:
    """The ids of one person, by those of the examples.

    Attributes:
        tokens: the vendor's ids in what came of an example, to those of the person.
        seen: those of them that were in an answer.
    """

    def __init__(self, run: Run, number: int) -> None:
        """Take the ids from *run* of an example; *number* tells people apart."""
        ids = set(_ids(run))
        self.tokens: dict[str, str] = {token: _variant(token, number + 1) for token in ids}
        self.seen: set[str] = set()

    def rename(self, text: str) -> str:
        """Return *text* with the person's ids."""
        return _replaced(text.encode(), self.tokens).decode()

    def has_token(self, text: str) -> bool:
        """Return whether *text* holds an id of the person."""
        return any(token in text for token in self.tokens.values())

    def own_token_in(self, request: httpx.Request) -> bool:
        """Return whether *request* holds an id of the person."""
        sent = str(request.url).encode() + request.content
        return any(re.search(_whole(token), sent) is not None for token in self.tokens.values())

    def wrap(self, answer: Callable[[httpx.Request], Any]) -> Callable[[httpx.Request], httpx.Response]:
        """Return *answer* with the person's ids, which it does not know itself."""
        back = {new: old for old, new in self.tokens.items()}

        def renamed(request: httpx.Request) -> httpx.Response:
            url = _replaced(str(request.url).encode(), back).decode()
            known = httpx.Request(
                request.method, url, headers=request.headers, content=_replaced(request.content, back)
            )
            response: httpx.Response = answer(known)
            self.seen |= {token for token in self.tokens if re.search(_whole(token), response.content)}
            headers = [(name, _replaced(value, self.tokens)) for name, value in response.headers.raw]
            content = _replaced(response.content, self.tokens)
            return with_content(httpx.Response(response.status_code, headers=headers), content)

        return renamed


def _ids(run: Run) -> set[str]:
    found = {getattr(run.result, "transaction_id", None)}
    for pending in run.pendings:
        found.add(pending.reference)
        found |= {value for value in pending.state.values() if isinstance(value, str)}
        if isinstance(pending.then, Leave):
            found.add(pending.then.url.rstrip("/").rpartition("/")[2])
    return {
        token
        for token in found
        if isinstance(token, str)
        and _MIN <= len(token) <= _MAX
        # An id, and no word such as "open".
        and re.fullmatch(r"[\w.:-]*[0-9][\w.:-]*", token)
        and token not in {run.question_id, *run.keys}
    }


def _variant(token: str, number: int) -> str:
    """Return *token* with other last digits: letters and lengths are part of the form of a vendor's ids."""
    places = [place for place, character in enumerate(token) if character in _DIGITS][-_CHANGED:]
    characters = list(token)
    digits = int("".join(characters[place] for place in places)) + number
    for place, digit in zip(places, f"{digits:0{_CHANGED}}"[-len(places) :], strict=True):
        characters[place] = digit
    return "".join(characters)


def _whole(token: str) -> bytes:
    return rb"(?<![A-Za-z0-9])" + re.escape(token.encode()) + rb"(?![A-Za-z0-9])"


def _replaced(content: bytes, tokens: Mapping[str, str]) -> bytes:
    if not tokens:
        return content
    names = {old.encode(): new.encode() for old, new in tokens.items()}
    longest = sorted(names, key=len, reverse=True)
    pattern = rb"(?<![A-Za-z0-9])(" + b"|".join(map(re.escape, longest)) + rb")(?![A-Za-z0-9])"
    return re.sub(pattern, lambda match: names[match[1]], content)
