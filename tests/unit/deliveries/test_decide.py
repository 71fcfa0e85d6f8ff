"""What a delivery deploys, and why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraisier.deliveries.decide import NOT_ALLOWED, Ref, ref_from
from fraisier.deliveries.desk import Desk
from fraisier.errors import ConfigError
from fraisier.git import WebhookEvent
from fraisier.vocabulary import Target
from tests.unit.deliveries.conftest import Make

GITHUB = "git: {github: {webhook_secret: '${GITHUB}'}}"
BOTH = "git: {github: {webhook_secret: '${GITHUB}'}, gitlab: {webhook_secret: '${GITLAB}'}}"
API, WORKER, STAGING, SHOP, SITE = (
    Target("my_api", "production"),
    Target("worker", "production"),
    Target("my_api", "staging"),
    Target("shop", "production"),
    Target("site", "production"),
)


def push(repository: str = "octo/my_api", branch: str = "main", **more: Any) -> WebhookEvent:
    about: dict[str, Any] = {"commit_sha": "a" * 40, "sender": "ann", "is_push": True}
    return WebhookEvent("github", "push", repository, branch=branch, **{**about, **more})


def decided(desk: Desk, event: WebhookEvent, hook: str = "github") -> Ref:
    found = desk.named(hook)
    assert found
    (ref,) = desk.decide(found, [event])
    return ref


def test_a_push_deploys_every_target_of_that_repository_and_branch(make: Make) -> None:
    ref = decided(make(GITHUB), push())
    assert (ref.targets, ref.reason) == ((API, WORKER), "")
    assert (ref.commit, ref.sender, ref.branch) == ("a" * 40, "ann", "main")


def test_repositories_are_compared_without_case(make: Make) -> None:
    assert decided(make(GITHUB), push("Octo/My_API", "develop")).targets == (STAGING,)


def test_a_branch_that_nothing_is_deployed_from_deploys_nothing(make: Make) -> None:
    ref = decided(make(GITHUB), push(branch="feature/x"))
    assert (ref.targets, ref.reason) == ((), "no target is deployed from this branch of this repository")


def test_where_the_mapping_names_targets_of_the_repository_it_names_all_of_them(make: Make) -> None:
    desk = make(f"{GITHUB}\nbranch_mapping: {{main: worker/production}}")
    assert decided(desk, push()).targets == (WORKER,)
    assert decided(desk, push(branch="develop")).targets == (STAGING,)


def test_a_mapped_target_of_another_repository_is_not_deployed(make: Make) -> None:
    desk = make(f"{GITHUB}\nbranch_mapping: {{develop: my_api/staging, main: [shop/production, my_api/production]}}")
    assert decided(desk, push()).targets == (API,)
    desk = make(
        "git: {github: {webhook_secret: '${GITHUB}', repositories: [octo/other]}}\nbranch_mapping: {main: my_api/production}"
    )
    ref = decided(desk, push("octo/other"))
    assert ref.targets == ()
    assert ref.reason == (
        "branch_mapping names targets of other repositories for it: my_api/production (https://github.com/octo/my_api.git)"
    )


def test_a_secret_speaks_for_its_own_repositories_alone(make: Make) -> None:
    desk = make(
        """\
        git: {github: {webhook_secret: '${GITHUB}'}}
        hooks: {partner: {provider: github, secrets: '${PARTNER}', repositories: [partner/app]}}
        """
    )
    assert decided(desk, push(), "partner").reason == NOT_ALLOWED
    assert decided(desk, push("partner/app"), "github").reason == NOT_ALLOWED
    assert decided(desk, push(""), "github").reason == NOT_ALLOWED


def test_a_providers_secret_speaks_for_no_repository_that_another_provider_serves(make: Make) -> None:
    desk = make(BOTH)
    assert decided(desk, push("group/sub/shop")).reason == NOT_ALLOWED
    assert decided(desk, push("octo/my_api"), "gitlab").reason == NOT_ALLOWED
    assert decided(desk, push("group/sub/shop"), "gitlab").targets == (SHOP,)
    assert decided(desk, push("team/site"), "gitlab").targets == (SITE,)
    own = make(
        "git: {github: {webhook_secret: '${GITHUB}', base_url: 'https://git.example.com'}, gitlab: {webhook_secret: '${GITLAB}'}}"
    )
    assert decided(own, push("team/site"), "github").targets == (SITE,)
    assert decided(own, push("team/site"), "gitlab").reason == NOT_ALLOWED


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"is_tag": True, "branch": None, "tag": "main"}, "a tag deploys nothing"),
        ({"is_delete": True, "commit_sha": None}, "a deletion deploys nothing"),
        (
            {"is_push": False, "is_merge_request": True, "branch": None},
            "a merge request deploys nothing; the push that merges it does",
        ),
        ({"is_push": False, "is_ping": True}, "a ping"),
        ({"is_push": False}, "not a push"),
        ({"commit_sha": None}, "not a push"),
    ],
)
def test_nothing_but_a_push_of_a_commit_to_a_branch_deploys(make: Make, more: dict[str, Any], reason: str) -> None:
    ref = decided(make(GITHUB), push(**more))
    assert (ref.targets, ref.reason) == ((), reason)


def test_a_delivery_may_move_several_branches(make: Make) -> None:
    desk = make(GITHUB)
    hook = desk.named("github")
    assert hook
    refs = desk.decide(hook, [push(branch="x"), push(), push(branch="develop")])
    assert [ref.targets for ref in refs] == [(), (API, WORKER), (STAGING,)]


def test_a_ref_is_kept_without_its_targets_and_decided_anew(make: Make) -> None:
    desk = make(GITHUB)
    hook = desk.named("git.github")
    assert hook
    ref = decided(desk, push())
    again = ref_from(ref.data())
    assert (again.targets, again.reason) == ((), "")
    assert desk.judged(hook, again) == ref


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.booleans())
def test_no_text_of_a_delivery_becomes_a_target(make: Make, repository: str, branch: str, is_tag: bool) -> None:
    desk = _DESK.get("desk") or _DESK.setdefault("desk", make(BOTH))
    event = WebhookEvent("github", "push", repository, branch=branch, is_push=True, is_tag=is_tag, commit_sha="a" * 40)
    assert set(decided(desk, event).targets) <= {API, WORKER, STAGING, SITE}


_DESK: dict[str, Desk] = {}


@pytest.mark.parametrize("value", ["", "   ", "only-an-example"])
def test_a_secret_that_everybody_knows_is_refused(make: Make, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(make.__globals__["ENVIRON"], "GITHUB", value)
    with pytest.raises(ConfigError, match=r"empty|everybody"):
        make(GITHUB)


def test_without_any_secret_nobody_may_call(make: Make) -> None:
    with pytest.raises(ConfigError, match="no webhook has a secret"):
        make("").require_hooks()


def test_secrets_are_never_shown(make: Make) -> None:
    desk = make(BOTH)
    assert "secret-of-thirty" not in repr(desk.hooks)
