"""docs/claims.md is written by its script: what is added to the page by hand would be lost."""

from scripts import claims


def test_the_page_has_the_words_of_the_script():
    """Its introduction, what other tests hold, and what is not proved."""
    page = claims.PAGE.read_text()
    assert page.startswith(claims.HEAD)
    assert page.endswith(claims.TAIL)
