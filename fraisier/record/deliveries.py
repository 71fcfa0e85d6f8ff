"""Webhooks: what is written for many deliveries in one transaction, as a server must that answers thousands a second; finding one again."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fraisier.errors import UsageError
from fraisier.record import encode, shape
from fraisier.record.asking import key
from fraisier.record.named import row_named
from fraisier.record.url import POSTGRESQL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from fraisier.record.ledger import Ledger, Session
    from fraisier.record.rows import Deployment, WebhookEvent
    from fraisier.vocabulary import Target

Known = tuple[str, str, str]
"""What a delivery is recognised by: hook, delivery id, digest of the body."""

AuditEntry = tuple[str, str, str, str, str, str]
"""Actor, action, subject, outcome, deployment id, details as JSON; all writable (``encode.text``)."""

_EVENT: Mapping[str, str] = {
    "id": "text",
    "received_at": "timestamptz",
    "hook": "text",
    "provider": "text",
    "delivery_id": "text",
    "body_sha256": "text",
    "event_type": "text",
    "repository": "text",
    "branch": "text",
    "commit_sha": "text",
    "sender": "text",
    "payload": "jsonb",
    "processed": "boolean",
    "decision": "text",
    "reason": "text",
    "fk_deployment": "bigint",
    "request_id": "text",
}
_AUDIT: Mapping[str, str] = {
    "id": "text",
    "created_at": "timestamptz",
    "actor": "text",
    "door": "text",
    "action": "text",
    "subject": "text",
    "outcome": "text",
    "deployment_id": "text",
    "details": "jsonb",
}
EVENT_COLUMNS = tuple(_EVENT)


def new_id() -> str:
    """As ``str(uuid4())``; the kernel is asked for random bytes once for many."""
    with _RANDOM_MUTEX:
        if not _RANDOM:
            pool = os.urandom(16 * 64)
            _RANDOM.extend(pool[start : start + 16] for start in range(0, len(pool), 16))
        given = _RANDOM.pop()
    return str(UUID(bytes=given, version=4))


_RANDOM: list[bytes] = []
_RANDOM_MUTEX = threading.Lock()
os.register_at_fork(after_in_child=_RANDOM.clear)


def lock_hooks(session: Session, hooks: Iterable[str]) -> None:
    """Until the end of the transaction nobody else accepts a delivery of these hooks."""
    for hook in sorted(set(hooks)):
        session.lock(f"fraisier webhook {hook}")


def accepted_before(session: Session, deliveries: Sequence[Known]) -> dict[int, str]:
    """Which of ``deliveries`` were accepted before, as the same delivery or with the same body: position -> id of that event."""
    if session.engine == POSTGRESQL:
        hooks, ids, bodies = (list(column) for column in zip(*deliveries, strict=True))
        places = list(range(len(deliveries)))
        rows = session.execute(_KNOWN_POSTGRESQL, places=places, hooks=hooks, ids=ids, bodies=bodies)
        return {row["place"]: row["id"] for row in rows}
    found = {}
    execute = session.driver.execute
    for place, (hook, delivery_id, body) in enumerate(deliveries):
        row = execute(_KNOWN_SQLITE, (hook, delivery_id, hook, body)).fetchone()
        if row:
            found[place] = row[0]
    return found


def payloads(session: Session, events: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is kept of those of ``events`` (ids) that are written."""
    marks = ", ".join(f":e{place}" for place in range(len(events)))
    rows = session.execute(
        f"SELECT id, payload FROM tb_webhook_event WHERE id IN ({marks})",  # noqa: S608 - our own marks
        **{f"e{place}": event for place, event in enumerate(events)},
    )
    return {row["id"]: encode.read_document(row["payload"]) for row in rows}


def join_waiting(
    session: Session, target: Target, *, actor: str, details: Mapping[str, Any], since: datetime
) -> Deployment | None:
    """What waits for ``target`` since ``since`` or later because of another push, now asked for by this one; None when nothing does.

    The caller holds the target's lock. It costs a small part of a new row, which every index of deployments would have to learn of.
    """
    rows = session.execute(
        _JOIN, actor=actor, details=encode.document(details), since=encode.moment(since), **key(target)
    )
    return shape.deployment(rows[0]) if rows else None


def insert_events(session: Session, rows: Iterable[Sequence[object]]) -> None:
    """Rows of tb_webhook_event, their values in the order of ``EVENT_COLUMNS`` and writable (``encode.text``)."""
    _insert(session, "tb_webhook_event", _EVENT, rows)


def insert_audit(session: Session, at: datetime, entries: Iterable[AuditEntry], *, door: str) -> None:
    """Audit entries of one door."""
    moment = encode.moment(at)
    rows = (
        (new_id(), moment, actor, door, action, subject, outcome, deployment_id, details)
        for actor, action, subject, outcome, deployment_id, details in entries
    )
    _insert(session, "tb_audit_log", _AUDIT, rows)


def _insert(session: Session, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> None:
    names = ", ".join(columns)
    if session.engine != POSTGRESQL:
        marks = ", ".join("?" for _ in columns)
        session.execute_many(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608 - our own names
        return
    given = list(rows)
    if not given:
        return
    # One statement, whatever their number: a round trip for each would cost more than everything else.
    values = dict(zip(columns, (list(column) for column in zip(*given, strict=True)), strict=True))
    arrays = ", ".join(
        f"(:{name})::{'text' if kind in ('timestamptz', 'jsonb') else kind}[]" for name, kind in columns.items()
    )
    picked = ", ".join(f"{name}::{kind}" for name, kind in columns.items())
    sql = f"INSERT INTO {table} ({names}) SELECT {picked} FROM unnest({arrays}) AS given({names})"  # noqa: S608 - our own names
    session.execute(sql, **values)


def find(ledger: Ledger, event_id: str) -> WebhookEvent:
    """One received webhook with all that was kept of it, by its id or the beginning of it (four characters at least)."""
    found = row_named(ledger, _FIND, event_id, what="webhooks")
    if found is None:
        raise UsageError(f"no webhook {event_id}", hint="see `fraisier webhooks list`")
    return shape.webhook(found)


_JOIN = """
UPDATE tb_deployment SET actor = :actor, details = :details
WHERE fraise = :fraise AND environment = :environment AND job = :job AND status = 'pending' AND kind = 'deploy'
    AND trigger = 'webhook' AND background AND git_commit IS NULL AND requested_at >= :since
RETURNING *
"""

_KNOWN_SQLITE = """
SELECT id FROM tb_webhook_event
WHERE hook = ? AND decision = 'accepted' AND delivery_id <> '' AND delivery_id = ?
UNION ALL
SELECT id FROM tb_webhook_event
WHERE hook = ? AND decision = 'accepted' AND body_sha256 <> '' AND body_sha256 = ?
LIMIT 1
"""

_KNOWN_POSTGRESQL = """
WITH given AS (
    SELECT * FROM unnest((:places)::int[], (:hooks)::text[], (:ids)::text[], (:bodies)::text[])
        AS each(place, hook, delivery_id, body_sha256)
)
SELECT g.place, w.id FROM given AS g JOIN tb_webhook_event AS w ON w.hook = g.hook AND w.delivery_id = g.delivery_id
WHERE w.decision = 'accepted' AND w.delivery_id <> ''
UNION ALL
SELECT g.place, w.id FROM given AS g JOIN tb_webhook_event AS w ON w.hook = g.hook AND w.body_sha256 = g.body_sha256
WHERE w.decision = 'accepted' AND w.body_sha256 <> ''
"""

_FIND = """
SELECT v.*, w.payload FROM v_recent_webhooks AS v JOIN tb_webhook_event AS w ON w.pk_webhook_event = v.pk_webhook_event
WHERE v.id >= :low AND v.id < :high ORDER BY v.id
"""
