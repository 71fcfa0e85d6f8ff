"""One deployment being carried out: what was asked, what it works with, running a plan, and writing down how it ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from fraisier.errors import DeploymentFailed, FraisierError, RollbackFailed, TargetLocked
from fraisier.evidence import Evidence
from fraisier.record import read, write
from fraisier.record.recorder import Recorder
from fraisier.variables import settings_of
from fraisier.vocabulary import Event, FraiseState, Kind, Status, Target, Trigger

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.plan import Plan, Release
    from fraisier.record import rows
    from fraisier.record.ledger import Ledger
    from fraisier.run import Options, Runner


class Listener(Protocol):
    """Somebody who watches a deployment: a terminal, a log, a test."""

    def note(self, text: str) -> None:
        """A sentence about the deployment as a whole."""

    def event(self, run: str, event: Event) -> None:
        """An event of a run; ``run`` is ``deploy`` or, while things are put back, ``compensate``."""


@dataclass(frozen=True)
class Asked:
    """What somebody asked for, and who. ``commit`` pins a full hash, ``to`` names a release of a rollback."""

    actor: str
    trigger: Trigger = Trigger.MANUAL
    commit: str | None = None
    to: str | None = None
    force: bool = False
    limit: str | None = None


@dataclass(frozen=True)
class DeploymentResult:
    """How a deployment ended.

    ``hosts`` maps each host that took part to the release that it has now, as far as it has proven it ('' for nothing deployed).
    ``warnings`` are things that went wrong after the new version had proven itself. ``compensation`` says how going back ended.
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
    schema_after: str | None = None
    has_run: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def target(self) -> Target:
        return self.resolved.target

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
        details = {"compensation": result.compensation, "hosts": dict(result.hosts), "warnings": list(result.warnings)}
        write.finish(
            self.ledger,
            self.claim,
            status,
            error=error,
            schema_after=self.schema_after,
            details={**self.claim.details, **details},
            **{name: value for name, value in facts.items() if value},
        )
        return result

    def give_up(self, status: Status, error: FraisierError) -> DeploymentResult:
        """End without an answer from the hosts: ``status`` before anything was run, ``interrupted`` once it is not known what they have."""
        if not self.has_run:
            return self.finish(status, error=error)
        self.set_state(FraiseState.UNKNOWN, None)
        return self.finish(Status.INTERRUPTED, error=error, compensation="what the hosts have now is not known")

    def set_plan(self, plan: Plan, *, git_branch: str = "") -> None:
        """Write down what is about to be run, before it runs."""
        facts = {
            "old_version": self.old.version if self.old else "",
            "old_release_id": self.old.release_id if self.old else "",
            "new_version": self.new.version if self.new else "",
            "release_id": self.new.release_id if self.new else "",
        }
        repo = settings_of(self.resolved).git_repo or ""
        hashes = {"plan_hash": plan.hash, "config_hash": plan.config_hash}
        if not write.set_plan(
            self.ledger, self.claim, plan=plan.snapshot(), git_repo=repo, git_branch=git_branch, **facts, **hashes
        ):
            raise DeploymentFailed("another process has taken this deployment over", hint="see: fraisier history")

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


def run_plan(
    work: Work, plan: Plan, run: str, expect: Mapping[str, str], options: Options | None = None
) -> tuple[Evidence, FraisierError | None]:
    """Run a plan to its end, recording each event; Ctrl-C asks the run to stop and still waits for its end."""
    evidence = Evidence(plan.hosts)
    secrets = {name: secret.reveal(work.environ) for name, secret in plan.secrets.items()}
    work.has_run = True
    with Recorder(work.ledger, work.claim, run) as recorder, _interrupting(work.runner):
        for event in work.runner.run(plan, secrets, options):
            evidence.see(event)
            recorder.put(event)
            if not recorder.is_owner:
                work.runner.cancel()
            work.listener.event(run, event)
    if not recorder.is_owner:  # whoever holds the target now also settles it
        raise TargetLocked("another process has taken this deployment over; nothing more is done here")
    return evidence, evidence.judge(plan, work.runner.outcome, expect_release=expect)


class _interrupting:  # noqa: N801  # reads as a verb at its one use
    """While a plan runs, Ctrl-C cancels the run instead of tearing us out of the middle of the record."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._asked = threading.Event()

    def __enter__(self) -> None:
        self._before = None
        if threading.current_thread() is threading.main_thread():
            self._before = {
                number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
            }

    def _on_signal(self, *_: object) -> None:
        if self._asked.is_set():
            raise KeyboardInterrupt
        self._asked.set()
        self._runner.cancel()

    def __exit__(self, *_: object) -> None:
        for number, handler in (self._before or {}).items():
            signal.signal(number, handler)


def record_schema_before(work: Work, evidence: Evidence) -> None:
    if evidence.migration.before is not None:
        write.set_plan(work.ledger, work.claim, schema_before=evidence.migration.before)


def record_hosts(work: Work, evidence: Evidence, places: Mapping[str, Release | None]) -> None:
    for name, place in places.items():
        seen = evidence.hosts[name]
        proven = evidence.proves(name, place.release_id if place else "")
        write.record_host_release(
            work.ledger,
            work.target,
            name,
            state="active" if proven else "unknown",
            release_id=place.release_id if place else "",
            version=place.version if place else "",
            previous_release_id=seen.previous_release_id,
            evidence=str(seen.health.get("evidence") or ""),
            activated_at=seen.activated_at,
            deployment=work.claim,
        )


def known_hosts(ledger: Ledger, target: Target) -> dict[str, rows.HostRelease]:
    return {row.host: row for row in read.host_releases(ledger, target)}
