"""Watching a deployment that somebody else carries out, from the ledger: its events as they are written, until it has ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fraisier import errors
from fraisier.errors import DeploymentCancelled, DeploymentFailed, FraisierError
from fraisier.record import read, write
from fraisier.resume import as_event
from fraisier.vocabulary import Status
from fraisier.work import DeploymentResult, Listener

if TYPE_CHECKING:
    from collections.abc import Callable

    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

LOOK_SECONDS = 0.3
ORPHAN_SECONDS = 5.0
PAGE = 1_000


def follow(
    ledger: Ledger,
    row: Deployment,
    listener: Listener,
    *,
    goes_on_seconds: float = 0.0,
    on_lost: Callable[[Deployment], None] | None = None,
) -> DeploymentResult:
    """Tell ``listener`` what happens in ``row`` until it ends, and then how. Ctrl-C only ends the watching.

    ``goes_on_seconds``: so long it is waited whether a worker goes on with one that was interrupted; that one is followed then.
    ``on_lost`` hears of one that no worker was there to find interrupted.
    """
    while True:
        row = _to_its_end(ledger, row, listener, on_lost)
        successor = _successor(ledger, row, goes_on_seconds) if row.status is Status.INTERRUPTED else None
        if successor is None:
            return result_of(ledger, row)
        listener.note(f"{row.target}: interrupted; deployment {successor.id[:8]} goes on with it")
        row = successor


def result_of(ledger: Ledger, row: Deployment) -> DeploymentResult:
    """How a deployment ended, by its row."""
    details = row.details
    return DeploymentResult(
        id=row.id,
        target=row.target,
        kind=row.kind,
        status=row.status,
        old_version=row.old_version or None,
        new_version=row.new_version or None,
        release_id=row.release_id or None,
        duration_seconds=row.duration_seconds or 0.0,
        error=_error(ledger, row),
        compensation=details.get("compensation", ""),
        hosts=details.get("hosts", {}),
        warnings=details.get("warnings", ()),
        owed=details.get("owed", {}),
        skipped=details.get("paths", {}),
    )


def _to_its_end(
    ledger: Ledger, row: Deployment, listener: Listener, on_lost: Callable[[Deployment], None] | None
) -> Deployment:
    after, looked, said = 0, time.monotonic(), ""
    while True:
        row = read.deployment_by_pk(ledger, row.pk) or row
        if (sentence := _sentence(row)) != said:
            said = sentence
            if sentence:
                listener.note(sentence)
        while page := read.events(ledger, row, after=after, limit=PAGE):
            after = page[-1].sequence
            for event in page:
                listener.event(event.run, as_event(event))
        if row.status.is_final:
            return row
        if time.monotonic() - looked > ORPHAN_SECONDS:  # where no worker is there to notice
            write.interrupt_orphans(ledger, row.target, on_lost=on_lost)
            looked = time.monotonic()
        time.sleep(LOOK_SECONDS)


def _sentence(row: Deployment) -> str:
    name = f"{row.target}: deployment {row.id[:8]}"
    if row.status is Status.PENDING and (waits := row.details.get("waits")):
        return f"{name} waits: {waits['reason']}\n  {waits['hint']}"
    if row.status is Status.PENDING:
        return f"{name} waits {'for a worker' if row.background else 'for its turn'}"
    if row.status is Status.IN_PROGRESS and row.owner:
        return f"{name} runs in process {row.owner.pid} on {row.owner.host}"
    return ""


def _successor(ledger: Ledger, row: Deployment, seconds: float) -> Deployment | None:
    until = time.monotonic() + seconds
    while True:
        for each in read.last_deployments(ledger, row.target):
            if each.details.get("continues") == row.id:
                return each
        if time.monotonic() >= until:
            return None
        time.sleep(LOOK_SECONDS)


def _error(ledger: Ledger, row: Deployment) -> FraisierError | None:
    """The error that spoiled the row, as far as a row can tell: its class, sentence and hint."""
    if row.status is Status.SUPERSEDED:
        newer = read.deployment_by_pk(ledger, row.fk_superseded_by or 0)
        return DeploymentCancelled(f"superseded by deployment {newer.id[:8] if newer else '(pruned)'}")
    if not row.error_code:
        return None
    kind = getattr(errors, row.error_code, DeploymentFailed)
    message, _, hint = (row.error_message or "").rpartition("\n  ")
    return kind(message or hint, hint=hint if message else None)
