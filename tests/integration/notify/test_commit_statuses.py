"""Commits show how their deployment goes: pending, then its end, never the other way round."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fraisier import notify
from fraisier.config import FraisierConfig
from fraisier.errors import DeploymentFailed
from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.vocabulary import Kind, Status, Target
from tests.integration.notify.conftest import Configured
from tests.integration.notify.ending import COMMIT, end
from tests.receiver import Receiver


@pytest.fixture
def config(configured: Configured, receiver: Receiver) -> FraisierConfig:
    """A Gitea of our own, and nobody else to tell."""
    return of_gitea(configured, receiver)


def of_gitea(configured: Configured, receiver: Receiver, **settings: object) -> FraisierConfig:
    git = {"gitea": {"base_url": f"http://{receiver.place}", "token": "${TOKEN}"}}
    repository = f"ssh://git@{receiver.address}:2222/acme/my_api.git"
    return configured(git=git, git_repo=repository, urls=[], **settings)


def states(receiver: Receiver) -> list[str]:
    return [request.json["state"] for request in receiver.received]


def test_a_commit_is_pending_and_then_has_its_result(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    resolved = config.get_fraise_environment(target.fraise, target.environment)
    deployment = write.claim(ledger, write.request(ledger, target, git_commit=COMMIT).id, Owner.here())
    with ledger.transaction():
        write.set_plan(ledger, deployment, new_version=COMMIT)
        notify.began(ledger, resolved, deployment)
    assert notify.deliver_due(ledger, config) == 1
    with ledger.transaction():
        write.finish(ledger, deployment, Status.SUCCESS)
        notify.ended(ledger, resolved, deployment)
    assert notify.deliver_due(ledger, config) == 1
    assert states(receiver) == ["pending", "success"]
    first, last = receiver.received
    assert first.path == last.path == f"/api/v1/repos/acme/my_api/statuses/{COMMIT}"
    assert first.headers["authorization"] == "token token-token-token"
    assert last.json["context"] == "fraisier/my_api/production"
    assert first.json["description"] == "being deployed to production"
    assert last.json["description"].startswith("deployed to production in ")
    assert "token-token-token" not in str(ledger.query("SELECT channel, subject, payload FROM tb_notification"))


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.FAILED, "failure"),
        (Status.ROLLED_BACK, "failure"),
        (Status.ROLLBACK_FAILED, "failure"),
        (Status.CANCELLED, "error"),
        (Status.INTERRUPTED, "error"),
    ],
)
def test_bad_ends(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver, status: Status, state: str
) -> None:
    end(ledger, config, target, status, error=DeploymentFailed("web1: build: no such file"))
    notify.deliver_due(ledger, config)
    assert states(receiver) == [state]
    assert receiver.received[0].json["description"].endswith(": web1: build: no such file")


def test_a_pending_status_that_was_late_does_not_hide_the_result(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    """The first attempt fails; by the next one there is a result already."""
    now = datetime.now(UTC) + timedelta(seconds=1)
    resolved = config.get_fraise_environment(target.fraise, target.environment)
    deployment = write.claim(ledger, write.request(ledger, target, git_commit=COMMIT).id, Owner.here())
    with ledger.transaction():
        write.set_plan(ledger, deployment, new_version=COMMIT)
        notify.began(ledger, resolved, deployment)
    receiver.answers = [503]
    assert notify.deliver_due(ledger, config, now=now) == 0
    with ledger.transaction():
        write.finish(ledger, deployment, Status.FAILED)
        notify.ended(ledger, resolved, deployment)
    assert notify.deliver_due(ledger, config, now=now + timedelta(hours=1)) == 1
    assert states(receiver) == ["pending", "failure"]
    assert notify.deliver_due(ledger, config, now=now + timedelta(hours=2)) == 0


def test_while_one_status_is_on_its_way_the_next_one_waits(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    resolved = config.get_fraise_environment(target.fraise, target.environment)
    deployment = write.claim(ledger, write.request(ledger, target, git_commit=COMMIT).id, Owner.here())
    with ledger.transaction():
        write.set_plan(ledger, deployment, new_version=COMMIT)
        notify.began(ledger, resolved, deployment)
    on_its_way = write.claim_notification(ledger)
    assert on_its_way is not None and on_its_way.event == "pending"
    with ledger.transaction():
        write.finish(ledger, deployment, Status.SUCCESS)
        notify.ended(ledger, resolved, deployment)
    assert write.claim_notification(ledger) is None
    assert write.settle_notification(ledger, on_its_way)
    after = write.claim_notification(ledger)
    assert after is not None and after.event == "success"


def test_an_older_deployment_of_the_same_commit_says_nothing_after_a_newer_one(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    receiver.answers = [503] * 2
    now = datetime.now(UTC) + timedelta(seconds=1)
    end(ledger, config, target, Status.FAILED)
    notify.deliver_due(ledger, config, now=now)
    end(ledger, config, target, Status.SUCCESS)
    notify.deliver_due(ledger, config, now=now + timedelta(hours=1))
    notify.deliver_due(ledger, config, now=now + timedelta(hours=3))
    assert states(receiver)[-1] == "success"
    assert states(receiver).count("success") == len(states(receiver)) - states(receiver).index("success")


def test_what_the_service_refuses_is_not_tried_again(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    receiver.answers = [403]
    end(ledger, config, target, Status.SUCCESS)
    notify.deliver_due(ledger, config)
    (row,) = ledger.query("SELECT status, error_message FROM tb_notification")
    assert row["status"] == "failed" and "403" in row["error_message"]
    assert "token-token-token" not in row["error_message"]


def test_statuses_can_be_unwanted(ledger: Ledger, configured: Configured, target: Target, receiver: Receiver) -> None:
    end(ledger, of_gitea(configured, receiver, commit_status=False), target, Status.SUCCESS)
    end(ledger, configured(urls=[]), target, Status.SUCCESS)
    assert ledger.query("SELECT 1 FROM tb_notification") == []


def test_a_rollback_and_an_unchanged_deployment_change_no_status(
    ledger: Ledger, config: FraisierConfig, target: Target
) -> None:
    end(ledger, config, target, Status.SUCCESS, kind=Kind.ROLLBACK)
    resolved = config.get_fraise_environment(target.fraise, target.environment)
    deployment = write.claim(ledger, write.request(ledger, target, git_commit=COMMIT).id, Owner.here())
    with ledger.transaction():
        write.finish(ledger, deployment, Status.UNCHANGED)
        notify.ended(ledger, resolved, deployment)
    assert ledger.query("SELECT 1 FROM tb_notification") == []
