"""Build hooks: pages that leave the repository link to what their reader has (docs/adr/0027).

In the repository links are relative. A page that the wheel installs keeps those to files that it installs,
too; the others, and those of the README on a package index, become URLs: of the site where it has the page,
else of the source at the tag of the version. ``[project.urls]`` has the roots of both.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?<=\]\()(?![\w+.-]+:)([^)#\s]+)(?=[#)])")


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Install the folders of pages that the option ``pages`` names at the same place below ``share``."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's contract
        """Write the pages to a folder of their own, and tell hatchling where they are."""
        root, share = Path(self.root), self.config["share"]
        pages = {f"{page}/{path.name}" for page in self.config["pages"] for path in (root / page).iterdir()}
        places = dict(_files(root, self.build_config.target_config["shared-data"]))
        places |= {page: f"{share}/{page}" for page in pages}
        urls = self.metadata.core.urls
        self._folder = tempfile.TemporaryDirectory()
        for page in pages:
            copy = Path(self._folder.name, page)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(with_links((root / page).read_text(), page, places, urls, self.metadata.version))
            build_data["shared_data"][str(copy)] = places[page]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Delete the folder."""
        if self._folder is not None:
            self._folder.cleanup()


class ReadmeHook(MetadataHookInterface):
    """Make the description of the package from README.md."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set it."""
        text = Path(self.root, "README.md").read_text()
        text = with_links(text, "README.md", {}, metadata["urls"], metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_links(text: str, page: str, places: Mapping[str, str], urls: Mapping[str, str], version: str) -> str:
    """Return the text of a page with links that work where it will be.

    Args:
        text: in Markdown.
        page: its path in the repository.
        places: path in the repository to path after the installation, for everything installed.
        urls: of the project; Documentation is where the site is, Source the repository.
        version: of the project.
    """

    def link(found: re.Match[str]) -> str:
        target = os.path.normpath(Path(page).parent / found[1])
        if target in places and page in places:
            return os.path.relpath(places[target], Path(places[page]).parent)
        if target.endswith(".md") and target != "README.md":
            return f"{urls['Documentation']}/{target.removesuffix('.md')}.html"
        return f"{urls['Source']}/blob/v{version}/{target}"

    return _LINK.sub(link, text)


def _files(root: Path, shared: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield every file below what *shared* names, and its place."""
    for source, place in shared.items():
        path = root / source
        for file in path.rglob("*") if path.is_dir() else [path]:
            yield str(file.relative_to(root)), os.path.normpath(Path(place) / file.relative_to(path))
