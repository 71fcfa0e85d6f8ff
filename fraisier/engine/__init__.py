"""Who carries deployments out when whoever asked has gone: a row that waits is the truth, a carrier rings for it, a worker takes it.

Webhooks, `deploy --detach`, `retry` and the clock ask here (``enqueue``); `fraisier work` is the other end (``fraisier.engine.work``).
"""

from __future__ import annotations

from fraisier.engine.asking import Wish, enqueue, enqueue_many
from fraisier.engine.carrier import Carrier, carrier

__all__ = ["Carrier", "Wish", "carrier", "enqueue", "enqueue_many"]
