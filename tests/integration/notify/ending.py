"""A deployment from its request to its end, as ``Work`` writes it down."""

from __future__ import annotations

from typing import Any

from fraisier import notify
from fraisier.config import FraisierConfig
from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Kind, Status, Target, Trigger

COMMIT, OLDER = "c0ffee" + "0" * 34, "a" * 40


def claimed(ledger: Ledger, target: Target, *, kind: Kind = Kind.DEPLOY) -> Deployment:
    asked = write.request(
        ledger, target, kind=kind, trigger=Trigger.WEBHOOK, actor="ann", git_commit=COMMIT, git_branch="main"
    )
    return write.claim(ledger, asked.id, Owner.here())


def end(
    ledger: Ledger, config: FraisierConfig, target: Target, status: Status, *, kind: Kind = Kind.DEPLOY, **more: Any
) -> Deployment:
    resolved = config.get_fraise_environment(target.fraise, target.environment)
    deployment = claimed(ledger, target, kind=kind)
    with ledger.transaction():
        assert write.set_plan(ledger, deployment, new_version=COMMIT, old_version=OLDER)
        notify.began(ledger, resolved, deployment)
    with ledger.transaction():
        assert write.finish(ledger, deployment, status, **more)
        notify.ended(ledger, resolved, deployment)
    return deployment
