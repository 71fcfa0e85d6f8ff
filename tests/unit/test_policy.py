"""What policies say: judged by settings, facts and the time alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraisier.fraise_types.policies import Policies
from fraisier.policy import Request, Verdict, judge
from fraisier.policy.judge import Consent, is_named, is_same, may_approve
from fraisier.vocabulary import Kind, Trigger

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday
DEPLOY = Request(Kind.DEPLOY, "alice", Trigger.MANUAL, subject="commit 1 configuration 2", detail="commit 1")
WEEKEND = {"begins": "fri 16:00", "ends": "mon 08:00", "timezone": "Europe/Paris", "reason": "nobody is there"}


def policies(**written: Any) -> Policies:
    return Policies.model_validate(written)


def rules(verdict: Verdict) -> list[str]:
    return [each.rule for each in verdict.objections]


def consents(*names: str) -> tuple[Consent, ...]:
    return tuple(Consent(f"id of {name}", name) for name in names)


def test_without_policies_everything_is_allowed() -> None:
    assert judge(policies(), DEPLOY, NOW) == Verdict()


@pytest.mark.parametrize(
    ("patterns", "actor", "trigger", "is_meant"),
    [
        (["alice"], "alice", Trigger.MANUAL, True),
        (["alice"], "alice (sudo)", Trigger.MANUAL, True),
        (["alice"], "alice", Trigger.API, True),
        (["alice"], "alice", Trigger.WEBHOOK, False),
        (["webhook:alice"], "alice", Trigger.WEBHOOK, True),
        (["webhook:alice"], "alice", Trigger.MANUAL, False),
        (["webhook:*"], "", Trigger.WEBHOOK, True),
        (["*"], "schedule", Trigger.SCHEDULED, False),
        (["scheduled:*"], "schedule", Trigger.SCHEDULED, True),
        (["ops-?"], "ops-1", Trigger.MANUAL, True),
        (["Alice"], "alice", Trigger.MANUAL, False),
    ],
)
def test_a_name_means_people_and_an_account_only_with_its_trigger(
    patterns: list[str], actor: str, trigger: Trigger, is_meant: bool
) -> None:
    assert is_named(patterns, actor, trigger) is is_meant
    verdict = judge(policies(allowed_actors=patterns), replace(DEPLOY, actor=actor, trigger=trigger), NOW)
    assert rules(verdict) == ([] if is_meant else ["allowed_actors"])


def test_who_is_not_allowed_cannot_lift_that() -> None:
    policy = policies(allowed_actors=["bob"], freeze=[WEEKEND])
    verdict = judge(policy, replace(DEPLOY, override="it burns"), NOW)
    assert rules(verdict) == ["allowed_actors"] and not verdict.lifted


def test_a_freeze_holds_up_deployments_and_says_until_when() -> None:
    policy = policies(freeze=[WEEKEND, {"begins": "mon 07:00", "ends": "mon 10:00", "timezone": "Europe/Paris"}])
    verdict = judge(policy, DEPLOY, NOW)
    (objection,) = verdict.objections
    assert objection.text == "frozen until Mon 2026-11-23 10:00 Europe/Paris: nobody is there"
    assert objection.until == datetime(2026, 11, 23, 9, tzinfo=UTC) and objection.passes
    assert judge(policy, DEPLOY, objection.until).is_allowed


@pytest.mark.parametrize(("kinds", "stopped"), [(["deploy"], False), (["deploy", "rollback"], True)])
def test_going_back_in_a_freeze_is_allowed_unless_it_says_otherwise(kinds: list[str], stopped: bool) -> None:
    verdict = judge(policies(freeze=[{**WEEKEND, "kinds": kinds}]), replace(DEPLOY, kind=Kind.ROLLBACK), NOW)
    assert verdict.is_allowed is not stopped


def test_what_was_begun_is_gone_on_with_in_a_freeze_and_without_a_second_approval() -> None:
    policy = policies(freeze=[WEEKEND], approvals={"required": 2}, max_hosts=1)
    assert judge(policy, replace(DEPLOY, continues=True, hosts=5), NOW).is_allowed


@pytest.mark.parametrize(
    ("most", "hosts", "of", "is_allowed"),
    [(2, 2, 9, True), (2, 3, 9, False), ("50%", 4, 9, True), ("50%", 5, 9, False), ("1%", 1, 9, True)],
)
def test_max_hosts_bounds_what_one_deployment_changes(most: int | str, hosts: int, of: int, is_allowed: bool) -> None:
    verdict = judge(policies(max_hosts=most), replace(DEPLOY, hosts=hosts, all_hosts=of), NOW)
    assert verdict.is_allowed is is_allowed


def test_a_commit_beside_the_required_branch_is_refused() -> None:
    policy = policies(required_branch="main")
    assert judge(policy, replace(DEPLOY, is_on_branch=None), NOW).is_allowed
    assert judge(policy, replace(DEPLOY, is_on_branch=True), NOW).is_allowed
    assert rules(judge(policy, replace(DEPLOY, is_on_branch=False), NOW)) == ["required_branch"]


def test_a_protected_environment_without_more_needs_one_approval() -> None:
    assert rules(judge(policies(protected=True), DEPLOY, NOW)) == ["approvals"]
    assert judge(policies(protected=True, allowed_actors=["alice"]), DEPLOY, NOW).is_allowed
    assert judge(policies(protected=True, approvals={"required": 0}), DEPLOY, NOW).is_allowed
    assert judge(policies(protected=True), replace(DEPLOY, kind=Kind.ROLLBACK), NOW).is_allowed
    assert judge(policies(protected=True), replace(DEPLOY, subject=""), NOW).is_allowed, "not yet known what"


@pytest.mark.parametrize(
    ("names", "by", "missing"),
    [
        ((), (), 2),
        (("bob",), (), 1),
        (("bob", "bob (sudo)", "BOB"), (), 1),
        (("bob", "alice", "ALICE (sudo)"), (), 1),
        (("bob", "carol"), (), 0),
        (("bob", "carol"), ("bob", "dave"), 1),
        (("bob", "ops-3"), ("bob", "ops-*"), 0),
    ],
)
def test_approvals_are_counted_by_people_and_never_the_one_who_asks(
    names: tuple[str, ...], by: tuple[str, ...], missing: int
) -> None:
    policy = policies(approvals={"required": 2, "by": by})
    verdict = judge(policy, replace(DEPLOY, consents=consents(*names)), NOW)
    assert verdict.is_allowed is (missing == 0)
    if missing:
        words = "an approval of commit 1 is missing" if missing == 1 else "2 approvals of commit 1 are missing"
        assert verdict.objections[0].text == words
    else:
        assert len(verdict.uses) == 2


def test_an_emergency_lifts_what_passes_and_remembers_it() -> None:
    policy = policies(freeze=[WEEKEND], approvals={"required": 1}, max_hosts=1, required_branch="main")
    wanted = replace(DEPLOY, hosts=3, all_hosts=3, is_on_branch=False, override="it burns")
    verdict = judge(policy, wanted, NOW)
    assert verdict.is_allowed
    assert [each.rule for each in verdict.lifted] == ["required_branch", "max_hosts", "freeze", "approvals"]
    calm = judge(policy, replace(DEPLOY, override="it burns", consents=consents("bob")), NOW + timedelta(days=3))
    assert calm == Verdict(uses=("id of bob",)), "nothing to lift, and the approval is used"


@pytest.mark.parametrize(("who", "is_allowed"), [(["alice"], True), (["bob"], False), ([], False)])
def test_override_actors_say_who_may_lift(who: list[str], is_allowed: bool) -> None:
    verdict = judge(policies(freeze=[WEEKEND], override_actors=who), replace(DEPLOY, override="it burns"), NOW)
    assert verdict.is_allowed is is_allowed
    assert is_allowed or rules(verdict) == ["override_actors", "freeze"]


names = st.text("abAB -*?[]().:", max_size=6)


@given(names, names)
def test_nobody_approves_his_own(one: str, other: str) -> None:
    fault = may_approve(policies(), one, other, Trigger.MANUAL)
    assert (fault is not None) is is_same(one, other)
    verdict = judge(policies(approvals={"required": 1}), replace(DEPLOY, actor=one, consents=consents(other)), NOW)
    assert verdict.is_allowed is not is_same(one, other)


@given(st.lists(names, max_size=5), st.integers(0, 4), st.booleans(), st.booleans())
def test_more_consents_never_make_it_worse(given_names: list[str], required: int, frozen: bool, override: bool) -> None:
    policy = policies(approvals={"required": required}, freeze=[WEEKEND] if frozen else [])
    wanted = replace(DEPLOY, override="it burns" if override else "")
    fewer, more = (
        judge(policy, replace(wanted, consents=consents(*each)), NOW) for each in (given_names[:-1], given_names)
    )
    assert more.is_allowed or not fewer.is_allowed
    assert set(rules(more)) <= set(rules(fewer))
    assert len(set(more.uses)) == len(more.uses)
