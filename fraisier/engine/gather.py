"""Runs that the timers of hosts have started, fetched by workers from time to time: history then knows of them."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fraisier.collect import collect
from fraisier.engine import ticks
from fraisier.errors import FraisierError, LedgerError

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.engine.source import Source
    from fraisier.record.ledger import Ledger
    from fraisier.vocabulary import Target

LOG = logging.getLogger("fraisier.engine")


class Gatherer:
    """Asks the hosts of every target that has jobs by the clock, every ``engine.collect_seconds``; of several workers one does."""

    def __init__(self, ledger: Ledger, source: Source, stop: threading.Event) -> None:
        self._ledger, self._source, self._stop = ledger, source, stop
        self._looked: float | None = None
        self._silent: dict[Target, str] = {}

    def look(self) -> None:
        """Do what is due; call it as often as you like."""
        config = self._source.config()
        period, now = config.engine.collect_seconds, time.monotonic()
        if not period or (self._looked is not None and now - self._looked < period):
            return
        self._looked = now
        moment = datetime.fromtimestamp(time.time() // period * period, UTC)
        for resolved in config.all():
            if self._stop.is_set():
                return
            if resolved.settings.has_timers():
                self._look_at(resolved, moment)

    def _look_at(self, resolved: ResolvedFraise, moment: datetime) -> None:
        try:
            if ticks.take_turn(self._ledger, resolved.target, "collect", moment):
                self._collect(resolved)
        except LedgerError as error:
            LOG.debug("%s: runs of its jobs wait for the database: %s", resolved.target, error.message)
        except FraisierError as error:
            self._tell(resolved.target, error.message)
        except Exception:  # a door: one target must not keep a worker from the others
            LOG.exception("%s: runs of its jobs could not be collected", resolved.target)

    def _collect(self, resolved: ResolvedFraise) -> None:
        found = collect(self._ledger, resolved, self._source.config().environ)
        for row in found.new:
            LOG.info("%s on %s: %s by its timer", row.target, row.details["host"], row.status.value)
        self._tell(resolved.target, "; ".join(f"{host}: {words}" for host, words in found.unreachable.items()))

    def _tell(self, target: Target, words: str) -> None:
        """What is wrong is said once, not every few minutes."""
        if words and self._silent.get(target) != words:
            LOG.warning("%s: runs of its jobs could not be collected: %s", target, words)
        self._silent[target] = words
