"""What the events of a run prove, host by host. Success is what is shown here, never what an exit code suggests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fraisier.connection import advice
from fraisier.errors import (
    DeploymentCancelled,
    DeploymentFailed,
    DeploymentTimeout,
    FraisierError,
    HealthCheckFailed,
    TargetUnreachable,
)
from fraisier.plan import Plan
from fraisier.replacement import Replacement
from fraisier.run import Outcome
from fraisier.vocabulary import Event, EventKind, Phase

BAD_ENDS: Mapping[str, str] = {
    "canceled": "the run was cancelled",
    "timeout": "the run took longer than timeout_seconds allows and was ended",
    "died": "the process that ran Ansible was killed",
    "starved": "the database could not be reached for too long, so the run was ended before somebody else may start one",
    "error": "Ansible could not be run",
}


@dataclass(frozen=True)
class Failure:
    """One task that did not hold: where, and everything that helps to mend it."""

    host: str
    phase: str
    task: str
    message: str
    stdout: str = ""
    stderr: str = ""
    log: tuple[str, ...] = ()
    unreachable: bool = False

    def __str__(self) -> str:
        where = f"{self.host}: {self.phase or self.task}"
        return f"{where}: {self.message}" if self.message else where


@dataclass
class HostEvidence:
    """What one host has shown: phases that began and how each stands, and the results that count as proof."""

    phases: dict[str, str] = field(default_factory=dict)
    release_id: str | None = None
    previous_release_id: str = ""
    activated_at: float | None = None
    found_release_id: str = ""
    found_version: str = ""
    preflight: Mapping[str, Any] = field(default_factory=dict)
    service: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)
    restored: Mapping[str, Any] = field(default_factory=dict)
    last_task: str = ""
    is_waiting: bool = False
    """A task was begun here and has not been answered: what it does may still go on."""
    is_stopped: bool = False

    @property
    def may_have_moved(self) -> bool:
        """The activation was begun: proven done, failed half way, or cut off with no answer."""
        return Phase.ACTIVATE in self.phases


@dataclass
class Migration:
    """What is known of the schema: revision before and after; ``settled`` is False while a run was cut off in between."""

    before: str | None = None
    after: str | None = None
    began: bool = False
    settled: bool = False
    applied: tuple[str, ...] = ()
    rolled_back: tuple[str, ...] = ()
    changed: bool = False
    earlier: Migration | None = None

    def recall(self) -> None:
        """What was seen so far belongs to an earlier, cut off run of the same release: it happened, and this one does not begin anew."""
        self.earlier = replace(self) if self.began else None

    @property
    def moved(self) -> bool:
        if self.earlier and self.earlier.moved:
            return True
        if not self.began or not self.settled:
            return self.began
        return self.before != self.after or self.changed or bool(self.applied or self.rolled_back)


class Evidence:
    """Sees every event of a run, and then answers for each host of the plan."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = {name: HostEvidence() for name in hosts}
        self.failures: list[Failure] = []
        self.migration = Migration()
        self.replacement = Replacement()
        self.moved: list[str] = []
        self.output: list[str] = []
        self.saw_stats = False
        self.failed_before = 0
        self.tolerated: set[str] = set()
        """Hosts that have failed, and may: nothing is asked of them any more."""

    def begin_run(self, hosts: Iterable[str]) -> None:
        """One more run of the same deployment: what the ones before have shown stays."""
        self.saw_stats, self.output = False, []
        self.failed_before = len(self.failures)
        for name in hosts:
            self.hosts.setdefault(name, HostEvidence())

    @property
    def rollout_began(self) -> bool:
        """Some host has come as far as the phases that are done batch after batch; what failed before concerns all."""
        return any(phase in host.phases for host in self.hosts.values() for phase in (Phase.DRAIN, Phase.ACTIVATE))

    @property
    def drained(self) -> list[str]:
        """Hosts that have, or may have, left their load balancer."""
        return [name for name, host in self.hosts.items() if Phase.DRAIN in host.phases]

    @property
    def unanswered(self) -> list[str]:
        """Hosts on which a command may still be going on."""
        return [name for name, host in self.hosts.items() if host.is_waiting]

    def see(self, event: Event) -> None:
        if event.kind is EventKind.STATS:
            self.saw_stats = True
        elif event.kind is EventKind.OUTPUT:
            self.output.append(event.message)
        elif event.host in self.hosts and event.kind is not EventKind.PLAY:
            self._see_host(self.hosts[event.host], event)

    def _see_host(self, host: HostEvidence, event: Event) -> None:
        if event.kind is EventKind.TASK:
            host.is_waiting, host.last_task = True, event.phase or event.task
        # cut off: what it was doing may go on; but preflight has started nothing
        elif (event.kind is not EventKind.UNREACHABLE or event.phase == Phase.PREFLIGHT) and not event.item:
            host.is_waiting = False
        if event.phase and event.kind is not EventKind.SKIPPED:
            state = "began" if event.kind is EventKind.TASK else event.kind.value
            if state != "began" or event.phase not in host.phases:
                host.phases[event.phase] = state
        if event.phase == Phase.ACTIVATE and event.host not in self.moved and event.kind is not EventKind.SKIPPED:
            self.moved.append(event.host)
        if event.own == "replace" and event.phase in (Phase.MIGRATE, Phase.PRUNE):
            see = self.replacement.see if event.phase == Phase.MIGRATE else self.replacement.see_settled
            see(event)
        elif event.phase == Phase.MIGRATE:
            self._see_migration(event)
        if event.kind is EventKind.UNREACHABLE or (
            event.kind is EventKind.FAILED and not event.ignored and not event.item
        ):
            self.failures.append(_failure(event))
        if event.kind in (EventKind.OK, EventKind.FAILED):
            _see_result(host, event)

    def _see_migration(self, event: Event) -> None:
        if event.own != "migrate":
            return
        migration, result = self.migration, event.result
        if event.kind is EventKind.TASK:
            migration.began, migration.settled = True, False
        elif event.kind is EventKind.SKIPPED:
            migration.began = False
        elif "before" in result:
            migration.settled = event.kind is EventKind.OK or result.get("after") is not None
            migration.after = result.get("after")
            migration.before = result["before"]
            if migration.earlier and migration.earlier.before is not None:
                migration.before = migration.earlier.before
            migration.changed = event.changed
            migration.applied = tuple(map(str, result.get("applied") or ()))
            migration.rolled_back = tuple(map(str, result.get("rolled_back") or ()))

    def judge(self, plan: Plan, outcome: Outcome, *, expect_release: Mapping[str, str]) -> FraisierError | None:
        """None when every host has proven what was asked; otherwise the error to record. ``expect_release`` maps host -> release id
        ('' for "nothing deployed")."""
        if outcome.status in BAD_ENDS:
            return self._bad_end(outcome)
        if blocking := [failure for failure in self.failures if self._counts(failure)]:
            return _failed(blocking, plan)
        if not self.failures[self.failed_before :] and (
            outcome.status != "successful" or outcome.rc != 0 or not self.saw_stats
        ):
            words = " ".join((self.output + outcome.output)[-8:]).strip() or f"ansible-playbook ended with {outcome.rc}"
            return DeploymentFailed(f"Ansible stopped before the work was done: {words}")
        return self._unproven(plan, expect_release)

    def _counts(self, failure: Failure) -> bool:
        return failure.phase != Phase.PRUNE and failure.host not in self.tolerated

    def _bad_end(self, outcome: Outcome) -> FraisierError:
        words = BAD_ENDS[outcome.status]
        if outcome.status == "canceled":
            return DeploymentCancelled(words)
        if outcome.status == "timeout":
            return DeploymentTimeout(words)
        return DeploymentFailed(": ".join([words, *outcome.output[-3:]]))

    def _unproven(self, plan: Plan, expect_release: Mapping[str, str]) -> FraisierError | None:
        if not plan.hosts:
            return DeploymentFailed("no host matched: nothing was done")
        for name, release_id in expect_release.items():
            if name not in self.tolerated and not self.proves(name, release_id):
                is_active = self.hosts[name].release_id == release_id
                return (HealthCheckFailed if is_active else DeploymentFailed)(f"{name}: {self.truth(name)}")
        return None

    def proves(self, name: str, release_id: str) -> bool:
        """Whether ``name`` has shown that ``release_id`` is active and answers; '' asks for "nothing is deployed"."""
        host = self.hosts[name]
        failed = any(failure.host == name and failure.phase != Phase.PRUNE for failure in self.failures)
        answers = host.health.get("healthy") is True and host.health.get("evidence") != "none"
        return host.release_id == release_id and not failed and (not release_id or answers)

    def is_unreachable(self, name: str) -> bool:
        """Whether ``name`` did not answer any more."""
        return any(failure.host == name and failure.unreachable for failure in self.failures)

    def truth(self, name: str) -> str:
        """One sentence on what is known of ``name`` after the run."""
        host = self.hosts[name]
        wrong = next((failure for failure in self.failures if failure.host == name), None)
        if not host.phases:
            return "took no part in the run"
        where = f"release {host.release_id} is active" if host.release_id else "did not report a release as active"
        if wrong:
            return f"{where}; {wrong.phase or wrong.task}: {wrong.message}"
        return f"{where}, and gave no proof that it answers"


def _failed(failures: list[Failure], plan: Plan) -> FraisierError:
    first = next((failure for failure in failures if not failure.unreachable), failures[0])
    more = len({failure.host for failure in failures}) - 1
    text = str(first) + (f" (and {more} more host{'s' if more > 1 else ''})" if more else "")
    if first.unreachable:
        return TargetUnreachable(text, hint=advice(first.message, plan.hosts.get(first.host, {}), first.host))
    if first.phase in (Phase.HEALTH, Phase.VERIFY):
        return HealthCheckFailed(text)
    return DeploymentFailed(text)


def _failure(event: Event) -> Failure:
    result = event.result
    return Failure(
        host=event.host,
        phase=event.phase,
        task=event.task,
        message=event.message,
        stdout=str(result.get("stdout") or ""),
        stderr=str(result.get("stderr") or ""),
        log=tuple(map(str, result.get("log") or ())),
        unreachable=event.kind is EventKind.UNREACHABLE,
    )


def _see_result(host: HostEvidence, event: Event) -> None:
    result = event.result
    match event.own:
        case "preflight":
            _see_found(host, result)
        case "activate" if event.kind is EventKind.OK:
            _see_activated(host, result)
        case "stop" if event.kind is EventKind.OK:
            host.is_stopped = True
        case "service" | "job" | "health" as action:
            setattr(host, action, result)
        case "docker_compose" if "state" in result:
            host.service = result
        case "restore" if event.kind is EventKind.OK and result.get("restored") is True:
            host.restored = result
        case _:
            _see_proof(host, event, result)


def _see_proof(host: HostEvidence, event: Event, result: Mapping[str, Any]) -> None:
    """What types of other packages show: by the words of the result, whatever the task is called."""
    if event.phase == Phase.ACTIVATE and event.kind is EventKind.OK and "release_id" in result:
        _see_activated(host, result)
    elif event.phase == Phase.PREFLIGHT and "current_release_id" in result:
        _see_found(host, result)
    elif event.phase in (Phase.HEALTH, Phase.VERIFY) and "healthy" in result:
        host.health = result
    elif event.kind is EventKind.OK and result.get("ended") is True:
        host.is_stopped = True


def _see_found(host: HostEvidence, result: Mapping[str, Any]) -> None:
    host.preflight = result
    host.found_release_id = str(result.get("current_release_id") or "")
    host.found_version = str(result.get("current_version") or "")
    host.service = result.get("service") or {}


def _see_activated(host: HostEvidence, result: Mapping[str, Any]) -> None:
    host.release_id = str(result.get("release_id") or "")
    host.previous_release_id = str(result.get("previous_release_id") or "")
    host.activated_at = result.get("activated_at")
