"""Standing in line for a target: at most one deployment holds it, at most one waits, the newest."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fraisier import notify
from fraisier.errors import DeploymentCancelled, TargetLocked
from fraisier.record import write
from fraisier.record.owner import Owner
from fraisier.vocabulary import FraiseState, Status

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record import rows
    from fraisier.record.ledger import Ledger
    from fraisier.work import Asked, Listener

LOOK_SECONDS = 0.2
STAND_SECONDS = 10.0
"""So often whoever stands in line says so; after a minute of silence workers of other machines take it for gone."""


def must_be_free(ledger: Ledger, resolved: ResolvedFraise, asked: Asked) -> None:
    """Who does not want to wait is told so before anything is written down, and takes nobody's place in the line."""
    if not asked.wait:
        interrupt_orphans(ledger, resolved)
        write.refuse_held(ledger, resolved.target)


def enter(ledger: Ledger, ask: Callable[[], rows.Deployment]) -> rows.Deployment:
    """Ask for a deployment; where nobody is inside it is claimed in the same moment, so that the next to ask finds the door closed
    instead of taking our place in the line."""
    with ledger.transaction():
        row = ask()
        try:
            return write.claim(ledger, row.id, Owner.here())
        except TargetLocked:
            return row


def wait_for_claim(
    ledger: Ledger, resolved: ResolvedFraise, row: rows.Deployment, asked: Asked, listener: Listener
) -> rows.Deployment:
    """Claim a pending deployment as soon as nobody else holds its target. Raises DeploymentCancelled when a newer one took its place."""
    is_told, said = False, time.monotonic()
    try:
        while row.status is not Status.IN_PROGRESS:
            settle_orphans(ledger, resolved, listener)
            try:
                return write.claim(ledger, row.id, Owner.here())
            except TargetLocked as held:
                if not asked.wait:
                    write.cancel(ledger, row.id, actor=asked.actor)
                    raise
                if not is_told:
                    listener.note(f"waiting: {held.message}")
                    is_told = True
            if time.monotonic() - said > STAND_SECONDS:
                write.stand(ledger, row)
                said = time.monotonic()
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        write.cancel(ledger, row.id, actor=asked.actor)
        raise DeploymentCancelled(f"{row.target}: cancelled while it was waiting; nothing was done") from None
    return row


def settle_orphans(ledger: Ledger, resolved: ResolvedFraise, listener: Listener) -> None:
    """Deployments whose controller is gone did not end: say so, and trust nothing of what they may have left on hosts."""
    for lost in interrupt_orphans(ledger, resolved):
        listener.note(f"deployment {lost.id[:8]} was interrupted: {lost.error_message or 'its process is gone'}")
        write.set_fraise_state(ledger, resolved.target, status=FraiseState.UNKNOWN)


def interrupt_orphans(ledger: Ledger, resolved: ResolvedFraise) -> list[rows.Deployment]:
    """End the target's deployments whose holder is gone, and let everybody hear of it."""
    return write.interrupt_orphans(ledger, resolved.target, on_lost=partial(notify.ended, ledger, resolved))
