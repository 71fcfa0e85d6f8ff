"""From a delivery to rows, on both databases: once, durable, all together, and what it asked for is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from fraisier.deliveries.decide import NOT_ALLOWED
from fraisier.deliveries.desk import Desk
from fraisier.deliveries.replay import replay
from fraisier.deliveries.sample import sample_push
from fraisier.errors import UsageError
from fraisier.record import deliveries, read, write
from fraisier.record.encode import read_document
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.vocabulary import Status, Target, Trigger
from fraisier.web.app import create_app
from tests.integration.web.conftest import (
    ENVIRON,
    SECRET,
    SIGNING_TOKEN,
    Caller,
    github,
    github_push,
    with_sections,
)

API, STAGING, WORKER = Target("my_api", "production"), Target("my_api", "staging"), Target("worker", "production")


def events(ledger: Ledger) -> list[dict[str, Any]]:
    return ledger.query("SELECT * FROM tb_webhook_event ORDER BY pk_webhook_event")


def audits(ledger: Ledger) -> list[dict[str, Any]]:
    return ledger.query("SELECT * FROM tb_audit_log ORDER BY pk_audit_log")


def waiting(ledger: Ledger) -> list[dict[str, Any]]:
    return ledger.query("SELECT id FROM tb_deployment WHERE status = 'pending'")


def statuses(ledger: Ledger, target: Target) -> list[str]:
    return [row.status.value for row in reversed(read.last_deployments(ledger, target, limit=100))]


def test_a_push_becomes_an_event_a_deployment_of_each_target_and_an_audit_entry(caller: Caller, ledger: Ledger) -> None:
    answer = caller.push()
    assert answer.status_code == 202
    said = answer.json()
    (event,) = events(ledger)
    assert (event["id"], event["decision"], event["hook"], event["delivery_id"]) == (
        said["event"],
        "accepted",
        "git.github",
        "d-1",
    )
    assert (event["repository"], event["branch"], event["commit_sha"], event["sender"]) == (
        "octo/my_api",
        "main",
        "a" * 40,
        "ann",
    )
    assert event["request_id"] == said["request_id"]
    rows = [read.pending(ledger, target) for target in (API, WORKER)]
    assert [row.id for row in rows if row] == said["deployments"]
    first = rows[0]
    assert first
    assert (first.trigger, first.actor, first.background, first.git_commit) == (Trigger.WEBHOOK, "ann", True, None)
    assert first.details["delivery"] == event["id"]
    assert first.details["pushed"] == {"commit": "a" * 40, "branch": "main", "repository": "octo/my_api"}
    audit, _ = audits(ledger)
    assert (audit["actor"], audit["door"], audit["outcome"], audit["deployment_id"]) == (
        "ann",
        "webhook",
        "accepted",
        first.id,
    )
    assert deliveries.find(ledger, said["event"][:8]).deployment_id == first.id


@pytest.mark.parametrize("provider", ["github", "gitlab", "gitlab signed", "gitea", "forgejo", "bitbucket"])
def test_a_replay_of_a_delivery_deploys_nothing_again(configuration: Path, ledger: Ledger, provider: str) -> None:
    name, _, signed = provider.partition(" ")
    environ = {**ENVIRON, "SECRET": SIGNING_TOKEN} if signed else ENVIRON
    caller = Caller(create_app(configuration, ledger=ledger, environ=environ))
    sample = sample_push(name, "octo/my_api", "main", "c" * 40, environ["SECRET"])
    first = caller.post("/webhook", sample.body, sample.headers)
    assert first.status_code == 202
    renamed = dict(sample.headers)
    for header in ("X-GitHub-Delivery", "X-Gitea-Delivery", "X-Forgejo-Delivery", "Idempotency-Key", "X-Request-UUID"):
        if header in renamed:
            renamed[header] = "another-id"
    for headers in (sample.headers, renamed):
        again = caller.post("/webhook", sample.body, headers)
        assert (again.status_code, again.json()["status"], again.json()["of"]) == (
            200,
            "duplicate",
            first.json()["event"],
        )
    assert len(events(ledger)) == 1
    assert statuses(ledger, API) == ["pending"]
    caller.close()


@pytest.mark.parametrize("provider", ["gitea", "forgejo"])
def test_a_form_that_is_spelt_otherwise_is_the_same_delivery(caller: Caller, ledger: Ledger, provider: str) -> None:
    """Both sign the decoded field alone: who has seen a delivery could send it in many spellings."""
    sample = sample_push(provider, "octo/my_api", "main", "c" * 40, SECRET)
    form = {**sample.headers, "Content-Type": "application/x-www-form-urlencoded"}
    plain = b"payload=" + quote_plus(sample.body.decode()).encode()
    spelt = b"payload=" + "".join(f"%{byte:02X}" for byte in sample.body).encode()
    statuses = []
    for number, body in enumerate((plain, spelt, plain.replace(b"+", b"%20"))):
        other = {name: f"id-{number}" if name.endswith("-Delivery") else value for name, value in form.items()}
        statuses.append(caller.post("/webhook", body, other).status_code)
    assert statuses == [202, 200, 200]
    assert len(events(ledger)) == 1


def test_the_same_delivery_twice_in_one_group_is_accepted_once(caller: Caller, ledger: Ledger) -> None:
    body = json.dumps(github_push()).encode()
    answers = caller.at_once([(body, github(body, f"d-{number % 2}")) for number in range(8)])
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len(events(ledger)) == 1


def test_what_was_ignored_may_come_again_and_be_accepted(configuration: Path, ledger: Ledger) -> None:
    body = json.dumps(github_push(branch="later")).encode()
    caller = Caller(create_app(configuration, ledger=ledger, environ=ENVIRON))
    assert caller.post("/webhook", body, github(body)).json()["status"] == "ignored"
    configuration.write_text(configuration.read_text().replace("branch: develop", "branch: later"))
    assert caller.application.live.look()
    assert caller.post("/webhook", body, github(body)).status_code == 202
    assert statuses(ledger, STAGING) == ["pending"]
    caller.close()


def test_twelve_pushes_while_a_deployment_runs_leave_one_that_waits_and_it_is_the_last(
    caller: Caller, ledger: Ledger
) -> None:
    caller.push("d-0", branch="develop")
    running = write.claim_next(ledger, STAGING, Owner.here())
    assert running
    for number in range(1, 13):
        assert caller.push(f"d-{number}", branch="develop", commit=f"{number:040x}").status_code == 202
    assert statuses(ledger, STAGING) == ["in_progress", *["superseded"] * 11, "pending"]
    last = read.pending(ledger, STAGING)
    assert last
    assert last.details["pushed"]["commit"] == f"{12:040x}"
    assert write.finish(ledger, running, Status.SUCCESS)


def test_many_at_once_are_written_together_and_each_knows_its_deployment(caller: Caller, ledger: Ledger) -> None:
    requests = []
    for number in range(40):
        body = json.dumps(github_push(commit=f"{number + 1:040x}", branch="develop" if number % 4 else "main")).encode()
        requests.append((body, github(body, f"d-{number}")))
    answers = caller.at_once(requests)
    assert {answer.status_code for answer in answers} == {202}
    recorded = {event["id"]: event for event in events(ledger)}
    assert len(recorded) == 40
    assert {answer.json()["event"] for answer in answers} == set(recorded)
    ids = {row.id for target in (API, STAGING, WORKER) for row in read.last_deployments(ledger, target, limit=100)}
    assert {deployment for answer in answers for deployment in answer.json()["deployments"]} == ids
    assert [statuses(ledger, target)[-1] for target in (API, STAGING, WORKER)] == ["pending"] * 3
    named = {event for audit in audits(ledger) for event in read_document(audit["details"])["events"]}
    assert named == set(recorded)


def test_one_delivery_may_move_several_branches(caller: Caller, ledger: Ledger) -> None:
    sample = sample_push("bitbucket", "octo/my_api", "main", "a" * 40, SECRET)
    body = json.loads(sample.body)
    (change,) = body["push"]["changes"]
    other = json.loads(json.dumps(change).replace('"main"', '"develop"'))
    unknown = json.loads(json.dumps(change).replace('"main"', '"nowhere"'))
    body["push"]["changes"] = [unknown, change, other]
    encoded = json.dumps(body).encode()
    headers = {**sample.headers, "X-Hub-Signature": github(encoded)["X-Hub-Signature-256"]}
    answer = caller.post("/webhook", encoded, headers)
    assert len(answer.json()["deployments"]) == 3
    (event,) = events(ledger)
    kept = deliveries.find(ledger, event["id"]).payload
    assert [ref["targets"] for ref in kept["refs"]] == [
        [],
        ["my_api/production", "worker/production"],
        ["my_api/staging"],
    ]
    assert event["branch"] == "main"


@pytest.mark.parametrize(
    ("about", "event", "status", "reason"),
    [
        ({"repository": "evil/app"}, "push", 202, NOT_ALLOWED),
        ({"branch": "feature"}, "push", 200, "no target is deployed from this branch of this repository"),
        ({"commit": "0" * 40}, "push", 200, "a deletion deploys nothing"),
    ],
)
def test_what_is_ignored_is_recorded_with_its_reason(
    caller: Caller, ledger: Ledger, about: dict[str, Any], event: str, status: int, reason: str
) -> None:
    document = github_push(**about)
    if set(document["after"]) == {"0"}:
        document |= {"deleted": True, "head_commit": None}
    body = json.dumps(document).encode()
    answer = caller.post("/webhook", body, github(body, event=event))
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (status, "ignored", reason)
    (row,) = events(ledger)
    assert (row["decision"], row["reason"], row["fk_deployment"]) == ("ignored", reason, None)
    assert not waiting(ledger)


def test_a_named_hook_speaks_for_its_own_repositories(caller: Caller, ledger: Ledger) -> None:
    body = json.dumps(github_push()).encode()
    answer = caller.post("/webhook/partner", body, github(body, secret=ENVIRON["PARTNER"]))
    assert answer.json()["reason"] == NOT_ALLOWED
    assert caller.post("/webhook/partner", body, github(body)).status_code == 401
    assert not waiting(ledger)


def test_names_that_are_code_elsewhere_are_only_text_here(caller: Caller, ledger: Ledger) -> None:
    names = ["{{lookup('pipe','id')}}", "$(id)", "--upload-pack=id", "é\U0001f9c0", "a'b\"c", "x" * 5_000]
    for number, name in enumerate(names):
        body = json.dumps({**github_push(branch=name), "sender": {"login": name}}).encode()
        assert caller.post("/webhook", body, github(body, f"d-{number}")).status_code in (200, 400)
    assert all(len(event["branch"]) <= 300 for event in events(ledger))
    assert not waiting(ledger)


def test_what_the_database_refuses_spoils_nothing_but_itself(
    caller: Caller, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fraisier.deliveries import accept as module

    def as_it_comes(delivery: Any, queued: Any) -> str:
        return "{" if delivery.delivery_id == "d-3" else written(delivery, queued)

    written = module._payload
    monkeypatch.setattr(module, "_payload", as_it_comes)
    if ledger.engine == "sqlite":
        ledger.query("SELECT 1 AS one")
        with ledger.transaction() as session:
            session.execute(
                "CREATE TRIGGER no_json BEFORE INSERT ON tb_webhook_event WHEN NOT json_valid(NEW.payload)"
                " BEGIN SELECT RAISE(ABORT, 'no json'); END"
            )
    requests = []
    for number in range(6):
        body = json.dumps(github_push(commit=f"{number + 1:040x}")).encode()
        requests.append((body, github(body, f"d-{number}")))
    assert sorted(answer.status_code for answer in caller.at_once(requests)) == [202] * 5 + [503]
    assert len(events(ledger)) == 5


def test_nothing_is_kept_of_a_body_unless_it_is_wanted_and_then_nothing_secret(
    configuration: Path, ledger: Ledger
) -> None:
    document = {
        **github_push(),
        "secret": SECRET,
        "hook": {"url": "https://user:pass@example.com/x", "token": "abc"},
        "note": SECRET,
    }
    body = json.dumps(document).encode()
    caller = Caller(create_app(configuration, ledger=ledger, environ=ENVIRON))
    first = caller.post("/webhook", body, github(body)).json()["event"]
    assert "body" not in deliveries.find(ledger, first).payload
    caller.close()
    with_sections(configuration, "server: {store_payload: redacted}")
    caller = Caller(create_app(configuration, ledger=ledger, environ=ENVIRON))
    body += b" "
    second = caller.post("/webhook", body, github(body, "d-2")).json()["event"]
    kept = deliveries.find(ledger, second).payload
    assert kept["body"]["repository"] == {"full_name": "octo/my_api"}
    assert kept["body"]["hook"] == {"url": "https://example.com/x", "token": "***"}
    assert SECRET not in json.dumps(kept)
    caller.close()


def test_a_stored_delivery_is_decided_again_by_todays_configuration(configuration: Path, ledger: Ledger) -> None:
    caller = Caller(create_app(configuration, ledger=ledger, environ=ENVIRON))
    ignored = caller.push(branch="later").json()["event"]
    configuration.write_text(configuration.read_text().replace("branch: develop", "branch: later"))
    caller.application.live.look()
    desk = caller.application.live.current
    receipt = replay(ledger, desk, ignored[:8], actor="ann")
    assert receipt.decision == "accepted"
    assert statuses(ledger, STAGING) == ["pending"]
    kept = deliveries.find(ledger, receipt.event)
    assert (kept.payload["replay_of"], kept.delivery_id) == (ignored, "")
    assert replay(ledger, desk, receipt.event, actor="ann").decision == "accepted", "as often as somebody wants"
    assert statuses(ledger, STAGING) == ["superseded", "pending"]
    assert {row["action"] for row in audits(ledger)} == {"webhook", "webhook replay"}
    with pytest.raises(UsageError, match="no webhook"):
        replay(ledger, desk, "ffffffff", actor="ann")
    caller.close()


def test_a_desk_knows_the_hook_of_a_stored_delivery(caller: Caller) -> None:
    desk: Desk = caller.application.live.current
    assert desk.named("git.github") is desk.named("github")
    assert desk.named("partner") is not None
    assert desk.named("git.nobody") is None
