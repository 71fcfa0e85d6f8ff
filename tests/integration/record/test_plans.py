"""Plans in the ledger, on both engines: kept whole, found by the beginning of their id, carried out once, forgotten in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fraisier.errors import UsageError
from fraisier.record import plans, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.rows import StoredPlan
from fraisier.vocabulary import Status, Target

FINDINGS = {"hosts": {"web1": {"service": "running"}}, "changes": [{"diff": "- a\n+ b\n"}]}


def record_plan(
    ledger: Ledger, target: Target, *, plan_id: str = "", valid_for: timedelta = timedelta(hours=1)
) -> StoredPlan:
    return write.record_plan(
        ledger,
        target,
        plan_id or plans.new_id(),
        valid_for=valid_for,
        plan={"playbook": "fraisier.deploy.api", "hosts": {"web1": {}}},
        findings=FINDINGS,
        pinned=True,
        actor="ann",
        git_branch="main",
        git_commit="c" * 40,
        release_id="20261122T015600Z-cccccccccccc-k3f9qa",
        config_hash="1",
        plan_hash="2",
        hash="3",
    )


def test_a_plan_comes_back_as_it_was_kept(ledger: Ledger, target: Target) -> None:
    kept = record_plan(ledger, target)
    found = plans.plan_by_id(ledger, kept.id[:8])
    assert found == kept
    assert (found.target, found.actor, found.git_commit, found.pinned, found.forced) == (
        target,
        "ann",
        "c" * 40,
        True,
        False,
    )
    assert found.findings == FINDINGS and found.plan["playbook"] == "fraisier.deploy.api"
    assert found.identifier == f"my_api/production@{kept.id}" and found.deployment_id is None
    assert found.expires_at - found.created_at == timedelta(hours=1)


def test_an_id_must_say_which_plan(ledger: Ledger, target: Target) -> None:
    for last in ("1", "2"):
        record_plan(ledger, target, plan_id=f"abcdef00-0000-4000-8000-00000000000{last}")
    with pytest.raises(UsageError, match="several plans begin with abcdef"):
        plans.plan_by_id(ledger, "abcdef")
    assert plans.plan_by_id(ledger, "ffff0000") is None
    assert plans.plan_by_id(ledger, "'; --") is None


def test_a_plan_is_carried_out_once(ledger: Ledger, target: Target) -> None:
    plan = record_plan(ledger, target)
    deployment = write.claim(ledger, write.request(ledger, target).id, Owner.here())
    assert write.apply_plan(ledger, plan, deployment)
    assert not write.apply_plan(ledger, plan, deployment)
    found = plans.plan_by_id(ledger, plan.id)
    assert found is not None and found.deployment_id == deployment.id


def test_expired_plans_are_forgotten_and_the_others_leave_with_their_deployment(ledger: Ledger, target: Target) -> None:
    record_plan(ledger, target, valid_for=timedelta(seconds=-1))
    open_plan = record_plan(ledger, target)
    applied = record_plan(ledger, target, valid_for=timedelta(seconds=-1))
    deployment = write.claim(ledger, write.request(ledger, target).id, Owner.here())
    write.apply_plan(ledger, applied, deployment)
    assert write.prune_plans(ledger) == 1
    assert plans.plan_by_id(ledger, open_plan.id) and plans.plan_by_id(ledger, applied.id)
    write.finish(ledger, deployment, Status.FAILED)
    assert write.prune(ledger, keep_days=0) == 1
    assert plans.plan_by_id(ledger, open_plan.id) and not plans.plan_by_id(ledger, applied.id)
