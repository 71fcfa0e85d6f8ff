"""One deployment being carried out: what was asked, what it works with, and writing down how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from fraisier import notify
from fraisier.clock import PhaseClock
from fraisier.errors import (
    ApprovalNeeded,
    DeploymentCancelled,
    DeploymentFailed,
    DeploymentTimeout,
    FraisierError,
    PolicyRefused,
    RollbackFailed,
)
from fraisier.evidence import Evidence, Failure
from fraisier.plan import Release
from fraisier.record import read, write
from fraisier.record.lease import Lease
from fraisier.secrets.keyring import Keyring
from fraisier.variables import repository_of
from fraisier.vocabulary import Event, FraiseState, Kind, Status, Target, Trigger

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.plan import Plan
    from fraisier.record import rows
    from fraisier.record.ledger import Ledger
    from fraisier.run import Runner


DETAILS = ("limit", "to", "plan", "resumes", "debts", "restore", "override")
"""What of a request has no column of its own, beside a job's parameters."""
LOOK_AGAIN = timedelta(minutes=5)
"""So often what waits for a policy is judged anew: the policy may have changed."""


class Listener(Protocol):
    """Somebody who watches a deployment: a terminal, a log, a test."""

    def note(self, text: str) -> None:
        """A sentence about the deployment as a whole."""

    def event(self, run: str, event: Event) -> None:
        """An event of a run; ``run`` is ``deploy`` or, while things are put back, ``compensate``."""


@dataclass(frozen=True)
class Asked:
    """What somebody asked for, and who.

    ``commit`` pins a full hash, ``to`` names a release of a rollback, ``plan`` a kept plan, ``resumes`` the interrupted deployment that is
    continued, ``retries`` the failed one that is tried again, ``debts`` asks for nothing but what is still owed to hosts; ``restore``
    for a copy of the database, the newest up to that moment ('' for the newest of all). ``wait``: stand in line while another holds the
    target. ``params`` are those of a job. ``override``: the reason for which policies are lifted.
    """

    actor: str
    trigger: Trigger = Trigger.MANUAL
    commit: str | None = None
    to: str | None = None
    force: bool = False
    limit: str | None = None
    plan: str | None = None
    resumes: str | None = None
    retries: str | None = None
    debts: bool = False
    restore: str | None = None
    wait: bool = True
    params: Mapping[str, str] = field(default_factory=dict)
    override: str | None = None

    @property
    def details(self) -> dict[str, Any]:
        """What of this has no column of its own."""
        found = {name: getattr(self, name) for name in DETAILS}
        return found | ({"params": dict(self.params)} if self.params else {})

    @classmethod
    def of(cls, row: rows.Deployment) -> Asked:
        """What was asked for when ``row`` was written, for the process that carries it out."""
        details = {
            name: value for name, value in row.details.items() if name in (*DETAILS, "params") and name != "debts"
        }
        debts = bool(row.details.get("debts"))
        return cls(row.actor, row.trigger, commit=row.git_commit, force=row.forced, debts=debts, **details)


@dataclass(frozen=True)
class DeploymentResult:
    """How a deployment ended.

    ``hosts`` maps each host that took part to the release that it has now, as far as it has proven it ('' for nothing deployed).
    ``warnings`` are things that went wrong after the new version had proven itself. ``compensation`` says how going back ended. ``owed``
    maps hosts that could not be brought where they belong to the release that they should have ('' for none): `fraisier resume` settles
    that. ``untouched`` are hosts on which nothing was switched. ``failures`` are the tasks that did not hold, the first one first.
    ``runs``: of a job, what it did on each host: ``rc``, ``duration_seconds``, ``log`` (its last lines).
    ``skipped`` says of an unchanged one which commit was left out, and why: the push had nothing in the target's ``paths``.
    """

    id: str
    target: Target
    kind: Kind
    status: Status
    old_version: str | None = None
    new_version: str | None = None
    release_id: str | None = None
    duration_seconds: float = 0.0
    error: FraisierError | None = None
    compensation: str = ""
    hosts: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    owed: Mapping[str, str] = field(default_factory=dict)
    untouched: Sequence[str] = ()
    failures: Sequence[Failure] = ()
    skipped: Mapping[str, Any] = field(default_factory=dict)
    runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        return self.status.is_good

    @property
    def exit_code(self) -> int:
        """0 when good; 7 when going back failed; else the code of what went wrong."""
        if self.success:
            return 0
        if self.status is Status.ROLLBACK_FAILED:
            return RollbackFailed.exit_code
        return self.error.exit_code if self.error else 1


@dataclass
class Work:
    """One deployment being carried out: what it works with, and what it has learnt so far."""

    ledger: Ledger
    resolved: ResolvedFraise
    claim: rows.Deployment
    asked: Asked
    listener: Listener
    environ: Mapping[str, str]
    runner: Runner
    hosts: tuple[str, ...]
    old: Release | None = None
    new: Release | None = None
    commit: str = ""
    schema_after: str | None = None
    runs: int = 0
    has_run: bool = False
    is_going_back: bool = False
    stopped_by: FraisierError | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: PhaseClock = field(default_factory=PhaseClock)

    def __post_init__(self) -> None:
        self.identity = read.state_id(self.ledger, self.target)
        self.keyring = Keyring(self.environ)
        self.lease = Lease(
            self.ledger, self.claim, on_beat=self.on_beat, on_cancel=self.on_cancel, on_lost=self.runner.cancel
        )

    @property
    def target(self) -> Target:
        return self.resolved.target

    @property
    def fence(self) -> str:
        """What hosts compare (lib.sh): whose numbers these are, the number of this claim, and of this run in it."""
        return f"{self.identity} {self.claim.fencing} {self.runs}"

    def stop(self, error: FraisierError) -> None:
        """End what runs now and go back; ``error`` says why. Going back itself is not stopped by that."""
        if self.stopped_by is None and not self.is_going_back:
            self.stopped_by = error
            self.runner.cancel()

    def on_beat(self) -> None:
        """The lease is still ours: the run may go on, unless a phase takes too long."""
        self.runner.feed()
        if late := self.clock.late():
            self.stop(DeploymentTimeout(late))

    def on_cancel(self) -> None:
        self.stop(DeploymentCancelled("somebody cancelled it (fraisier cancel)"))

    def finish(self, status: Status, *, error: FraisierError | None = None, **more: Any) -> DeploymentResult:
        """Write the final status; a controller that lost its claim meanwhile changes nothing."""
        result = DeploymentResult(
            id=self.claim.id,
            target=self.target,
            kind=self.claim.kind,
            status=status,
            old_version=self.old.version if self.old else None,
            new_version=self.new.version if self.new else None,
            release_id=self.new.release_id if self.new else None,
            duration_seconds=(datetime.now(UTC) - self.started).total_seconds(),
            error=error,
            **more,
        )
        facts = {"old_version": result.old_version, "new_version": result.new_version, "release_id": result.release_id}
        details = {
            "compensation": result.compensation,
            "hosts": dict(result.hosts),
            "warnings": list(result.warnings),
            "owed": dict(result.owed),
            **({"paths": dict(result.skipped)} if result.skipped else {}),
            **({"runs": {name: dict(run) for name, run in result.runs.items()}} if result.runs else {}),
        }
        with self.ledger.transaction():
            if write.finish(
                self.ledger,
                self.claim,
                status,
                error=error,
                schema_after=self.schema_after,
                details={**self.claim.details, **details},
                **{name: value for name, value in facts.items() if value},
            ):
                notify.ended(self.ledger, self.resolved, self.claim)
        return result

    def give_up(self, status: Status, error: FraisierError) -> DeploymentResult:
        """End without an answer from the hosts: ``status`` before anything was run, ``interrupted`` once it is not known what they have."""
        if not self.has_run:
            return self.finish(status, error=error)
        self.set_state(FraiseState.UNKNOWN, None)
        return self.finish(Status.INTERRUPTED, error=error, compensation="what the hosts have now is not known")

    def wait(self, error: PolicyRefused) -> DeploymentResult:
        """Stand in line again until what a policy asks for has come; where a newer request waits by now, that takes this one's place."""
        now = datetime.now(UTC)
        again_at = min(error.until or now + LOOK_AGAIN, now + LOOK_AGAIN)
        waits = {
            "reason": error.message,
            "hint": error.hint or "",
            "until": error.until,
            "subject": error.subject if isinstance(error, ApprovalNeeded) else "",
            "again_at": again_at,
        }
        commit = self.commit or self.claim.git_commit
        with self.ledger.transaction():
            is_waiting = write.put_back(self.ledger, self.claim, waits=waits, git_commit=commit)
            if is_waiting:
                notify.waits(self.ledger, self.resolved, self.claim)
        status = Status.PENDING if is_waiting else Status.SUPERSEDED
        return DeploymentResult(self.claim.id, self.target, self.claim.kind, status, error=error)

    def set_plan(self, plan: Plan, *, git_branch: str = "") -> None:
        """Write down what is about to be run, before it runs."""
        facts = {
            "old_version": self.old.version if self.old else "",
            "old_release_id": self.old.release_id if self.old else "",
            "new_version": self.new.version if self.new else "",
            "release_id": self.new.release_id if self.new else "",
        }
        repo, _ = repository_of(self.resolved)
        hashes = {"plan_hash": plan.hash, "config_hash": plan.config_hash}
        with self.ledger.transaction():
            if not write.set_plan(
                self.ledger, self.claim, plan=plan.snapshot(), git_repo=repo, git_branch=git_branch, **facts, **hashes
            ):
                raise DeploymentFailed("another process has taken this deployment over", hint="see: fraisier history")
            notify.began(self.ledger, self.resolved, self.claim)

    def set_state(self, state: FraiseState, release: Release | None) -> None:
        """What is known of the target as a whole, for `status`."""
        write.set_fraise_state(
            self.ledger,
            self.target,
            status=state,
            version=release.version if release else None,
            release_id=release.release_id if release else None,
            deployed_by=self.claim.actor,
            deployed_at=datetime.now(UTC),
        )


def record_schema_before(work: Work, evidence: Evidence) -> None:
    if evidence.migration.before is not None:
        write.set_plan(work.ledger, work.claim, schema_before=evidence.migration.before)


def record_hosts(work: Work, evidence: Evidence, places: Mapping[str, Release | None]) -> None:
    """Write down what each host has proven to have; one that does not answer any more owes its place."""
    for name, place in places.items():
        seen = evidence.hosts[name]
        release_id = place.release_id if place else ""
        state = "active" if evidence.proves(name, release_id) else "unknown"
        if state == "unknown" and (evidence.is_unreachable(name) or name in evidence.tolerated):
            state = "debt"
        write.record_host_release(
            work.ledger,
            work.target,
            name,
            state=state,
            release_id=release_id,
            version=place.version if place else "",
            previous_release_id=seen.previous_release_id,
            evidence=str(seen.health.get("evidence") or ""),
            activated_at=seen.activated_at,
            deployment=work.claim,
        )


def known_hosts(ledger: Ledger, target: Target) -> dict[str, rows.HostRelease]:
    return {row.host: row for row in read.host_releases(ledger, target)}


def current_release(ledger: Ledger, target: Target) -> Release | None:
    """What the ledger believes to run: the release of the last deployment that held."""
    found = read.current_release(ledger, target)
    return release_of(found) if found else None


def release_of(row: rows.Release) -> Release:
    return Release(row.release_id, row.version, row.schema_after or None)


def ended(status: Status, error: FraisierError) -> Status:
    """How it ended: cancelled where ``error`` is somebody's wish, ``status`` otherwise."""
    return Status.CANCELLED if isinstance(error, DeploymentCancelled) else status
