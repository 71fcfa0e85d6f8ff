"""Whatever the order of commands, the ledger keeps its law (SQLite)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from fraisier.errors import DeploymentCancelled, TargetLocked, UsageError
from fraisier.record import read, write
from fraisier.record.ledger import Ledger
from fraisier.record.migrate import migrate
from fraisier.record.owner import Owner
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Kind, Status, Target

TARGETS = [Target("a", "production"), Target("a", "production", "nightly"), Target("b", "staging")]
FINAL = [status for status in Status if status.is_final and status is not Status.SUPERSEDED]


class LedgerMachine(RuleBasedStateMachine):
    asked = Bundle("asked")
    claims = Bundle("claims")

    template: Path

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "f.db")
        self.ledger = Ledger(f"sqlite:///{self.folder}/f.db")
        self.final: dict[str, Deployment] = {}
        self.fencing: dict[Target, int] = {}
        self.releases = 0

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)

    @rule(target=asked, place=st.sampled_from(TARGETS), kind=st.sampled_from(Kind))
    def request(self, place: Target, kind: Kind) -> str:
        return write.request(self.ledger, place, kind=kind).id

    @rule(target=claims, deployment_id=asked, pid=st.integers(1, 3))
    def claim(self, deployment_id: str, pid: int) -> Deployment | None:
        before = read.deployment(self.ledger, deployment_id)
        if before is None:
            return None  # pruned
        held = bool(read.running(self.ledger, before.target))
        try:
            claimed = write.claim(self.ledger, deployment_id, Owner("elsewhere", pid, "b", "1"))
        except TargetLocked:
            assert held
            return None
        except (DeploymentCancelled, UsageError):
            assert not held and before.status is not Status.PENDING
            return None
        assert not held and before.status is Status.PENDING
        assert claimed.fencing > self.fencing.get(claimed.target, 0)
        self.fencing[claimed.target] = claimed.fencing
        return claimed

    @rule(claim=claims, status=st.sampled_from(FINAL))
    def finish(self, claim: Deployment | None, status: Status) -> None:
        if claim is None:
            return
        row = read.deployment(self.ledger, claim.id)
        self.releases += 1
        done = write.finish(self.ledger, claim, status, release_id=f"R{self.releases}")
        is_said_again = row is not None and row.status is status and row.fencing == claim.fencing
        is_held = row is not None and row.status is Status.IN_PROGRESS and row.fencing == claim.fencing
        assert done is (is_said_again or is_held)
        assert not write.heartbeat(self.ledger, claim)

    @rule(claim=claims)
    def put_back(self, claim: Deployment | None) -> None:
        before = read.deployment(self.ledger, claim.id) if claim else None
        if claim is None or before is None:
            return
        newer = read.pending(self.ledger, claim.target)
        is_held = before.status is Status.IN_PROGRESS and before.fencing == claim.fencing
        assert write.put_back(self.ledger, claim, waits={}, git_commit=None) is (is_held and newer is None)
        after = read.deployment(self.ledger, claim.id)
        assert after
        if not is_held:
            assert after == before
        elif newer:
            assert (after.status, after.fk_superseded_by) == (Status.SUPERSEDED, newer.pk)
        else:
            assert after.status is Status.PENDING and not write.heartbeat(self.ledger, claim)

    @rule(deployment_id=asked)
    def cancel(self, deployment_id: str) -> None:
        before = read.deployment(self.ledger, deployment_id)
        if before is None:
            return
        after = write.cancel(self.ledger, deployment_id)
        if before.status is Status.PENDING:
            assert after.status is Status.CANCELLED
        elif before.status is Status.IN_PROGRESS:
            assert after.status is Status.IN_PROGRESS and after.cancel_requested
        else:
            assert after == before

    @rule(gone=st.integers(1, 3))
    def interrupt(self, gone: int) -> None:
        expected = {row.id for row in read.running(self.ledger) if row.owner and row.owner.pid == gone}
        lost = write.interrupt_orphans(self.ledger, is_alive=lambda owner: owner.pid != gone)
        assert {row.id for row in lost} == expected

    @rule(keep=st.integers(0, 5))
    def prune(self, keep: int) -> None:
        kept = [
            (read.current_release(self.ledger, place), read.good_releases(self.ledger, place, limit=5))
            for place in TARGETS
        ]
        write.prune(self.ledger, keep_last=keep)
        assert kept == [
            (read.current_release(self.ledger, place), read.good_releases(self.ledger, place, limit=5))
            for place in TARGETS
        ]

    @invariant()
    def at_most_one_of_each_is_open(self) -> None:
        if not hasattr(self, "ledger"):
            return
        rows = [row for place in TARGETS for row in read.last_deployments(self.ledger, place, limit=1_000)]
        for place in TARGETS:
            here = [row for row in rows if row.target == place]
            assert sum(row.status is Status.PENDING for row in here) <= 1
            assert sum(row.status is Status.IN_PROGRESS for row in here) <= 1
        for row in rows:
            self.row_is_whole(row)
            if row.status.is_final:
                # What is over stays as it was; only the deployment that it names may have been pruned.
                earlier = self.final.setdefault(row.id, row)
                assert (row.status, row.completed_at, row.release_id, row.error_code) == (
                    earlier.status,
                    earlier.completed_at,
                    earlier.release_id,
                    earlier.error_code,
                )

    def row_is_whole(self, row: Deployment) -> None:
        assert (row.completed_at is not None) is row.status.is_final
        assert (row.owner is not None) is (row.started_at is not None) is (row.fencing > 0)
        if row.status is Status.PENDING:
            assert row.started_at is None
        if row.status is Status.IN_PROGRESS:
            assert row.started_at is not None and row.fencing == self.fencing[row.target]
        if row.status is Status.INTERRUPTED and row.error_code:
            assert row.error_code == "WorkerLost"


def test_any_order_of_commands_keeps_the_law(tmp_path: Path) -> None:
    template = tmp_path / "template.db"
    migrate(f"sqlite:///{template}")
    with Ledger(f"sqlite:///{template}") as ledger:
        ledger.query("PRAGMA wal_checkpoint(TRUNCATE)")
    LedgerMachine.template = template
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            derandomize=True,
        ),
    )


@pytest.mark.parametrize("status", FINAL)
def test_every_final_status_can_be_given(status: Status, sqlite_url: str) -> None:
    with Ledger(sqlite_url) as ledger:
        claim = write.claim(ledger, write.request(ledger, TARGETS[0]).id, Owner.here())
        assert write.finish(ledger, claim, status)
        assert read.history(ledger)[0].status is status
