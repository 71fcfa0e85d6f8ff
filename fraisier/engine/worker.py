"""The worker: takes what is due, carries it out in one of its threads, and looks after what other workers have left behind."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
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
    """``carry_out`` is called in a thread of its own with a deployment that has been claimed, and gives it its final status.

    ``on_end`` is called with each deployment that ends otherwise, in the transaction that ends it.
    """

    def __init__(
        self,
        ledger: Ledger,
        carry_out: Callable[[Deployment], None],
        *,
        concurrency: int,
        rules: Callable[[], Rules] = Rules,
        on_end: Callable[[Deployment], None] = lambda _: None,
        stop: threading.Event | None = None,
    ) -> None:
        self.ledger = ledger
        self.concurrency = concurrency
        self.stop = stop or threading.Event()
        self._carry_out = carry_out
        self._rules = rules
        self._on_end = on_end
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="deployment")
        self._mutex = threading.Lock()
        self._busy: dict[Target, Deployment | None] = {}
        self._is_free = threading.Condition(self._mutex)
        self._owing: list[Target] = []
        self._swept = self._knocked = 0.0
        self._knocking: threading.Thread | None = None
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
        if time.monotonic() - self._swept < SWEEP_SECONDS:
            return
        self._swept = time.monotonic()
        self._reached(self._settle_lost)
        self._reached(self._drop_gone)
        self._reached(self._take_moments)
        if not (self._knocking and self._knocking.is_alive()) and self._swept - self._knocked > DEBTS_SECONDS:
            self._knocking = threading.Thread(target=self.knock, name="knock", daemon=True)
            self._knocking.start()
            self._knocked = self._swept

    def knock(self) -> None:
        """Find out which hosts that owe a release may be back; one that is not there takes its time to say nothing."""
        owing = self._reached(lambda: due.owing(self.ledger, datetime.now(UTC))) or []
        self._owing = [target for target in owing if self._reached(partial(self._rules().may_be_back, target))]

    def _look(self, target: Target) -> bool:
        try:
            row = self._reached(lambda: due.take(self.ledger, target, Owner.here(), self._rules().limits))
            if row is None:
                return False
            with self._mutex:
                self._busy[target] = row
            self._carry(row)
            self._reached(lambda: self._tell_when_given_up(write.known(self.ledger, row.id)))
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
            self._reached(lambda: self._interrupt(row, failed))

    def _interrupt(self, row: Deployment, error: FraisierError) -> None:
        with self.ledger.transaction():
            if write.finish(self.ledger, row, Status.INTERRUPTED, error=error):
                self._on_end(row)

    def _settle_lost(self) -> None:
        for row in write.interrupt_orphans(self.ledger, on_lost=self._on_end):
            LOG.warning("%s: deployment %s was interrupted: %s", row.target, row.id[:8], row.error_message)
            write.set_fraise_state(self.ledger, row.target, status=FraiseState.UNKNOWN)
            self._tell_when_given_up(row)

    def _tell_when_given_up(self, row: Deployment) -> None:
        if not due.is_given_up(row):
            return
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
        except Exception:  # a door: a worker looks after many targets, and goes on with the others
            LOG.exception("unexpected")
            return None
        if self._is_away:
            LOG.info("the database is back")
        self._is_away = False
        return answer
