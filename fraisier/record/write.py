"""Commands: everything that changes the ledger, in one place to look for it.

Each is one transaction, or joins the caller's: ``with ledger.transaction(): ...`` holds several together.
"""

from __future__ import annotations

from fraisier.record.asking import Request, cancel, known, request, request_many
from fraisier.record.facts import (
    audit,
    record_git_commit,
    record_host_release,
    record_webhook_event,
    set_fraise_state,
)
from fraisier.record.foreign import record_finished
from fraisier.record.holding import (
    LEASE_SECONDS,
    claim,
    claim_next,
    finish,
    heartbeat,
    interrupt_orphans,
    put_back,
    refuse_held,
    set_plan,
)
from fraisier.record.outbox import claim_notification, record_notification, settle_notification
from fraisier.record.plans import apply_plan, prune_plans, record_plan
from fraisier.record.prune import prune
from fraisier.record.queue import drop_gone, look_again, stand, take_up

__all__ = [
    "LEASE_SECONDS",
    "Request",
    "apply_plan",
    "audit",
    "cancel",
    "claim",
    "claim_next",
    "claim_notification",
    "drop_gone",
    "finish",
    "heartbeat",
    "interrupt_orphans",
    "known",
    "look_again",
    "prune",
    "prune_plans",
    "put_back",
    "record_finished",
    "record_git_commit",
    "record_host_release",
    "record_notification",
    "record_plan",
    "record_webhook_event",
    "refuse_held",
    "request",
    "request_many",
    "set_fraise_state",
    "set_plan",
    "settle_notification",
    "stand",
    "take_up",
]
