"""Keeps a claimed deployment ours while it is carried out: a thread that beats, and learns when somebody asks to stop or has taken over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from fraisier.errors import LedgerError
from fraisier.record.holding import LEASE_SECONDS, heartbeat

if TYPE_CHECKING:
    from types import TracebackType

    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

BEAT_SECONDS = 1.0
FEED_SECONDS = 0.6 * LEASE_SECONDS
"""A run whose holder has not reached the database for so long is ended: before the lease is over and somebody else may start."""


class Lease:
    """The hold on a deployment. A context manager: from entering to leaving, the database hears of us every ``beat_seconds``.

    ``on_beat`` is called after each heartbeat that the database took; ``on_cancel`` once, when somebody has asked to cancel; ``on_lost``
    once, when the deployment belongs to somebody else by now. All three are called from the lease's own thread.
    """

    def __init__(
        self,
        ledger: Ledger,
        deployment: Deployment,
        *,
        on_beat: Callable[[], None],
        on_cancel: Callable[[], None],
        on_lost: Callable[[], None],
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self.is_ours = True
        """False once another holder has the target, or the deployment is final: nothing may be done any more."""
        self.last_beat = time.monotonic()
        """When the database last heard of us (``time.monotonic``)."""
        self._ledger = ledger
        self._deployment = deployment
        self._on_beat, self._on_cancel, self._on_lost = on_beat, on_cancel, on_lost
        self._beat_seconds = beat_seconds
        self._is_cancelled = False
        self._mutex = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"lease-{deployment.id[:8]}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def holds(self) -> bool:
        """Ask the database now whether the deployment is still ours. Raises LedgerError when it does not answer."""
        self._beat()
        return self.is_ours

    def _work(self) -> None:
        while not self._done.wait(self._beat_seconds):
            try:
                self._beat()
            except LedgerError:
                continue  # last_beat grows old, and the guardian is not fed: that ends the run in time
            if not self.is_ours:
                return

    def _beat(self) -> None:
        with self._mutex:
            if not self.is_ours:
                return
            found = heartbeat(self._ledger, self._deployment)
            if found is None:
                self.is_ours = False
                self._on_lost()
                return
            self.last_beat = time.monotonic()
        self._on_beat()
        if found.cancel_requested and not self._is_cancelled:
            self._is_cancelled = True
            self._on_cancel()
