"""Policies on the one path, up to where Ansible would begin: what is refused, noted, held, approved and freed (SQLite)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fraisier import deploy, engine, gate, jobs, policy
from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.engine import due
from fraisier.engine.approving import approve
from fraisier.engine.body import carry_out
from fraisier.engine.runners import Runners
from fraisier.errors import ApprovalNeeded, PolicyRefused, UsageError
from fraisier.plan import Release
from fraisier.record import approvals, read
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Kind, Status, Target, Trigger
from fraisier.work import Asked, Work

TARGET = Target("my_api", "production")
CONFIG = """\
notifications: {{urls: ["json://127.0.0.1:9/"]}}
fraises:
  my_api:
    type: api
    git_repo: {repository}
    connection: local
    service: {{manager: none}}
    health_check: {{command: "true"}}
    environments:
      production:
        app_path: {app}
        {policies}
"""


class Quiet:
    def note(self, text: str) -> None: ...
    def event(self, run: str, event: object) -> None: ...


class Place:
    """A repository, a fraises.yaml and a ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.repository = folder, folder / "repository"
        self.repository.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit = self.push()
        self.ledger = Ledger(f"sqlite:///{folder / 'f.db'}")

    @property
    def environ(self) -> Mapping[str, str]:
        who = {f"GIT_{role}_{what}": "t@e" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "GIT_CONFIG_GLOBAL": "/dev/null", **who}

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.repository, env=dict(self.environ), check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def push(self) -> str:
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")
        return self.git("rev-parse", "HEAD")

    def config(self, policies: str) -> FraisierConfig:
        path = self.folder / "fraises.yaml"
        text = CONFIG.format(repository=self.repository, app=self.folder / "app", policies=policies)
        path.write_text(text)
        return FraisierConfig(path, environ=self.environ)

    def resolved(self, policies: str) -> ResolvedFraise:
        return self.config(policies).get_fraise_environment("my_api", "production")

    def deploy(self, policies: str, **asked: Any) -> None:
        wanted = Asked(**{"actor": "alice", **asked})
        deploy.deploy(self.ledger, self.resolved(policies), wanted, Quiet(), self.environ)

    def carried_out(self, policies: str) -> Deployment:
        """What a worker makes of what waits."""
        row = due.take(self.ledger, TARGET, Owner.here(), due.Limits())
        assert row
        carry_out(self.ledger, self.config(policies), Runners(), row)
        return read.deployment_by_pk(self.ledger, row.pk) or row

    def audit(self, action: str) -> list[dict[str, Any]]:
        sql = "SELECT * FROM tb_audit_log WHERE action = :action ORDER BY pk_audit_log"
        return self.ledger.query(sql, action=action)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.ledger.close()


def freeze(**more: str) -> str:
    begins, ends = (f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%d %H:%M}" for hours in (-2, 2))
    rest = "".join(f", {name}: {value}" for name, value in more.items())
    return f"freeze: [{{begins: '{begins}', ends: '{ends}'{rest}}}]"


def test_who_is_not_allowed_is_refused_before_anything_is_written_but_the_note(place: Place) -> None:
    with pytest.raises(PolicyRefused, match="alice is not among allowed_actors") as caught:
        place.deploy("allowed_actors: [bob]", override="it burns")
    assert caught.value.exit_code == 10
    assert read.history(place.ledger) == []
    (note,) = place.audit("policy")
    assert (note["actor"], note["subject"], note["outcome"]) == ("alice", "my_api/production", "refused")


def test_a_push_of_nobody_who_may_fails_and_says_so(place: Place) -> None:
    policies = "allowed_actors: ['webhook:octocat']"
    engine.enqueue(place.ledger, TARGET, Asked("mallory", Trigger.WEBHOOK))
    row = place.carried_out(policies)
    assert (row.status, row.error_code) == (Status.FAILED, "PolicyRefused")
    assert "mallory (webhook) is not among" in (row.error_message or "")


def test_an_approval_is_asked_of_somebody_else_for_exactly_that_commit(place: Place) -> None:
    policies = "protected: true"
    resolved = place.resolved(policies)
    with pytest.raises(ApprovalNeeded, match="an approval of commit") as caught:
        place.deploy(policies)
    assert caught.value.exit_code == 11
    assert caught.value.hint == f"somebody else types: fraisier approve my_api production {place.commit}"
    with pytest.raises(PolicyRefused, match="alice has asked for it"):
        approve(place.ledger, resolved, None, actor="alice", environ=place.environ)
    given = approve(place.ledger, resolved, None, actor="bob", environ=place.environ)
    again = approve(place.ledger, resolved, place.commit, actor="bob", environ=place.environ)
    assert given.is_new and not again.is_new and again.expires_at == given.expires_at
    with pytest.raises(UsageError, match="no plan, no commit"):
        approve(place.ledger, resolved, "nonsense", actor="bob", environ=place.environ)
    with pytest.raises(UsageError, match="needs no approval"):
        approve(place.ledger, place.resolved(""), "2" * 40, actor="bob", environ=place.environ)
    asked = Asked("alice")
    deploy.admitted(place.ledger, resolved, asked, place.environ)
    with pytest.raises(ApprovalNeeded):
        deploy.admitted(
            place.ledger, place.resolved(f"{policies}\n        environment: {{A: b}}"), asked, place.environ
        )
    place.push()
    with pytest.raises(ApprovalNeeded):
        deploy.admitted(place.ledger, resolved, asked, place.environ)


def test_in_the_background_it_is_held_with_its_commit_until_it_is_approved(place: Place) -> None:
    policies = "approvals: {required: 1, by: [bob]}"
    asked = engine.enqueue(place.ledger, TARGET, Asked("octocat", Trigger.WEBHOOK))
    row = place.carried_out(policies)
    assert (row.id, row.status, row.git_commit, row.owner) == (asked.id, Status.PENDING, place.commit, None)
    assert (
        "an approval of commit" in row.details["waits"]["reason"] and "fraisier approve" in row.details["waits"]["hint"]
    )
    assert due.due(place.ledger, due.Limits()) == []
    told = place.ledger.query("SELECT event, payload FROM tb_notification")
    assert [each["event"] for each in told] == ["waiting"]
    place.push()
    with pytest.raises(PolicyRefused, match="carol may not approve"):
        approve(place.ledger, place.resolved(policies), None, actor="carol", environ=place.environ)
    given = approve(place.ledger, place.resolved(policies), None, actor="bob", environ=place.environ)
    assert given.freed and given.freed.id == asked.id and given.subject.commit == place.commit
    assert [each.target for each in due.due(place.ledger, due.Limits())] == [TARGET]


def test_a_freeze_refuses_by_hand_holds_in_the_background_and_lets_people_go_back(place: Place) -> None:
    with pytest.raises(PolicyRefused, match=r"frozen until .*: stocktaking") as caught:
        place.deploy(freeze(reason="stocktaking"))
    assert caught.value.until and caught.value.hint and "--override" in caught.value.hint
    engine.enqueue(place.ledger, TARGET, Asked("schedule", Trigger.SCHEDULED))
    held = place.carried_out(freeze())
    assert (held.status, held.git_commit) == (Status.PENDING, None), "the newest commit when it ends"
    with pytest.raises(UsageError, match="nothing has been deployed"):
        rollback = Asked("alice")
        deploy.rollback(place.ledger, place.resolved(freeze()), rollback, Quiet(), place.environ)
    resolved = place.resolved(freeze(kinds="[deploy, rollback]"))
    with pytest.raises(PolicyRefused, match="frozen until"):
        policy.ask(place.ledger, resolved, Kind.ROLLBACK, Asked("alice"), ["localhost"])
    policy.ask(place.ledger, place.resolved(freeze()), Kind.ROLLBACK, Asked("alice"), ["localhost"])


def test_a_commit_beside_the_required_branch_is_refused(place: Place) -> None:
    place.git("checkout", "--quiet", "-b", "feature")
    stray = place.push()
    place.git("checkout", "--quiet", "main")
    with pytest.raises(PolicyRefused, match="not part of the branch main"):
        place.deploy("required_branch: main", commit=stray)
    deploy.admitted(
        place.ledger, place.resolved("required_branch: main"), Asked("alice", commit=place.commit), place.environ
    )


def test_consent_uses_an_approval_once_and_an_emergency_is_noted_and_told(place: Place) -> None:
    policies = "approvals: {required: 1}"
    resolved = place.resolved(policies)
    subject = policy.of_commit(resolved, place.commit)
    with pytest.raises(ApprovalNeeded):
        place.deploy(policies)
    approve(place.ledger, resolved, None, actor="bob", environ=place.environ)
    work = begun(place, resolved, Asked("alice"))
    policy.consent(work, subject)
    policy.consent(work, subject)  # it is its own by now
    (used,) = place.audit("approval used")
    assert used["deployment_id"] == work.claim.id
    work.finish(Status.FAILED)
    other = begun(place, resolved, Asked("alice"))
    with pytest.raises(ApprovalNeeded):
        policy.consent(other, subject)
    other.finish(Status.FAILED)
    urgent = begun(place, resolved, Asked("alice", override="it burns"))
    policy.consent(urgent, subject)
    (noted,) = place.audit("policy override")
    assert noted["deployment_id"] == urgent.claim.id and "it burns" in noted["details"]
    events = place.ledger.query("SELECT event FROM tb_notification WHERE fk_deployment = :pk", pk=urgent.claim.pk)
    assert [each["event"] for each in events] == ["override"]
    urgent.finish(Status.FAILED)


def test_the_risk_gate_s_face_asks_for_one_approval_of_exactly_its_subject(place: Place) -> None:
    resolved = place.resolved("")
    work = begun(place, resolved, Asked("alice"))
    with pytest.raises(ApprovalNeeded, match="an approval of migrations 0007 is missing") as caught:
        policy.require(work, "migrations 0007 sha256:1", "migrations 0007")
    assert caught.value.subject == "migrations 0007 sha256:1"
    need = approvals.read_history(place.ledger, datetime.now(UTC) - timedelta(hours=1), TARGET).open_needs()[0]
    assert caught.value.hint == f"somebody else types: fraisier approve my_api production {need.id[:8]}"
    with pytest.raises(PolicyRefused):
        approve(place.ledger, resolved, need.id[:8], actor="alice", environ=place.environ)
    approve(place.ledger, resolved, need.id[:8], actor="bob", environ=place.environ)
    policy.require(work, "migrations 0007 sha256:1", "migrations 0007")
    with pytest.raises(ApprovalNeeded):
        policy.require(work, "migrations 0007 sha256:2", "migrations 0007")
    work.finish(Status.FAILED)


@pytest.mark.parametrize(
    ("asked", "other", "words"),
    [
        (Asked("alice", params={"since": "1"}), Asked("alice", params={"since": "2"}), "a run of my_api since=1"),
        (Asked("alice", restore="20261122T030000Z"), Asked("alice", restore=""), "restoring the newest copy up to"),
    ],
)
def test_an_approval_of_a_job_is_for_its_parameters(place: Place, asked: Asked, other: Asked, words: str) -> None:
    text = CONFIG.replace("type: api", "type: etl").replace("service: {{manager: none}}", "script: x.sh")
    text = "\n".join(line for line in text.splitlines() if "health_check" not in line)
    policies = "approvals: {required: 1, kinds: [job]}"
    path = place.folder / "fraises.yaml"
    path.write_text(text.format(repository=place.repository, app=place.folder / "app", policies=policies))
    resolved = FraisierConfig(path, environ=place.environ).get_fraise_environment("my_api", "production")
    resolved = resolved if asked.restore is not None else jobs.of_job(resolved, None)
    subject = policy.of_job(resolved, asked)
    with pytest.raises(ApprovalNeeded, match=f"an approval of {words}") as caught:
        policy.ask(place.ledger, resolved, Kind.JOB, asked, ["localhost"], subject, place.environ)
    need = approvals.read_history(place.ledger, datetime.now(UTC) - timedelta(hours=1), resolved.target).open_needs()[0]
    job = " --job run" if asked.restore is None else ""
    assert caught.value.hint == f"somebody else types: fraisier approve my_api production {need.id[:8]}{job}"
    approve(place.ledger, resolved, need.id[:8], actor="bob", environ=place.environ)
    policy.ask(place.ledger, resolved, Kind.JOB, asked, ["localhost"], subject, place.environ)
    with pytest.raises(ApprovalNeeded):
        policy.ask(
            place.ledger, resolved, Kind.JOB, other, ["localhost"], policy.of_job(resolved, other), place.environ
        )


def test_an_approval_is_not_spent_by_a_deployment_that_ends_for_want_of_another(place: Place) -> None:
    resolved, subject = (
        place.resolved("protected: true"),
        policy.of_commit(place.resolved("protected: true"), place.commit),
    )
    approve(place.ledger, resolved, place.commit, actor="bob", environ=place.environ)
    for status, error in ((Status.FAILED, ApprovalNeeded("of its migrations")), (Status.FAILED, None)):
        work = begun(place, resolved, Asked("alice"))
        policy.consent(work, subject)
        work.finish(status, error=error)
    with pytest.raises(ApprovalNeeded):
        policy.consent(begun(place, resolved, Asked("alice")), subject)


def test_only_a_risk_that_somebody_has_spoken_of_makes_the_gate_look(place: Place) -> None:
    resolved = place.resolved("database: {tool: alembic}")
    work = begun(place, resolved, Asked("alice"))
    work.old = Release("20000101T000000Z-000000000000-000000", place.commit)
    plan = deploy_plan(resolved, work.old)
    assert gate.decide(work, plan, None) is plan
    assert not gate.is_open(work, plan)
    work.resolved = place.resolved("protected: true\n        database: {tool: alembic}")
    assert gate.is_open(work, plan)
    work.finish(Status.FAILED)


def test_migrations_are_approved_of_one_commit() -> None:
    """Of one that cannot be read nothing but its name is compared: another commit may have changed all of it."""
    graded = [{"name": "0002", "grade": "unknown", "why": "its tool cannot show what it would do"}]
    assert gate.subject("a" * 40, graded) == gate.subject("a" * 40, [dict(each) for each in graded])
    assert gate.subject("a" * 40, graded) != gate.subject("b" * 40, graded)
    assert gate.subject("a" * 40, graded) != gate.subject("a" * 40, [{**graded[0], "grade": "additive"}])


def begun(place: Place, resolved: ResolvedFraise, asked: Asked) -> Work:
    """A deployment that has been claimed and has done nothing yet."""
    from fraisier.record import write
    from fraisier.run import Runner

    row = deploy.request(place.ledger, TARGET, Kind.DEPLOY, asked)
    claim = write.claim(place.ledger, row.id, Owner.here())
    runner = Runner(place.environ)
    return Work(place.ledger, resolved, claim, asked, Quiet(), place.environ, runner, ("localhost",))
