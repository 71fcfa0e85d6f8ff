"""Plans of deployments: kept from `fraisier plan` until they are carried out, once, or expire."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from fraisier.record import encode, shape
from fraisier.record.named import row_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from typing import Any

    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment, StoredPlan
    from fraisier.vocabulary import Target


def new_id() -> str:
    """The id comes first: the release that a plan names is minted from it."""
    return str(uuid4())


def record_plan(
    ledger: Ledger,
    target: Target,
    plan_id: str,
    *,
    valid_for: timedelta,
    plan: Mapping[str, Any],
    findings: Mapping[str, Any],
    pinned: bool = False,
    forced: bool = False,
    **facts: str,
) -> StoredPlan:
    """Keep a plan. ``facts`` are the columns that are text; nothing in it may be a secret."""
    with ledger.transaction() as session:
        at = session.now()
        session.execute(
            _RECORD.format(columns=", ".join(facts), values=", ".join(f":{name}" for name in facts)),
            id=plan_id,
            identifier=f"{target.slug}@{plan_id}",
            fraise=target.fraise,
            environment=target.environment,
            job=target.job,
            created_at=encode.moment(at),
            expires_at=encode.moment(at + valid_for),
            pinned=pinned,
            forced=forced,
            plan=encode.document(plan),
            findings=encode.document(findings),
            **facts,
        )
        found = plan_by_id(ledger, plan_id)
        assert found is not None
        return found


def plan_by_id(ledger: Ledger, plan_id: str) -> StoredPlan | None:
    """By its id or the beginning of it (four characters at least); ``UsageError`` when several begin so."""
    sql = f"{_SELECT} WHERE p.id >= :low AND p.id < :high ORDER BY p.id"
    found = row_named(ledger, sql, plan_id, what="plans")
    return shape.plan(found) if found else None


def apply_plan(ledger: Ledger, plan: StoredPlan, deployment: Deployment) -> bool:
    """``deployment`` carries the plan out; False when another one has done so already."""
    with ledger.transaction() as session:
        rows = session.execute(
            "UPDATE tb_plan SET fk_deployment = :deployment WHERE pk_plan = :pk AND fk_deployment IS NULL RETURNING pk_plan",
            deployment=deployment.pk,
            pk=plan.pk,
        )
        return bool(rows)


def prune_plans(ledger: Ledger) -> int:
    """Forget plans that expired and were never carried out; the others leave with their deployment. Returns how many."""
    with ledger.transaction() as session:
        rows = session.execute(
            "DELETE FROM tb_plan WHERE fk_deployment IS NULL AND expires_at < :now RETURNING pk_plan",
            now=encode.moment(session.now()),
        )
        return len(rows)


_SELECT = """
SELECT p.*, d.id AS deployment_id FROM tb_plan AS p LEFT JOIN tb_deployment AS d ON d.pk_deployment = p.fk_deployment
"""

_RECORD = """
INSERT INTO tb_plan (id, identifier, fraise, environment, job, created_at, expires_at, pinned, forced, plan, findings, {columns})
VALUES (:id, :identifier, :fraise, :environment, :job, :created_at, :expires_at, :pinned, :forced, :plan, :findings, {values})
"""
