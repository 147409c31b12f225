"""Sphinx's settings for the site that `make docs` builds (docs/adr/0031).

The source folder is the repository, not docs/: so a relative link means the same here, in an editor and on a
code host, also where it leads out of docs/. Linked files that are no pages are copied into the site.
"""

import tomllib
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

project = "Proofing"
version = release = _PROJECT["version"]
author = "the contributors of Proofing"
project_copyright = "the contributors of Proofing; Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "docs/index"
include_patterns = [
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/**.md",
    "terraform/README.md",
]
exclude_patterns = [".*", "build", "**/__pycache__"]

# Headings get the anchors that code hosts give them; a link to an anchor that is not there is an error.
myst_heading_anchors = 4

# In docstrings single backticks are names: a link where the name is on a page, plain code elsewhere.
default_role = "py:obj"
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "show-inheritance": True,
    "exclude-members": "model_config",
}
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source"]

html_theme = "furo"
html_title = f"Proofing {version}"
html_favicon = str(ROOT / "server/proofing_server/static/icon.svg")
# No font, script or image comes from another host, and nothing is counted.
html_extra_path = ["pages"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False


def setup(app: Sphinx) -> None:
    """Connect what no setting can say."""
    app.connect("autodoc-skip-member", _skip)
    # Drawings of this kind are shown by code hosts; here they stay text.
    app.add_lexer("mermaid", TextLexer)


def _skip(_app: Sphinx, what: str, name: str, _object: Any, skip: bool, _options: Any) -> bool | None:
    """Leave out the single tests of the contract suites."""
    return True if what == "class" and name.startswith("test_") else skip or None
