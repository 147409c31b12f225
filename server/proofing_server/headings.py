"""Headings: no line breaks inside a word."""

import re

from markupsafe import Markup

#: Only at such hyphens do browsers break words of our languages.
_HYPHENATED = re.compile(r"[^ ]*\w-\w[^ ]*")


def unbroken(text: str) -> Markup:
    """Return a heading's *text* in which words with hyphens, such as "affiche-t-il", stay on one line.

    A no-break hyphen would be another character for those who search, copy or listen. What belongs to a word
    stays with it: a question mark after a no-break space does in French.
    """
    parts = _HYPHENATED.split(text)
    words = _HYPHENATED.findall(text)
    marked = [Markup('<span class="unbroken">{}</span>').format(word) for word in words]
    pairs = zip(parts, [*marked, Markup()], strict=True)
    return Markup().join(Markup("{}{}").format(part, word) for part, word in pairs)
