"""The worker: takes what is due, carries it out in one of its threads, and looks after what other workers have left behind."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from fraisier.engine import due, ticks
from fraisier.engine.due import Due, Limits
from fraisier.errors import DeploymentFailed, FraisierError, LedgerError
from fraisier.record import write
from fraisier.record.owner import Owner
from fraisier.vocabulary import FraiseState, Status, Target

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

Answer = TypeVar("Answer")
LOG = logging.getLogger("fraisier.engine")
SWEEP_SECONDS = 1.0
DEBTS_SECONDS = 5.0


@dataclass(frozen=True)
class Rules:
    """What a worker goes by; asked for again and again, as the configuration may change while it works.

    ``clocks``: when targets are due, with their priority. ``may_be_back``: whether it is worth trying to settle what a target's hosts owe.
    """

    limits: Limits = field(default_factory=Limits)
    clocks: Mapping[Target, tuple[ticks.Clock, int]] = field(default_factory=dict)
    may_be_back: Callable[[Target], bool] = lambda _: True


class Worker:
    """``carry_out`` is called in a thread of its own with a deployment that has been claimed, and gives it its final status."""

    def __init__(
        self,
        ledger: Ledger,
        carry_out: Callable[[Deployment], None],
        *,
        concurrency: int,
        rules: Callable[[], Rules] = Rules,
        stop: threading.Event | None = None,
    ) -> None:
        self.ledger = ledger
        self.concurrency = concurrency
        self.stop = stop or threading.Event()
        self.lost: list[Deployment] = []
        """What the last sweep has found interrupted."""
        self._carry_out = carry_out
        self._rules = rules
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="deployment")
        self._mutex = threading.Lock()
        self._busy: dict[Target, Deployment | None] = {}
        self._is_free = threading.Condition(self._mutex)
        self._owing: list[Target] = []
        self._swept = self._asked_about_debts = 0.0
        self._is_away = False

    def due(self) -> list[Due]:
        """What may begin now, by the ledger; [] while that cannot be reached."""
        return self._reached(lambda: due.due(self.ledger, self._rules().limits, self._owing)) or []

    def start(self, target: Target) -> Future[bool] | None:
        """Look at a target in a thread; the answer tells whether something was carried out. None when all threads are taken, or one is
        at this target already."""
        with self._mutex:
            if self.stop.is_set() or target in self._busy or len(self._busy) >= self.concurrency:
                return None
            self._busy[target] = None
        return self._threads.submit(self._look, target)

    def running(self) -> list[Deployment]:
        """What this worker carries out."""
        with self._mutex:
            return [row for row in self._busy.values() if row]

    def busy(self) -> set[Target]:
        """Targets that one of our threads is at."""
        with self._mutex:
            return set(self._busy)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until no thread is at work, at most ``seconds``; False when some still are."""
        with self._mutex:
            return self._is_free.wait_for(lambda: not self._busy, seconds)

    def sweep(self) -> None:
        """Look after what nobody else does: lost workers, askers that are gone, moments of the clock, debts. Once a second, not more."""
        self.lost = []
        if time.monotonic() - self._swept < SWEEP_SECONDS:
            return
        self._swept = time.monotonic()
        self.lost = self._reached(self._settle_lost) or []
        self._reached(self._drop_gone)
        self._reached(self._take_moments)
        if self._swept - self._asked_about_debts > DEBTS_SECONDS:
            self._reached(self._ask_about_debts)
            self._asked_about_debts = self._swept

    def _look(self, target: Target) -> bool:
        try:
            row = self._reached(lambda: due.take(self.ledger, target, Owner.here(), self._rules().limits))
            if row is None:
                return False
            self._busy[target] = row
            self._carry(row)
            return True
        finally:
            with self._mutex:
                del self._busy[target]
                self._is_free.notify_all()

    def _carry(self, row: Deployment) -> None:
        LOG.info("%s: deployment %s begins (%s of %s)", row.target, row.id[:8], row.trigger, row.actor or "nobody")
        try:
            self._carry_out(row)
        except LedgerError as error:  # it ends with its lease, and whoever sweeps then says so
            LOG.warning("%s: deployment %s could not be written down: %s", row.target, row.id[:8], error.message)
        except Exception as error:  # a door: one deployment must not take the others with it
            LOG.exception("%s: deployment %s", row.target, row.id[:8])
            failed = DeploymentFailed(f"{type(error).__name__}: {error}", hint="the worker's log has all of it")
            self._reached(lambda: write.finish(self.ledger, row, Status.INTERRUPTED, error=failed))

    def _settle_lost(self) -> list[Deployment]:
        lost = write.interrupt_orphans(self.ledger)
        for row in lost:
            LOG.warning("%s: deployment %s was interrupted: %s", row.target, row.id[:8], row.error_message)
            write.set_fraise_state(self.ledger, row.target, status=FraiseState.UNKNOWN)
            if due.is_given_up(row):
                self._give_up(row)
        return lost

    def _give_up(self, row: Deployment) -> None:
        place = f"{row.target.fraise} {row.target.environment}"
        LOG.error("%s: deployment %s is left as it is: fraisier resume %s", row.target, row.id[:8], place)
        write.audit(
            self.ledger,
            "resume",
            actor="worker",
            door="worker",
            subject=row.target.slug,
            outcome="left to people: interrupted too often, or while it was cancelled",
            deployment_id=row.id,
        )

    def _drop_gone(self) -> None:
        for row in write.drop_gone(self.ledger):
            LOG.warning("%s: deployment %s: %s", row.target, row.id[:8], row.error_message)

    def _take_moments(self) -> None:
        for row in ticks.take_moments(self.ledger, self._rules().clocks, datetime.now(UTC)):
            LOG.info("%s: due by the clock, deployment %s", row.target, row.id[:8])

    def _ask_about_debts(self) -> None:
        self._owing = [
            target for target in due.owing(self.ledger, datetime.now(UTC)) if self._rules().may_be_back(target)
        ]

    def _reached(self, act: Callable[[], Answer]) -> Answer | None:
        """What ``act`` answers; None while the database is away, which is said once."""
        try:
            answer = act()
        except LedgerError as error:
            if not self._is_away:
                LOG.warning("waiting for the database: %s", error.message)
            self._is_away = True
            return None
        except FraisierError as error:
            LOG.warning("%s", error)
            return None
        if self._is_away:
            LOG.info("the database is back")
        self._is_away = False
        return answer
