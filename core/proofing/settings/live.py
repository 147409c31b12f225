"""Settings that follow the file while the process runs: switches and vendor status only."""

import time
from collections.abc import Callable

from proofing.errors import ConfigurationError
from proofing.logs import get_logger, log
from proofing.settings.layers import Layers, file_stamp
from proofing.settings.schema import Settings

_logger = get_logger("proofing.settings")
#: How often the file is looked at, at most.
_LOOK_SECONDS = 1.0


class LiveSettings:
    """The settings in force. `current` is cheap: at most one look at the file's time stamp a second."""

    def __init__(self, settings: Settings, layers: Layers, reread: Callable[[], Settings]) -> None:
        """Hold *settings* until *reread* gives others for the file of *layers*."""
        self._settings = settings
        self._path = layers.path
        self._reread = reread
        self._stamp = layers.stamp
        self._looked = time.monotonic()

    @property
    def current(self) -> Settings:
        """The settings, with the switches as the file says now."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            stamp = file_stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._follow()
        return self._settings

    def _follow(self) -> None:
        """Take over the live keys of the changed file; keep what stands when the file is wrong."""
        try:
            fresh = self._reread()
        except ConfigurationError as error:
            for problem in error.problems:
                log(
                    _logger,
                    "settings_reload_refused",
                    key=problem.key,
                    rule=problem.rule,
                    source=problem.source,
                )
            return
        changed = [
            name for name in Settings.model_fields if getattr(fresh, name) != getattr(self._settings, name)
        ]
        live = {name: getattr(fresh, name) for name in changed if name in Settings.live_keys()}
        if live:
            self._settings = self._settings.model_copy(update=live)
            log(_logger, "settings_reloaded", names=sorted(live))
        if restart := sorted(set(changed) - set(live)):
            log(_logger, "settings_need_restart", names=restart)
