"""Looks for missed pushes: once when the server starts, then at every full period, one of all servers that share the database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from fraisier.deliveries.missed import catch_up
from fraisier.errors import FraisierError
from fraisier.record.turns import take_turn
from fraisier.web.journal import LOGGER, say

if TYPE_CHECKING:
    from fraisier.deliveries.desk import Desk
    from fraisier.record.ledger import Ledger

WORK = "reconcile"
_NEVER_SECONDS = 5.0


class HasDesk(Protocol):
    """Where the configuration that is in force is found."""

    @property
    def current(self) -> Desk: ...


class Reconciler:
    """``run`` is for a thread of its own, ``look`` for whoever wants it now."""

    def __init__(self, live: HasDesk, ledger: Ledger, *, missed: Callable[[int], None] = lambda _: None) -> None:
        self._live, self._ledger, self._missed = live, ledger, missed

    def run(self, stopping: threading.Event) -> None:
        """Until ``stopping``. What goes wrong is logged and tried again a period later."""
        if self._live.current.settings.reconcile_seconds:
            self.look()
        while not stopping.is_set():
            period = self._live.current.settings.reconcile_seconds
            due = (time.time() // period + 1) * period if period else 0.0
            if stopping.wait(max(0.0, due - time.time()) if period else _NEVER_SECONDS):
                return
            if period and self._is_my_turn(due):
                self.look()

    def look(self) -> None:
        """One pass over all repositories."""
        desk = self._live.current
        try:
            found = catch_up(self._ledger, desk, desk.config.environ)
        except FraisierError as error:
            say(logging.ERROR, "missed pushes could not be looked for", reason=str(error))
            return
        except Exception:  # noqa: BLE001 - a door: logged, and the next one is served
            LOGGER.exception("missed pushes could not be looked for")
            return
        self._missed(len(found))
        for target, commit in found.items():
            say(logging.INFO, "a missed push was found", target=target.slug, sha=commit)

    def _is_my_turn(self, due: float) -> bool:
        try:
            return take_turn(self._ledger, WORK, datetime.fromtimestamp(due, UTC))
        except FraisierError as error:
            say(logging.ERROR, "missed pushes could not be looked for", reason=str(error))
            return False
