"""Follows the sources of settings while a process runs: the settings file, and the secret store.

A change is taken over once a second look has found the same: a file may be in the middle of being written,
and what is there of it may be valid. It is read in a thread, and no request waits for it.
"""

import asyncio
import logging
import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from proofing.base.concurrency import Background, run_regularly
from proofing.base.errors import ConfigurationError, Problem, ProofingError
from proofing.base.logs import get_logger, log
from proofing.base.metrics import BACKEND_UP
from proofing.contracts.stores import Secrets, SecretStore, VersionedSecretStore
from proofing.settings.layers import Layers, file_stamp
from proofing.settings.live import Edit, LiveSettings
from proofing.settings.schema import Settings

_logger = get_logger(__name__)
#: An edit is found by one look and confirmed by the next one: in effect within some 3 s.
LOOK_SECONDS = 1.0
#: How long the secret store may take to name its version, or to load.
ASK_SECONDS = 10.0
_STORE = "secret_store"

#: The key by which an edit says who made it. Each source has its own, though only one is in effect.
AUTHOR = "settings_changed_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the sources of settings say now.

    Attributes:
        settings: all of them together.
        layers: what they are made of.
        file_author: who made the last edit of the file, as it says.
    """

    settings: Settings
    layers: Layers
    file_author: str | None


#: Reads the sources again, the secrets given. Raises `ConfigurationError`.
Reread = Callable[[Secrets], Sources]
#: Returns what speaks against settings that is only found in the event loop.
Judge = Callable[[Settings, Layers], list[Problem]]


class SettingsWatch:
    """Keeps the settings in effect up to date with their sources."""

    def __init__(
        self,
        live: LiveSettings,
        layers: Layers,
        store: SecretStore | None,
        secrets: Secrets,
        *,
        file_author: str | None,
        reread: Reread,
        judge: Judge,
    ) -> None:
        """Begin with what is in effect.

        Args:
            live: the settings in effect.
            layers: what they were made of, the secrets too.
            store: holds the secrets; None, or one that names no versions, is not followed.
            secrets: as loaded at launch.
            file_author: as in `Sources`, at launch.
            reread: called in a thread, when a source has changed.
            judge: called with what it returned.
        """
        self._live = live
        self._layers = layers
        self._path = layers.path
        self._store = store if isinstance(store, VersionedSecretStore) else None
        self._secrets = secrets
        self._file_author = file_author
        self._reread = reread
        self._judge = judge
        self._file = _Confirmed(layers.stamp)
        self._version = _Confirmed(secrets.version)
        #: What is wrong with the text of the secrets, which then leaves the earlier ones in effect.
        self._unreadable: tuple[Problem, ...] = ()
        self._is_store_down = False
        self._turn = asyncio.Lock()
        self._looks = Background()

    def begin(self) -> None:
        """Look at both sources again and again; one that does not answer holds up nothing of the other."""
        for look in (self.look_at_file, self.look_at_secrets):
            self._looks.begin(run_regularly(LOOK_SECONDS, look))

    async def close(self) -> None:
        """Stop looking."""
        await self._looks.close()
        if self._store is not None:
            await self._store.close()

    async def look_at_file(self) -> None:
        """Take over an edit of the settings file that the last look has seen, too."""
        async with self._file.turn:
            stamp = await asyncio.to_thread(file_stamp, self._path)
            if self._file.is_news(stamp):
                self._file.accept(stamp)
                await self._follow(await asyncio.to_thread(_edit_of, self._path))

    async def look_at_secrets(self) -> None:
        """Take over a version of the secrets that the last look has seen, too."""
        if self._store is None:
            return
        async with self._version.turn:
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    secrets = await self._changed_secrets(self._store)
            except (ProofingError, TimeoutError) as error:
                self._note_store(error)
                return
            self._note_store(None)
            if secrets is not None:
                before, self._secrets = self._secrets, secrets
                author = secrets.values.get(AUTHOR)
                edit = Edit(
                    source=secrets.source,
                    version=secrets.version,
                    author=secrets.author if author == before.values.get(AUTHOR) else author,
                    changed_at=secrets.changed_at,
                )
                await self._follow(edit)

    async def _changed_secrets(self, store: VersionedSecretStore) -> Secrets | None:
        """Return the secrets that are news; None without, and when they are refused.

        Raises:
            StoreUnavailableError: the store does not answer.
        """
        version = ""
        try:
            version = await store.version()
            if not self._version.is_news(version):
                return None
            secrets = await store.load()
        except ConfigurationError as error:
            self._version.accept(version)
            # Without a version there is no object, or no right to it: said once, not at each look.
            if self._unreadable != (found := tuple(error.problems)):
                self._unreadable = found
                self._live.refuse(found)
            return None
        self._unreadable = ()
        self._version.accept(secrets.version)
        return secrets

    async def _follow(self, edit: Edit) -> None:
        """Take over what the sources hold now; keep what is in effect when it is invalid."""
        async with self._turn:
            try:
                found = await asyncio.to_thread(self._reread, self._secrets)
                problems = self._judge(found.settings, found.layers)
            except ConfigurationError as error:
                problems = list(error.problems)
            except Exception as error:  # noqa: BLE001 - a plugin's code judges too; no process may fail on it
                rule = f"could not be validated: {type(error).__name__}"
                problems = [Problem(edit.source, "file", rule)]
            if problems:
                self._live.refuse(problems)
                return
            if found.file_author != self._file_author:
                self._file_author = found.file_author
                edit = replace(edit, author=found.file_author)
            sections = found.layers.changed_sections(self._layers, Settings.model_fields)
            self._live.apply(found.settings, edit, sections=sections, still_refused=self._unreadable)

    def _note_store(self, error: Exception | None) -> None:
        """Write one line when the secret store goes, and one when it is back."""
        BACKEND_UP.labels(_STORE).set(error is None)
        if error is not None and not self._is_store_down:
            log(
                _logger,
                "secrets_not_followed",
                level=logging.WARNING,
                source=self._secrets.source,
                error=type(error).__name__,
            )
        elif error is None and self._is_store_down:
            log(_logger, "secrets_followed", source=self._secrets.source)
        self._is_store_down = error is not None


class _Confirmed:
    """Tells news from what is known, once it has been seen twice in a row."""

    def __init__(self, known: object) -> None:
        self._known = self._seen = known
        #: One look at a time: who looks meanwhile finds what came of the first.
        self.turn = asyncio.Lock()

    def is_news(self, found: object) -> bool:
        """Return whether *found* is not what is known, and was found the last time, too."""
        is_same, self._seen = found == self._seen, found
        return is_same and found != self._known

    def accept(self, found: object) -> None:
        """Take *found* as known."""
        self._known = found


def _edit_of(path: Path) -> Edit:
    """Return what the file system knows of the last edit of *path*: its owner may be someone else."""
    with suppress(OSError):
        facts = path.stat()
        changed_at = datetime.fromtimestamp(facts.st_mtime, UTC).isoformat(timespec="milliseconds")
        return Edit(
            source=path.name, version=changed_at, author=f"owner {_name_of(facts)}", changed_at=changed_at
        )
    return Edit(source=path.name, version="missing")


def _name_of(facts: os.stat_result) -> str:
    """Return the name of a file's owner, or the number where it has none, as in a container."""
    try:
        return pwd.getpwuid(facts.st_uid).pw_name
    except KeyError:
        return str(facts.st_uid)
