"""The settings in effect: what one edit changes takes effect together, and a refused edit changes nothing.

`proofing.settings.watch` finds the edits. Reference: docs/adr/0058-switches-and-shadows.md.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from proofing.base.errors import Problem
from proofing.base.logs import get_logger, log
from proofing.settings.schema import Settings

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Where changed settings came from, for the log.

    Attributes:
        source: the file, or the place of the secrets.
        version: the source's own id of what was read.
        author: who has made it, as far as the source says; None when it does not.
        changed_at: ISO 8601 time of the change by the source's clock; None when it does not say.
    """

    source: str
    version: str
    author: str | None = None
    changed_at: str | None = None


class LiveSettings:
    """The settings in effect.

    Attributes:
        current: the settings, replaced as a whole by an edit; who needs several keys of one edit reads
            it once.
        refused: what is wrong with the sources as they are now; empty while they are in effect.
        refusals: how many edits were refused since the start.
    """

    def __init__(self, settings: Settings) -> None:
        """Begin with *settings*."""
        self.current = settings
        self.refused: tuple[Problem, ...] = ()
        self.refusals = 0

    def apply(
        self,
        fresh: Settings,
        edit: Edit,
        *,
        sections: Sequence[str] = (),
        still_refused: Sequence[Problem] = (),
    ) -> None:
        """Take over the live keys of *fresh*, all at once, and log who changed what.

        The keys of an edit that need a restart keep their values and are logged.

        Args:
            fresh: the settings as all sources say now.
            edit: what changed them.
            sections: of plugins, that are other than at the start; all of a section needs a restart.
            still_refused: what is wrong with another source, of which earlier values stay in effect.
        """
        was_refused, self.refused = bool(self.refused), tuple(still_refused)
        if was_refused and not self.refused:
            # Where the mistake was undone, nothing else would say that it is gone.
            log(_logger, "settings_valid_again", source=edit.source, version=edit.version)
        before = self.current
        changed = [name for name in Settings.model_fields if getattr(fresh, name) != getattr(before, name)]
        live = {name: getattr(fresh, name) for name in changed if name in Settings.live_keys()}
        if live:
            self.current = before.model_copy(update=live)
            shown = fresh.model_dump(mode="json", include=set(live) & Settings.logged_keys())
            log(
                _logger,
                "settings_reloaded",
                names=sorted(live),
                values=dict(sorted(shown.items())),
                author=edit.author,
                changed_at=edit.changed_at,
                source=edit.source,
                version=edit.version,
            )
        if restart := sorted({*changed, *sections} - set(live)):
            log(_logger, "settings_need_restart", level=logging.WARNING, names=restart)

    def refuse(self, problems: Sequence[Problem]) -> None:
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
