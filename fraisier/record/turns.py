"""Whose turn it is to do what must be done once, by one of several servers: whoever writes the moment down first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraisier.record import encode

if TYPE_CHECKING:
    from datetime import datetime

    from fraisier.record.ledger import Ledger


def take_turn(ledger: Ledger, work: str, due_at: datetime) -> bool:
    """True for the one of all processes that does ``work`` of the moment ``due_at``. Remembered among the moments of the clock."""
    with ledger.transaction() as session:
        session.execute(
            "DELETE FROM tb_schedule_tick WHERE fraise = '' AND job = :work AND due_at < :at",
            work=work,
            at=encode.moment(due_at),
        )
        return bool(
            session.execute(
                "INSERT INTO tb_schedule_tick (fraise, environment, job, due_at) VALUES ('', '', :work, :at)"
                " ON CONFLICT DO NOTHING RETURNING due_at",
                work=work,
                at=encode.moment(due_at),
            )
        )
