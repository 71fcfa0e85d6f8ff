"""Writes the events of one run while it runs: in order, in batches, without ever making the run wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from fraisier.errors import LedgerError
from fraisier.record.eventrow import INSERT, INSERT_MISSING, URGENT, event_row
from fraisier.vocabulary import Event, EventKind

if TYPE_CHECKING:
    from types import TracebackType

    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

BATCH = 200
BATCH_SECONDS = 0.1
LARGEST_BATCH = 1_000
"""When more came than a batch while the last one was written."""
WAITING = 50_000
"""So many events may wait for a database that is away. Beyond it, events without news (ok, skipped, the names of tasks) are left out and
counted; a line of output says how many. Failures and the recap are always kept. Nothing is spilled to disk: a disk full of text that nobody
redacted twice is worse than a gap that says its size."""


class Recorder:
    """The recording of one run (``deploy``, ``compensate`` or ``probe``) of a claimed deployment.

    Give it events with ``put``; it returns at once. ``close`` writes what is left. When the database is away, writing is tried again for
    ``give_up_seconds``; then ``is_broken``, and ``close`` raises LedgerError.
    """

    def __init__(
        self,
        ledger: Ledger,
        deployment: Deployment,
        run: str = "deploy",
        *,
        give_up_seconds: float = 60.0,
    ) -> None:
        self.recorded = 0
        self.left_out = 0
        self._ledger = ledger
        self._deployment = deployment
        self._run = run
        self._give_up_seconds = give_up_seconds
        self._waiting: deque[Event] = deque()
        self._unsaid = 0
        self._sequence = -1
        self._wake = threading.Event()
        self._is_closing = False
        self._error: LedgerError | None = None
        self._thread = threading.Thread(target=self._work, name=f"recorder-{deployment.id[:8]}-{run}", daemon=True)
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        """True when the database stayed away for too long: what follows is not recorded."""
        return self._error is not None

    def put(self, event: Event) -> None:
        """Take an event, redacted already. Never waits."""
        if self._error is not None or (len(self._waiting) >= WAITING and event.kind not in URGENT):
            self._leave_out()
            return
        self._waiting.append(event)
        if event.kind in URGENT or len(self._waiting) >= BATCH:
            self._wake.set()

    __call__ = put

    def close(self) -> int:
        """Write what is left and stop. Returns how many events are recorded; ``LedgerError`` when some could not be."""
        self._is_closing = True
        self._wake.set()
        self._thread.join()
        if self._error is not None:
            name = f"{self._deployment.target}: deployment {self._deployment.id}"
            error = LedgerError(
                f"{name}: only {self.recorded} events of the run were recorded: {self._error.message}",
                hint=self._error.hint,
            )
            error.retriable = self._error.retriable
            raise error from self._error
        return self.recorded

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except LedgerError:
            if error is None:  # what went wrong first is what counts
                raise

    def _leave_out(self) -> None:
        self.left_out += 1
        self._unsaid += 1

    def _work(self) -> None:
        try:
            while not self._is_closing:
                self._wake.wait(BATCH_SECONDS)
                self._wake.clear()
                self._write_waiting()
            self._write_waiting()
        except LedgerError as error:
            self._error = error
        except Exception as cause:  # noqa: BLE001 - the door of this thread: close() raises it
            self._error = LedgerError(f"the recorder failed: {cause!r}")
        self._waiting.clear()

    def _write_waiting(self) -> None:
        while self._waiting or self._unsaid:
            events = [self._waiting.popleft() for _ in range(min(LARGEST_BATCH, len(self._waiting)))]
            if len(self._waiting) < WAITING and self._unsaid:
                events.append(self._gap())
            if not events:
                return
            self._persist(events)

    def _gap(self) -> Event:
        count, self._unsaid = self._unsaid, 0
        return Event(
            EventKind.OUTPUT, time.time(), message=f"{count} events were not recorded: the database did not keep up"
        )

    def _persist(self, events: list[Event]) -> None:
        """Write one batch, however often it takes; ``LedgerError`` when it will not go."""
        rows: list[tuple[object, ...]] = []
        until = 0.0
        pause = 0.05
        while True:
            try:
                if not rows:
                    rows = self._rows(events)
                    self._insert(rows, INSERT)
                else:
                    self._insert(rows, INSERT_MISSING)
            except LedgerError as error:
                until = until or time.monotonic() + self._give_up_seconds
                if not error.retriable or time.monotonic() >= until:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, 5.0, max(until - time.monotonic(), 0.01))
            else:
                self.recorded += len(rows)
                self._sequence += len(rows)
                return

    def _rows(self, events: list[Event]) -> list[tuple[object, ...]]:
        if self._sequence < 0:
            self._sequence = self._last_sequence()
        return [
            event_row(event, fk_deployment=self._deployment.pk, run=self._run, sequence=number)
            for number, event in enumerate(events, self._sequence + 1)
        ]

    def _last_sequence(self) -> int:
        """A deployment has several runs, and one numbering."""
        sql = "SELECT max(sequence) AS last FROM tb_deployment_event WHERE fk_deployment = :pk"
        return int(self._ledger.query(sql, pk=self._deployment.pk)[0]["last"] or 0)

    def _insert(self, rows: list[tuple[object, ...]], sql: str) -> None:
        with self._ledger.transaction(durable=False) as session:
            session.execute_many(sql, rows)
