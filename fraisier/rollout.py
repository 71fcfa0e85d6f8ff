"""A release reaches its hosts: staged everywhere, migrated once, then batch after batch, each proven before the next begins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fraisier import gate
from fraisier.batches import Batches, batches
from fraisier.errors import (
    ApprovalNeeded,
    DeploymentFailed,
    FraisierError,
    HealthCheckFailed,
    MigrationsRefused,
    TargetUnreachable,
)
from fraisier.run import Options
from fraisier.running import run_plan
from fraisier.vocabulary import Phase

if TYPE_CHECKING:
    from fraisier.evidence import Evidence
    from fraisier.plan import Plan
    from fraisier.work import Work

STAGING = (Phase.PREFLIGHT.value, Phase.FETCH.value, Phase.BUILD.value)
ENDING = (Phase.VERIFY.value, Phase.PRUNE.value)
PER_BATCH = ("hold", "drain", "activate", "restart", "health", "reattach")
LOOK_SECONDS = 0.2
HOSTS_FAILED = (DeploymentFailed, HealthCheckFailed, TargetUnreachable)


def roll_out(work: Work, plan: Plan, evidence: Evidence) -> FraisierError | None:
    """Bring the plan's release to all hosts of the plan, as the configured rollout says; None when every one has proven it.

    At most ``max_failures`` hosts may fail; they are then in ``evidence.tolerated``. The error that stopped it is the answer otherwise.
    """
    staged: Sequence[str] = ()
    if gate.is_open(work, plan):
        staged = STAGING
        _, error = run_plan(work, plan, "deploy", {}, Options(tags=STAGING), evidence=evidence)
        if error:
            return error
        try:
            plan = gate.decide_staged(work, plan)
        except (MigrationsRefused, ApprovalNeeded) as refusal:
            return refusal
    parts = batches(work.resolved.settings.rollout, tuple(plan.hosts))
    for number, batch in enumerate(parts, start=1):
        if number > 1:
            _pause(work)
        if len(parts) > 1:
            work.listener.note(f"batch {number} of {len(parts)}: {', '.join(batch)}")
        if error := _bring(work, plan, evidence, parts, number, staged):
            return error
    return None


def _bring(
    work: Work, plan: Plan, evidence: Evidence, parts: Batches, number: int, staged: Sequence[str]
) -> FraisierError | None:
    """One batch; again without the hosts that have failed, as long as so many may. The last one ends with all that have moved."""
    assert work.new
    earlier = [name for batch in parts[: number - 1] for name in batch]
    is_first_try, is_last = True, number == len(parts)
    while True:
        held = [name for name in earlier if name not in evidence.tolerated]
        batch = [name for name in parts[number - 1] if name not in evidence.tolerated]
        if not batch and not (is_last and held):
            return None if held or not is_last else DeploymentFailed("every host that was tried has failed")
        options = _options(batch, held, is_staged=number > 1 or not is_first_try, is_last=is_last)
        options = replace(options, skip_tags=(*options.skip_tags, *staged))
        expect = dict.fromkeys((*held, *batch), work.new.release_id)
        _, error = run_plan(work, plan, "deploy", expect, options, evidence=evidence)
        if error is None or not _is_tolerable(work, evidence, error):
            return error
        is_first_try = False


def _options(batch: Sequence[str], held: Sequence[str], *, is_staged: bool, is_last: bool) -> Options:
    """Which part of the playbook runs: the first run also stages and migrates, the last also verifies everybody and tidies up."""
    if not is_staged and is_last:
        return Options()
    proven = [*held, *batch]
    variables: dict[str, Any] = {"fraisier_batch": list(batch), "fraisier_held": list(held), "fraisier_proven": proven}
    if not is_staged:
        return Options(skip_tags=("hold", *ENDING), variables=variables)
    return Options(tags=PER_BATCH + (ENDING if is_last else ()), variables=variables)


def _pause(work: Work) -> None:
    """Let the batch before show itself; a wish to stop is heard."""
    until = time.monotonic() + work.resolved.settings.rollout.pause_seconds
    while not work.stopped_by and (left := until - time.monotonic()) > 0:
        time.sleep(min(LOOK_SECONDS, left))


def _is_tolerable(work: Work, evidence: Evidence, error: FraisierError) -> bool:
    """Whether the rollout may go on without the hosts that have failed; they are noted as tolerated then."""
    if not isinstance(error, HOSTS_FAILED) or not evidence.rollout_began:
        return False
    failed = {failure.host for failure in evidence.failures if failure.phase != Phase.PRUNE} - evidence.tolerated
    if not failed or len(evidence.tolerated | failed) > work.resolved.settings.rollout.max_failures:
        return False
    for name in sorted(failed):
        work.listener.note(f"{name} failed, which max_failures allows: going on without it")
    evidence.tolerated |= failed
    return True
