"""Judging a run by its events: success is what hosts have shown; everything else is a failure, or not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fraisier.errors import (
    DeploymentCancelled,
    DeploymentFailed,
    DeploymentTimeout,
    HealthCheckFailed,
    TargetUnreachable,
)
from fraisier.evidence import Evidence
from fraisier.plan import Plan
from fraisier.run import Outcome
from fraisier.vocabulary import Event, EventKind, Target

RELEASE = "20261122T000000Z-0123456789ab-abc123"
PLAN = Plan(Target("a", "b"), "fraisier.deploy.api", {"web1": {}, "web2": {}}, {})
EXPECT = {"web1": RELEASE, "web2": RELEASE}
GOOD = Outcome("successful", 0)
STATS = Event(EventKind.STATS, 9.0)


def event(
    host: str,
    phase: str,
    kind: EventKind = EventKind.OK,
    action: str | None = None,
    message: str = "",
    **result: object,
) -> Event:
    return Event(
        kind,
        1.0,
        host=host,
        phase=phase,
        task=phase,
        action=f"fraisier.deploy.{action or phase}",
        message=message,
        result=result,
    )


def deployed(host: str) -> list[Event]:
    return [event(host, "activate", release_id=RELEASE), event(host, "health", healthy=True, version="0" * 40)]


def judged(*events: Event, outcome: Outcome = GOOD, plan: Plan = PLAN) -> tuple[Evidence, Exception | None]:
    evidence = Evidence(plan.hosts)
    for found in events:
        evidence.see(found)
    return evidence, evidence.judge(plan, outcome, expect_release=EXPECT if plan is PLAN else {})


def test_every_host_that_activated_and_answers_is_a_success() -> None:
    assert judged(*deployed("web1"), *deployed("web2"), STATS)[1] is None


def test_a_host_that_never_took_part_is_no_success_whatever_the_exit_code() -> None:
    error = judged(*deployed("web1"), STATS)[1]
    assert isinstance(error, DeploymentFailed)
    assert "web2: took no part in the run" in str(error)


def test_no_host_at_all_is_no_success() -> None:
    empty = Plan(Target("a", "b"), "fraisier.deploy.api", {}, {})
    assert "no host matched" in str(judged(STATS, plan=empty)[1])


def test_an_active_release_that_nobody_has_heard_of_is_a_failed_health_check() -> None:
    error = judged(*deployed("web1"), event("web2", "activate", release_id=RELEASE), STATS)[1]
    assert isinstance(error, HealthCheckFailed)


def test_a_health_check_that_had_nothing_to_ask_proves_nothing() -> None:
    unasked = [event("web2", "activate", release_id=RELEASE), event("web2", "health", healthy=True, evidence="none")]
    assert isinstance(judged(*deployed("web1"), *unasked, STATS)[1], HealthCheckFailed)


def test_another_active_release_than_the_asked_one_is_a_failure() -> None:
    other = event("web2", "activate", release_id="20261122T000000Z-ffffffffffff-ffffff")
    error = judged(*deployed("web1"), other, event("web2", "health", healthy=True), STATS)[1]
    assert isinstance(error, DeploymentFailed)


def test_a_run_that_ended_before_its_recap_proves_nothing() -> None:
    assert isinstance(judged(*deployed("web1"), *deployed("web2"))[1], DeploymentFailed)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("canceled", DeploymentCancelled),
        ("timeout", DeploymentTimeout),
        ("died", DeploymentFailed),
        ("error", DeploymentFailed),
    ],
)
def test_a_run_that_was_ended_says_how(status: str, kind: type[Exception]) -> None:
    assert isinstance(judged(*deployed("web1"), outcome=Outcome(status, None, ["last words"]))[1], kind)


def test_a_failing_prune_is_a_warning_once_everything_has_proven_itself() -> None:
    prune = event("web1", "prune", EventKind.FAILED, message="disk is read-only")
    evidence, error = judged(*deployed("web1"), *deployed("web2"), prune, STATS, outcome=Outcome("failed", 2))
    assert error is None
    assert [str(failure) for failure in evidence.failures] == ["web1: prune: disk is read-only"]


def test_an_ignored_failure_is_none() -> None:
    ignored = Event(EventKind.FAILED, 1.0, host="web1", phase="build", ignored=True)
    assert judged(ignored, *deployed("web1"), *deployed("web2"), STATS)[1] is None


def test_unreachable_counts_only_when_nothing_else_failed() -> None:
    gone = event("web2", "fetch", EventKind.UNREACHABLE, message="no route to host")
    assert isinstance(judged(gone, STATS)[1], TargetUnreachable)
    broken = event("web1", "build", EventKind.FAILED, message="exit code 1")
    error = judged(gone, broken, STATS)[1]
    assert type(error) is DeploymentFailed
    assert str(error) == "web1: build: exit code 1 (and 1 more host)"


def test_a_begun_activation_without_an_answer_may_have_moved() -> None:
    evidence, _ = judged(event("web1", "activate", EventKind.TASK), outcome=Outcome("died", None))
    assert evidence.moved == ["web1"]


def test_a_migration_that_was_cut_off_is_not_settled_and_has_moved() -> None:
    begun = event("web1", "migrate", EventKind.TASK)
    migration = judged(begun)[0].migration
    assert (migration.began, migration.settled, migration.moved) == (True, False, True)
    done = event("web1", "migrate", before="0001", after="0002", applied=["0002"])
    migration = judged(begun, done)[0].migration
    assert (migration.settled, migration.moved, migration.before, migration.after) == (True, True, "0001", "0002")
    idle = event("web1", "migrate", before="0001", after="0001", applied=[])
    assert judged(begun, idle)[0].migration.moved is False
    skipped = event("web1", "migrate", EventKind.SKIPPED)
    assert judged(begun, skipped)[0].migration.moved is False


def test_the_truth_about_a_host_is_one_sentence() -> None:
    evidence, _ = judged(
        event("web1", "activate", release_id=RELEASE), event("web1", "restart", EventKind.FAILED, "service", "exited")
    )
    assert evidence.truth("web1") == f"release {RELEASE} is active; restart: exited"
    assert evidence.truth("web2") == "took no part in the run"


def test_hosts_that_left_their_load_balancer_are_known() -> None:
    evidence, _ = judged(
        event("web1", "drain", action="lb"),
        event("web2", "drain", EventKind.FAILED, action="lb", message="lb1: no such server"),
        STATS,
    )
    assert (evidence.drained, evidence.moved) == (["web1", "web2"], [])


@pytest.mark.parametrize(
    "name", ["ansible.builtin.replace", "community.general.migrate", "replace", "somebody.else.replace"]
)
def test_a_hook_whose_module_has_the_name_of_ours_moves_no_database(name: str) -> None:
    evidence = Evidence(["web1"])
    for kind in (EventKind.TASK, EventKind.FAILED):
        evidence.see(replace(event("web1", "migrate", kind, replaced=True, before="x"), action=name))
    assert not evidence.replacement.moved
    assert not evidence.migration.moved


@pytest.mark.parametrize("name", ["ansible.builtin.service", "service"])
def test_a_hook_that_reloads_a_service_says_nothing_of_ours(name: str) -> None:
    evidence = Evidence(["web1"])
    evidence.see(event("web1", "restart", action="service", state="running", pid=7))
    evidence.see(replace(event("web1", "restart", state="started", name="nginx"), action=name))
    assert evidence.hosts["web1"].service["pid"] == 7
