"""Secrets of hooks that a back end keeps: asked again every minute in a thread of its own, so that no delivery waits for a back end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from fraisier.errors import FraisierError
from fraisier.web.journal import say

if TYPE_CHECKING:
    from fraisier.deliveries.desk import Desk

RENEW_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
"""So long the last known secrets stay in force while they cannot be asked for; then nobody may call who is signed by them."""


class HasDesk(Protocol):
    """Where the configuration that is in force is found."""

    @property
    def current(self) -> Desk: ...


class Renewal:
    """``run`` is for a thread, ``look`` for whoever wants it now."""

    def __init__(self, live: HasDesk, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._live, self._clock = live, clock
        self._desk, self._confirmed = live.current, clock()

    def run(self, stopping: threading.Event) -> None:
        """Until ``stopping``."""
        while not stopping.wait(RENEW_SECONDS):
            self.look()

    def look(self) -> None:
        """Ask once, where there is anything to ask. What fails is logged, and told by 401 when it has lasted too long."""
        desk = self._live.current
        if desk is not self._desk:  # a new configuration has just asked for its own
            self._desk, self._confirmed = desk, self._clock()
        if not desk.asks_back_ends:
            return
        try:
            desk.renew()
        except FraisierError as error:
            is_over = self._clock() - self._confirmed >= LONGEST_SECONDS
            if is_over:
                desk.close()
            state = "are in force no more" if is_over else "of before stay in force"
            say(logging.ERROR, f"secrets of hooks cannot be asked for; those {state}", reason=str(error))
        else:
            self._confirmed = self._clock()
