"""Settings that follow the file while the process runs: switches and vendor status only."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from proofing.base.errors import ConfigurationError, Problem
from proofing.base.logs import get_logger, log
from proofing.settings.layers import Layers, file_stamp
from proofing.settings.schema import Settings

_logger = get_logger(__name__)


class LiveSettings:
    """The settings in effect. `current` is cheap: at most one look at the file's time stamp a second.

    Attributes:
        refused: what is wrong with the file as it is now; empty while it is in effect.
        refusals: how many edits were refused since the start.
        look_seconds: how often the file is checked, at most.
        watch_seconds: how often a process looks that has nothing else to do; an edit is in effect within 5 s.
    """

    look_seconds = 1.0
    watch_seconds = 2.0

    def __init__(
        self,
        settings: Settings,
        layers: Layers,
        reread: Callable[[], Settings],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Hold *settings* until *reread* gives others for the file of *layers*; *clock* is in seconds."""
        self._clock = clock
        self.refused: tuple[Problem, ...] = ()
        self.refusals = 0
        self._settings = settings
        self._path = layers.path
        self._reread = reread
        self._stamp = layers.stamp
        self._looked = clock()

    @property
    def current(self) -> Settings:
        """The settings, with the switches as the file says now."""
        now = self._clock()
        if now - self._looked >= self.look_seconds:
            self._looked = now
            stamp = file_stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._follow()
        return self._settings

    async def watch(self) -> None:
        """Look at the file until canceled, so that an idle process follows it, too."""
        while True:
            await asyncio.sleep(self.watch_seconds)
            _ = self.current

    def _follow(self) -> None:
        """Take over the live keys of the changed file; keep the old settings when the file is invalid."""
        try:
            fresh = self._reread()
        except ConfigurationError as error:
            self._refuse(error.problems)
            return
        except Exception as error:  # noqa: BLE001 - a plugin's code judges too; no page may fail on it
            rule = f"could not be validated: {type(error).__name__}"
            self._refuse([Problem(self._path.name, "file", rule)])
            return
        self.refused = ()
        changed = [
            name for name in Settings.model_fields if getattr(fresh, name) != getattr(self._settings, name)
        ]
        live = {name: getattr(fresh, name) for name in changed if name in Settings.live_keys()}
        if live:
            self._settings = self._settings.model_copy(update=live)
            log(_logger, "settings_reloaded", names=sorted(live))
        if restart := sorted(set(changed) - set(live)):
            log(_logger, "settings_need_restart", level=logging.WARNING, names=restart)

    def _refuse(self, problems: Sequence[Problem]) -> None:
        """Note an edit that is not taken over, one line a problem."""
        self.refused = tuple(problems)
        self.refusals += 1
        for problem in problems:
            log(
                _logger,
                "settings_reload_refused",
                level=logging.ERROR,
                key=problem.key,
                rule=problem.rule,
                source=problem.source,
            )
