"""Pages of hosted vendors: a button for each thing that a person, or the tester who plays one, can do."""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:34rem;padding:0 1rem}"
    "button{display:block;width:100%;margin:.75rem 0;padding:.75rem;font:inherit}"
)


def choice_page(vendor: str, choices: Mapping[str, str], *, return_url: str) -> HTMLResponse:
    """Return the page of a visit.

    Args:
        vendor: whose page it is.
        choices: value of the form's field ``choice`` to the words of its button.
        return_url: where the answer to the form may lead.
    """
    buttons = "".join(
        f'<button name="choice" value="{escape(value)}">{escape(words)}</button>'
        for value, words in choices.items()
    )
    return _page(f"{vendor} sandbox", f'<form method="post">{buttons}</form>', return_url=return_url)


def end_page(vendor: str, words: str, *, return_url: str) -> HTMLResponse:
    """Return the page of a visit that is over."""
    link = f'<p><a href="{escape(return_url)}">Back</a></p>' if return_url else ""
    return _page(f"{vendor} sandbox", f"<p>{escape(words)}</p>{link}", return_url=return_url)


def _page(title: str, body: str, *, return_url: str) -> HTMLResponse:
    parts = urlsplit(return_url)
    # Browsers hold the redirect that answers a form to form-action, too.
    target = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            # Firefox asks for /favicon.ico of any page.
            "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
            "frame-ancestors 'none'; "
            f"form-action 'self'{target}"
        ),
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(text, headers=headers)
