"""Forgetting: old deployments leave whole, with their events; never what is open, serving, or could be gone back to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fraisier.record import encode

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger

_BATCH = 200
KEEP_GOOD = 10
"""Per target, the newest successful deployments and rollbacks stay whatever their age: the current release, and where to go back to."""


def prune(ledger: Ledger, *, keep_days: int | None = None, keep_last: int | None = None) -> int:
    """Remove finished deployments that are older than ``keep_days`` and beyond the newest ``keep_last`` of their target.

    Given both, a deployment must be out of both. Works in small transactions, so that a running deployment is not held up.
    Returns how many were removed.
    """
    if keep_days is None and keep_last is None:
        raise ValueError("prune() needs keep_days or keep_last")
    with ledger.transaction(durable=False) as session:
        before = session.now() - timedelta(days=keep_days or 0)
    removed = 0
    while batch := _remove(ledger, encode.moment(before), keep_last or 0):
        removed += batch
    return removed


def _remove(ledger: Ledger, before: str, keep_last: int) -> int:
    with ledger.transaction() as session:
        return len(session.execute(_PRUNE, before=before, keep_last=keep_last, keep_good=KEEP_GOOD, batch=_BATCH))


_PRUNE = """
DELETE FROM tb_deployment
WHERE pk_deployment IN (
    SELECT d.pk_deployment
    FROM tb_deployment AS d
    WHERE d.requested_at < :before
      AND d.status NOT IN ('pending', 'in_progress')
      AND NOT EXISTS (
          SELECT 1
          FROM (
              SELECT n.pk_deployment
              FROM tb_deployment AS n
              WHERE n.fraise = d.fraise AND n.environment = d.environment AND n.job = d.job
              ORDER BY n.requested_at DESC, n.pk_deployment DESC
              LIMIT :keep_last
          ) AS newest
          WHERE newest.pk_deployment = d.pk_deployment
      )
      AND NOT EXISTS (
          SELECT 1
          FROM (
              SELECT g.pk_deployment
              FROM tb_deployment AS g
              WHERE g.fraise = d.fraise AND g.environment = d.environment AND g.job = d.job
                AND g.status = 'success' AND g.kind IN ('deploy', 'rollback')
              ORDER BY g.fencing DESC
              LIMIT :keep_good
          ) AS good
          WHERE good.pk_deployment = d.pk_deployment
      )
    ORDER BY d.requested_at
    LIMIT :batch
)
RETURNING pk_deployment
"""
