"""Sending what waits in the outbox: one message at a time, tried again later and later, given up after hours."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from fraisier.errors import FraisierError, LedgerError
from fraisier.record import write
from fraisier.secrets.redact import Redactor

if TYPE_CHECKING:
    from datetime import datetime

    from fraisier.config import FraisierConfig
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Notification

PAUSES_SECONDS = (5, 30, 120, 600, 3600)
"""Between one attempt and the next; after the last of them it is tried once more, and then never again."""
STALE_HOURS = 24
"""Older news helps nobody, when nothing was there to send it for so long."""
SETTLE_SECONDS = 20.0
"""So long a message that was sent waits for a database that is away, so that nobody sends it a second time."""
LOOK_SECONDS = 0.2


def deliver_due(
    ledger: Ledger,
    config: FraisierConfig,
    *,
    now: datetime | None = None,
    limit: int = 50,
    seconds: float | None = None,
    timeout_seconds: float | None = None,
) -> int:
    """Send what is due; returns how many were sent. Any number of processes may do that at once.

    No more than ``limit`` are tried, and after ``seconds`` none is begun; ``timeout_seconds`` bounds each try where its service lets us.
    What does not arrive is noted with its reason, secrets masked, and tried again later. Raises LedgerError alone.
    """
    until = None if seconds is None else time.monotonic() + seconds
    sent = 0
    for _ in range(limit):
        if until is not None and time.monotonic() >= until:
            break
        claimed = write.claim_notification(ledger, now=now)
        if claimed is None:
            break
        sent += _deliver(ledger, config, claimed, now, timeout_seconds)
    return sent


def _deliver(
    ledger: Ledger,
    config: FraisierConfig,
    claimed: Notification,
    now: datetime | None,
    timeout_seconds: float | None,
) -> bool:
    with ledger.transaction(durable=False) as session:
        at = now or session.now()
    error, is_final = _attempt(config, claimed, at, timeout_seconds)
    again = None if is_final else next_attempt(claimed.attempts, at)
    _settle(ledger, claimed, error=error, next_attempt_at=again if error else None)
    return not error


def _attempt(
    config: FraisierConfig, claimed: Notification, at: datetime, timeout_seconds: float | None
) -> tuple[str, bool]:
    """Why it did not arrive, '' when it did; and whether trying again is of no use."""
    from fraisier.notify.send import TIMEOUT_SECONDS, send

    if at - claimed.created_at > timedelta(hours=STALE_HOURS):
        return f"not sent within {STALE_HOURS} hours", True
    if claimed.attempts > len(PAUSES_SECONDS) + 1:
        return "whoever tried to send it died of it", True
    try:
        send(claimed, config, timeout_seconds=timeout_seconds or TIMEOUT_SECONDS)
    except FraisierError as problem:
        return _masked(config, problem.message.removeprefix(f"{claimed.channel}: ")), not problem.retriable
    except Exception as problem:  # noqa: BLE001 - a plugin of somebody else's: its fault must not stop the other messages
        return _masked(config, f"{type(problem).__name__}: {problem}"), False
    return "", True


def next_attempt(attempts: int, at: datetime) -> datetime | None:
    """When to try again after ``attempts`` in vain; None for never."""
    if attempts > len(PAUSES_SECONDS):
        return None
    return at + timedelta(seconds=PAUSES_SECONDS[attempts - 1])


def _settle(ledger: Ledger, claimed: Notification, *, error: str, next_attempt_at: datetime | None) -> None:
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            write.settle_notification(ledger, claimed, error=error, next_attempt_at=next_attempt_at)
        except LedgerError as problem:
            if not problem.retriable or time.monotonic() >= until:
                raise
            time.sleep(LOOK_SECONDS)
        else:
            return


def _masked(config: FraisierConfig, text: str) -> str:
    return Redactor(config.secret_values())(text)
