"""Who hears of a deployment: messages to people, and statuses beside commits.

What is to be said is written down in the transaction that starts or ends the deployment (``announce``); sent afterwards, as often as it
takes, by whoever calls ``deliver_due``. Nothing here can fail or delay a deployment.
"""

from __future__ import annotations

from fraisier.notify.announce import announcer, began, ended, overridden, waits
from fraisier.notify.deliver import deliver_due

__all__ = ["announcer", "began", "deliver_due", "ended", "overridden", "waits"]
