"""After a deployment in the foreground: its messages are sent by whoever made it, when no worker is there to send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraisier import notify
from fraisier.engine import carrier
from fraisier.errors import FraisierError
from fraisier.record import read
from fraisier.record.outbox import has_due

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import UnsentNotification

SECONDS = 4.0
"""After so long no message is begun: somebody sits there and waits. What is left is sent by a worker, or after the next deployment."""
TIMEOUT_SECONDS = 3.0


def tell(ledger: Ledger, config: FraisierConfig) -> list[UnsentNotification]:
    """Send what is due, for a few seconds at most; returns what was tried and has not arrived yet, newest first.

    Raises nothing: the deployment has ended, and how it ended is what counts. Ctrl-C ends the sending.
    """
    try:
        if not has_due(ledger) or carrier(ledger).is_served():
            return []
        notify.deliver_due(ledger, config, seconds=SECONDS, timeout_seconds=TIMEOUT_SECONDS)
        return [row for row in read.unsent_notifications(ledger) if row.status == "pending" and row.attempts]
    except (FraisierError, KeyboardInterrupt):
        return []
