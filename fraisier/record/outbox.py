"""Commands of the outbox: messages about deployments wait here until they are sent, each to its place and each once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fraisier.record import encode, shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment, Notification

CLAIM_SECONDS = 120.0
"""A sender that took a message and is not heard of again is given up after this time, and somebody else sends it."""


def record_notification(
    ledger: Ledger,
    deployment: Deployment,
    *,
    channel: str,
    event: str,
    subject: str = "",
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Note a message that is to be sent: once per deployment, place and event, however often this is asked.

    ``channel`` names the place without its secret. Of several messages with one ``subject`` only the newest counts.
    """
    with ledger.transaction() as session:
        at = encode.moment(session.now())
        session.execute(
            _RECORD,
            id=str(uuid4()),
            fk=deployment.pk,
            channel=channel,
            event=event,
            subject=subject,
            payload=encode.bounded(payload or {}),
            at=at,
        )


def claim_notification(ledger: Ledger, *, now: datetime | None = None) -> Notification | None:
    """The next message that is due, for this caller alone for ``CLAIM_SECONDS``; None when there is nothing to send.

    Messages with one ``subject`` are sent one after the other, the newest last; what a newer one has overtaken is dropped.
    """
    if not has_due(ledger, now=now):
        return None
    with ledger.transaction() as session:
        session.lock("fraisier notifications")
        at = now or session.now()
        moments = {"at": encode.moment(at), "until": encode.moment(at + timedelta(seconds=CLAIM_SECONDS))}
        session.execute(_DROP_OVERTAKEN, at=moments["at"])
        found = session.execute(_CLAIM, **moments)
        return shape.notification(found[0]) if found else None


def settle_notification(
    ledger: Ledger, claimed: Notification, *, error: str = "", next_attempt_at: datetime | None = None
) -> bool:
    """The attempt is over: sent, or not for the reason ``error``, and then tried again at ``next_attempt_at`` or never.

    False, and nothing written, when the claim had run out and somebody else has taken the message.
    """
    status = "sent" if not error else "pending" if next_attempt_at else "failed"
    with ledger.transaction() as session:
        return bool(
            session.execute(
                _SETTLE,
                status=status,
                error=encode.tail(error),
                next=encode.moment(next_attempt_at) if next_attempt_at else None,
                sent=None if error else encode.moment(session.now()),
                pk=claimed.pk,
                attempts=claimed.attempts,
            )
        )


def has_due(ledger: Ledger, *, now: datetime | None = None) -> bool:
    """Whether a message waits to be sent now. Cheap: for whoever asks every second."""
    at = encode.moment(now) if now else encode.now()
    return bool(ledger.query(f"SELECT 1 AS yes FROM tb_notification AS n WHERE {_DUE} LIMIT 1", at=at))  # noqa: S608 - a constant


_DUE = "n.status = 'pending' AND n.next_attempt_at <= :at AND (n.claimed_until IS NULL OR n.claimed_until <= :at)"

_RECORD = """
INSERT INTO tb_notification (id, fk_deployment, channel, event, subject, payload, created_at, next_attempt_at)
VALUES (:id, :fk, :channel, :event, :subject, :payload, :at, :at)
ON CONFLICT (fk_deployment, channel, event) DO NOTHING
"""

_DROP_OVERTAKEN = """
DELETE FROM tb_notification
WHERE status = 'pending' AND subject <> '' AND (claimed_until IS NULL OR claimed_until <= :at)
  AND EXISTS (
      SELECT 1 FROM tb_notification AS newer
      WHERE newer.subject = tb_notification.subject AND newer.pk_notification > tb_notification.pk_notification
  )
"""

_CLAIM = f"""
UPDATE tb_notification SET attempts = attempts + 1, claimed_until = :until
WHERE pk_notification = (
    SELECT n.pk_notification FROM tb_notification AS n
    WHERE {_DUE}
      AND (n.subject = '' OR NOT EXISTS (
          SELECT 1 FROM tb_notification AS older
          WHERE older.subject = n.subject AND older.pk_notification < n.pk_notification
            AND older.status = 'pending' AND older.claimed_until > :at
      ))
    ORDER BY n.next_attempt_at, n.pk_notification
    LIMIT 1
)
RETURNING *
"""  # noqa: S608 - constants

_SETTLE = """
UPDATE tb_notification
SET status = :status, error_message = :error, next_attempt_at = :next, sent_at = :sent, claimed_until = NULL
WHERE pk_notification = :pk AND status = 'pending' AND attempts = :attempts
RETURNING pk_notification
"""
