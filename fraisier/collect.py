"""Runs of jobs that nobody asked for: their timers did. Pulled from the hosts that they were on, so that history and numbers know them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fraisier import notify
from fraisier.compile import collect_plan
from fraisier.connection import said
from fraisier.estate import located
from fraisier.record import read, write
from fraisier.record.ledger import target_lock
from fraisier.run import Runner
from fraisier.secrets.keyring import Keyring
from fraisier.vocabulary import NAME, EventKind, Kind, Status, Target, Trigger, is_commit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

LOOK_BACK = 200
"""Runs of a job that are searched for the last one of each host."""
ACTOR = "systemd"
CONDITION = "exec-condition"


@dataclass
class Collected:
    """``new``: the runs that were not known before, the oldest first. ``unreachable``: what was said by hosts that could not be asked."""

    new: list[Deployment] = field(default_factory=list)
    unreachable: dict[str, str] = field(default_factory=dict)


def collect(ledger: Ledger, resolved: ResolvedFraise, environ: Mapping[str, str]) -> Collected:
    """Ask every host of the target for the runs that it has had since it was asked last, and write them down, each once."""
    resolved = located(resolved, environ)
    found, heard = Collected(), list[tuple[str, Any]]()
    plan = collect_plan(resolved, _since(ledger, resolved))
    secrets = Keyring(environ).reveal(plan.secrets)
    with Runner(environ, resolved.settings.inventory_environment) as runner:
        for event in runner.run(plan, secrets):
            if event.kind in (EventKind.UNREACHABLE, EventKind.FAILED):
                found.unreachable[event.host] = said(event.message)
            elif event.kind is EventKind.OK and event.own == "runs":
                heard += [(event.host, run) for run in event.result.get("runs") or ()]
        if not heard and not found.unreachable and runner.outcome.status != "successful":
            words = " ".join(runner.outcome.output[-5:]) or f"the run ended with {runner.outcome.status}"
            found.unreachable = dict.fromkeys(plan.hosts, words)
    for host, run in sorted(heard, key=lambda each: float(each[1]["ended"])):
        if row := _record(ledger, resolved, host, run):
            found.new.append(row)
    return found


def _since(ledger: Ledger, resolved: ResolvedFraise) -> dict[str, int]:
    """For each host the second before its last known run ended: several may end in one second."""
    found = {host.name: 0 for host in resolved.settings.hosts}
    for row in _known(ledger, resolved):
        host, at = str(row.details.get("host") or ""), row.completed_at
        if host in found and at:
            found[host] = max(found[host], int(at.timestamp()) - 1)
    return found


def _known(ledger: Ledger, resolved: ResolvedFraise) -> Iterable[Deployment]:
    for job in resolved.settings.jobs_to_run():
        yield from read.last_deployments(ledger, _of(resolved, job), LOOK_BACK)


def _of(resolved: ResolvedFraise, job: str) -> Target:
    return Target(resolved.target.fraise, resolved.target.environment, job)


def _record(ledger: Ledger, resolved: ResolvedFraise, host: str, run: Mapping[str, Any]) -> Deployment | None:
    """The run's row; None when it has one already, or when the host says something that is no run of a job."""
    if not NAME.fullmatch(str(run.get("job"))):
        return None
    target, seconds = _of(resolved, str(run["job"])), max(0.0, float(run["ended"]) - float(run["begun"]))
    status, error = _ended(run)
    log = [str(line) for line in run.get("log") or ()]
    told = {"rc": _status(run), "duration_seconds": round(seconds, 3), "log": log}
    version = str(run.get("version") or "")
    with ledger.transaction() as session:
        target_lock(session, target)
        rows = read.last_deployments(ledger, target, LOOK_BACK)
        if any((row.details.get("host"), row.details.get("invocation")) == (host, run["invocation"]) for row in rows):
            return None
        row_id = write.record_finished(
            ledger,
            target,
            status,
            kind=Kind.JOB,
            trigger=Trigger.SCHEDULED,
            actor=ACTOR,
            new_version=version if is_commit(version) else "",
            release_id=str(run.get("release_id") or ""),
            started_at=datetime.fromtimestamp(float(run["begun"]), UTC),
            duration_seconds=seconds,
            error_message=f"{host}: {error}" if error else None,
            details={"host": host, "invocation": run["invocation"], "runs": {host: told}},
        )
        row = write.known(ledger, row_id)
        notify.ended(ledger, resolved, row)
    return row


def _ended(run: Mapping[str, Any]) -> tuple[Status, str]:
    result = str(run["result"])
    if result == "success":
        return Status.SUCCESS, ""
    if result == CONDITION:
        return Status.CANCELLED, "it did not run: a job that it depends on has not succeeded since its last run"
    why = f"ended with {_status(run)}" if result == "exit-code" else f"ended with {result}"
    last = next((line for line in reversed(list(run.get("log") or ())) if str(line).strip()), "")
    return Status.FAILED, f"the job {run['job']} {why}" + (f"; its last line: {last}" if last else "")


def _status(run: Mapping[str, Any]) -> int | None:
    status = str(run.get("status") or "")
    return int(status) if status.isascii() and status.isdecimal() else None
