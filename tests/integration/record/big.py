"""A ledger with many deployments, made quickly: for the tests and the benchmark of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger

# Twenty fraises in two environments; one in twenty fails, one in fifty is a rollback. One deployment every two minutes, back from now.
_SQLITE = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :count)
INSERT INTO tb_deployment
    (id, fraise, environment, job, kind, status, trigger, actor, requested_at, requested_on, started_at, completed_at, duration_seconds,
     old_version, new_version, old_release_id, release_id, fencing)
SELECT
    printf('%08x-0000-4000-8000-%012x', (n * 2654435761) % 4294967296, n),
    'fraise_' || (n % 20), CASE WHEN n % 3 = 0 THEN 'staging' ELSE 'production' END, '',
    CASE WHEN n % 50 = 0 THEN 'rollback' ELSE 'deploy' END, CASE WHEN n % 23 = 0 THEN 'failed' ELSE 'success' END, 'webhook', 'ann',
    strftime('%Y-%m-%dT%H:%M:%S', at) || '.000000Z', strftime('%Y-%m-%d', at),
    strftime('%Y-%m-%dT%H:%M:%S', at) || '.000000Z', strftime('%Y-%m-%dT%H:%M:%S', at, '+20 seconds') || '.000000Z', 20.0,
    printf('%040x', n - 1), printf('%040x', n), printf('R%d', n - 60), printf('R%d', n), n
FROM (SELECT n, datetime('now', '-' || ((:count - n) * 120) || ' seconds') AS at FROM counted)
"""

_POSTGRESQL = """
INSERT INTO tb_deployment
    (id, fraise, environment, job, kind, status, trigger, actor, requested_at, requested_on, started_at, completed_at, duration_seconds,
     old_version, new_version, old_release_id, release_id, fencing)
SELECT
    lpad(to_hex((n * 2654435761) % 4294967296), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(n), 12, '0'),
    'fraise_' || (n % 20), CASE WHEN n % 3 = 0 THEN 'staging' ELSE 'production' END, '',
    CASE WHEN n % 50 = 0 THEN 'rollback' ELSE 'deploy' END, CASE WHEN n % 23 = 0 THEN 'failed' ELSE 'success' END, 'webhook', 'ann',
    at, CAST(at AT TIME ZONE 'UTC' AS date), at, at + interval '20 seconds', 20.0,
    lpad(to_hex(n - 1), 40, '0'), lpad(to_hex(n), 40, '0'), 'R' || (n - 60), 'R' || n, n
FROM (
    SELECT n, date_trunc('second', now()) - (CAST(:count AS bigint) - n) * interval '120 seconds' AS at
    FROM generate_series(CAST(1 AS bigint), CAST(:count AS bigint)) AS n
) AS numbered
"""

_STATES = """
INSERT INTO tb_fraise_state (id, identifier, fraise, environment, updated_at, fencing)
SELECT 'state of ' || fraise || '/' || environment, fraise || '/' || environment, fraise, environment, max(requested_at), max(fencing)
FROM tb_deployment GROUP BY fraise, environment
"""


def add_deployments(ledger: Ledger, count: int) -> None:
    """``count`` finished deployments, the last of them now."""
    with ledger.transaction() as session:
        session.execute(_SQLITE if ledger.engine == "sqlite" else _POSTGRESQL, count=count)
        session.execute(_STATES)
        if ledger.engine == "postgresql":  # which does it by itself, later; nobody does it for SQLite
            session.execute("ANALYZE")
