"""Headings: words with hyphens stay whole."""

import re
from pathlib import Path

import pytest

import proofing_server
from proofing_server.headings import unbroken

TEMPLATES = Path(proofing_server.__path__[0]) / "templates"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Verify your identity", "Verify your identity"),
        ("Does <it> fit?", "Does &lt;it&gt; fit?"),
        (
            "L’écran affiche-t-il ce numéro ?",
            'L’écran <span class="unbroken">affiche-t-il</span> ce numéro ?',
        ),
        ("Êtes-vous\u202f? Oui", '<span class="unbroken">Êtes-vous\u202f?</span> Oui'),
        ("x-<b> y-z", 'x-&lt;b&gt; <span class="unbroken">y-z</span>'),
        ("a - b -c", "a - b -c"),
    ],
)
def test_words_with_hyphens_are_marked(text, html):
    """Nothing else is, and all of it is escaped."""
    assert unbroken(text) == html


def test_every_heading_is_of_this_kind():
    """A text in a heading of a template goes through the filter."""
    headings = [
        (path.name, found)
        for path in TEMPLATES.glob("*.html")
        for found in re.findall(r"<h[1-6](?:[^>{]|{[{%].*?[}%]})*>(.*?)</h[1-6]>", path.read_text())
    ]
    assert len(headings) > 40
    assert [heading for heading in headings if "| unbroken }}" not in heading[1]] == []
