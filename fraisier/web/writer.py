"""Deliveries -> the ledger: whatever waits is written in one transaction, then all are answered. Nobody waits for a group to fill.

On SQLite a group is written at the end of the event loop's turn in which it was read, as long as nobody else holds the database and the
disk is quick: two threads would spend more time on taking turns than the transaction takes. Otherwise, and on PostgreSQL, a thread of
its own writes, and the next group gathers meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from fraisier.deliveries.accept import Delivery, Receipt, accept
from fraisier.errors import FraisierError, LedgerError
from fraisier.record.ledger import Ledger
from fraisier.record.url import SQLITE
from fraisier.web.journal import LOGGER

if TYPE_CHECKING:
    from fraisier.vocabulary import Target

MOST_IN_A_GROUP = 256
PATIENCE_SECONDS = 2.0
"""So long a group is tried again while the database is away; Gitea waits 5 s for an answer."""
_PAUSE_SECONDS = 0.1
SLOW_SECONDS = 0.05
"""A transaction that took longer is a reason not to hold up the event loop with the next ones, for ``ASIDE_SECONDS``."""
ASIDE_SECONDS = 2.0
_Waiting = tuple[Delivery, "asyncio.Future[Receipt]", bool]
"""A delivery, who waits for it, and whether it was tried before and may be written."""
_Answer = tuple["asyncio.Future[Receipt]", Receipt | FraisierError]


class Writer:
    """Made once per process; its thread starts with the first delivery. ``write`` is for the event loop, ``stop`` for anybody."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        priority: Callable[[Target], int] = lambda _: 0,
        committed: Callable[[int, float], None] = lambda _number, _seconds: None,
    ) -> None:
        self._ledger, self._priority, self._committed = ledger, priority, committed
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._quick = _Unwaiting(ledger) if ledger.engine == SQLITE else None
        self._quick_from = math.inf
        """When the loop may write itself: not before the database was written to once, and not while it is slow or held."""
        self._turn: list[_Waiting] = []

    async def write(self, delivery: Delivery) -> Receipt:
        """Returns when the delivery is durable. Raises LedgerError when it could not be written: then it is not."""
        loop = asyncio.get_running_loop()
        if self._thread is None or self._loop is not loop:
            self._start(loop)
        answer: asyncio.Future[Receipt] = loop.create_future()
        if self._quick is None or time.monotonic() < self._quick_from:
            self._waiting.put((delivery, answer, False))
        else:
            self._turn.append((delivery, answer, False))
            if len(self._turn) == 1:
                loop.call_soon(self._write_turn)
        return await answer

    def stop(self) -> None:
        """Write what waits, then end."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        if self._quick is not None:
            self._quick.close()

    def _write_turn(self) -> None:
        """Write what was read in this turn of the loop; hand it to the thread when that cannot be done at once."""
        assert self._quick is not None
        group, self._turn = self._turn, []
        started = time.perf_counter()
        try:
            receipts = accept(self._quick, [delivery for delivery, *_ in group], priority=self._priority)
        except Exception:  # noqa: BLE001 - the thread tries again, tells the faults apart and logs them
            self._quick_from = time.monotonic() + ASIDE_SECONDS
            for delivery, future, _ in group:
                self._waiting.put((delivery, future, True))
            return
        seconds = time.perf_counter() - started
        if seconds > SLOW_SECONDS:
            self._quick_from = time.monotonic() + ASIDE_SECONDS
        self._committed(len(group), seconds)
        _settle([(future, receipt) for (_, future, _), receipt in zip(group, receipts, strict=True)])

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stop()
        self._loop = loop
        self._thread = threading.Thread(target=self._work, name="webhook writer", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, is_last = [first], False
            with suppress(Empty):
                while len(group) < MOST_IN_A_GROUP:
                    more = self._waiting.get_nowait()
                    if more is None:
                        is_last = True
                        break
                    group.append(more)
            self._answer(self._write(group))
            if is_last:
                return

    def _answer(self, answers: list[_Answer]) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop has been closed: nobody is left to be told
            self._loop.call_soon_threadsafe(_settle, answers)

    def _write(self, group: Sequence[_Waiting]) -> list[_Answer]:
        started = time.perf_counter()
        try:
            receipts = self._patiently([delivery for delivery, *_ in group], again=any(again for *_, again in group))
        except FraisierError as error:
            retriable = error.retriable
            if len(group) > 1 and not retriable:
                # What the database refuses is in one of them: the others shall not suffer for it.
                return [answer for delivery, future, _ in group for answer in self._write([(delivery, future, True)])]
            LOGGER.error("deliveries could not be written: %s", error, extra={"fields": {"deliveries": len(group)}})
            return [(future, error) for _, future, _ in group]
        except Exception as error:  # noqa: BLE001 - logged, and told to who waits
            LOGGER.exception("deliveries could not be written")
            failure = LedgerError(f"{type(error).__name__}: {error}")
            return [(future, failure) for _, future, _ in group]
        self._committed(len(group), time.perf_counter() - started)
        if self._quick_from == math.inf:
            self._quick_from = 0.0
        return [(future, receipt) for (_, future, _), receipt in zip(group, receipts, strict=True)]

    def _patiently(self, deliveries: Sequence[Delivery], *, again: bool) -> list[Receipt]:
        """The answer to a commit may be the one thing that is lost: what it wrote is found ``again``."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return accept(self._ledger, deliveries, priority=self._priority, again=again)
            except LedgerError as error:
                if not error.retriable or time.monotonic() >= until:
                    raise
            again = True
            time.sleep(_PAUSE_SECONDS)


class _Unwaiting(Ledger):
    """The same database, by connections that do not wait for whoever is writing: for who must not stand still."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(f"sqlite:///{ledger.place.path}")

    def _connect(self) -> Any:
        connection = super()._connect()
        connection.execute("PRAGMA busy_timeout = 0")
        return connection


def _settle(answers: Sequence[_Answer]) -> None:
    for future, answer in answers:
        if future.done():  # the client has gone
            continue
        if isinstance(answer, FraisierError):
            future.set_exception(answer)
        else:
            future.set_result(answer)
