"""Approving what somebody else has asked for, and ringing for the deployment that has waited for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fraisier import policy
from fraisier.engine.carrier import carrier

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.policy.approving import Given
    from fraisier.record.ledger import Ledger


def approve(
    ledger: Ledger, resolved: ResolvedFraise, what: str | None, *, actor: str, environ: Mapping[str, str]
) -> Given:
    """As ``policy.approve``; what has waited for it is looked at by a worker at once."""
    with ledger.transaction() as session:
        given = policy.approve(ledger, resolved, what, actor=actor, environ=environ)
        if given.freed:
            carrier(ledger).ring(session, {given.freed.target: given.freed.priority})
        return given
