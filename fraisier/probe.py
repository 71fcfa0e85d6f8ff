"""What is true on the hosts now, asked of the hosts themselves, and where that differs from the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fraisier.compile import status_plan
from fraisier.connection import advice, said
from fraisier.errors import FraisierError
from fraisier.estate import located
from fraisier.evidence import Evidence, Failure, HostEvidence
from fraisier.plan import Plan, Release
from fraisier.record import read
from fraisier.run import Runner
from fraisier.secrets.keyring import Keyring
from fraisier.vocabulary import Target

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import HostRelease

AT_ONCE = 4
"""Targets; the hosts of each are asked all at once."""


@dataclass(frozen=True)
class HostTruth:
    """One host as it answered.

    ``release_id``/``version``: where ``current`` points ('' for nowhere) and what REVISION says there; ``manifest``: what the release says
    of itself; ``service``: running, stopped, unknown or '' where nobody manages one; ``runs_release_id``: the release that its process was
    started in ('' where that cannot be seen); ``answers_as``: the version that the health check was told ('' if it is not asked);
    ``drift``: sentences on what differs from the ledger, and within the host; ``message``: what went wrong while asking.
    """

    host: str
    reachable: bool
    release_id: str = ""
    version: str = ""
    service: str = ""
    pid: int | None = None
    started_at: float | None = None
    healthy: bool | None = None
    answers_as: str = ""
    drift: tuple[str, ...] = ()
    message: str = ""
    runs_release_id: str = ""
    manifest: Mapping[str, str] = field(default_factory=dict)


def probe(ledger: Ledger, resolved: ResolvedFraise, environ: Mapping[str, str]) -> list[HostTruth]:
    """Ask every host of the target at once; nothing is changed and nothing recorded. Unreachable hosts are part of the answer."""
    resolved = located(resolved, environ)
    current = read.current_release(ledger, resolved.target)
    plan = status_plan(resolved, Release(current.release_id, current.version) if current else None)
    evidence = Evidence(plan.hosts)
    is_managed = plan.variables.get("fraisier_service_manager") != "none"
    secrets = Keyring(environ).reveal(plan.secrets)
    with Runner(environ, resolved.settings.inventory_environment) as runner:
        for event in runner.run(plan, secrets):
            evidence.see(event)
        outcome = runner.outcome
    known = {row.host: row for row in read.host_releases(ledger, resolved.target)}
    words = {failure.host: _words(failure, plan) for failure in evidence.failures}
    if not evidence.saw_stats and not words:
        words = dict.fromkeys(evidence.hosts, " ".join(outcome.output[-5:]) or f"the probe ended with {outcome.status}")
    unreachable = {failure.host for failure in evidence.failures if failure.unreachable}
    found = [
        _truth(
            name, seen, known.get(name), words.get(name, ""), reachable=name not in unreachable and bool(seen.phases)
        )
        for name, seen in evidence.hosts.items()
    ]
    return found if is_managed else [replace(truth, service="") for truth in found]


def _words(failure: Failure, plan: Plan) -> str:
    hint = advice(failure.message, plan.hosts.get(failure.host, {}), failure.host)
    return f"{said(failure.message).rstrip('.')}; {hint}" if hint else said(failure.message)


def probe_all(
    ledger: Ledger, targets: Sequence[ResolvedFraise], environ: Mapping[str, str]
) -> dict[Target, list[HostTruth] | FraisierError]:
    """Ask the hosts of several targets at once; what cannot be asked is its error."""

    def ask(resolved: ResolvedFraise) -> list[HostTruth] | FraisierError:
        try:
            return probe(ledger, resolved, environ)
        except FraisierError as error:
            return error

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip([one.target for one in targets], pool.map(ask, targets), strict=True))


def _truth(name: str, seen: HostEvidence, known: HostRelease | None, message: str, *, reachable: bool) -> HostTruth:
    if not reachable:
        return HostTruth(name, reachable=False, message=message or "did not answer")
    service, health, look = seen.service, seen.health, seen.preflight
    truth = HostTruth(
        host=name,
        reachable=True,
        release_id=seen.found_release_id,
        version=seen.found_version,
        service=str(service.get("state") or ""),
        pid=service.get("pid") or None,
        started_at=service.get("started_at") or None,
        healthy=bool(health["healthy"]) if "healthy" in health else None,
        answers_as=str(health.get("version") or ""),
        message=message or ("" if health.get("healthy") else str(health.get("msg") or "")),
        runs_release_id=str(service.get("release_id") or ""),
        manifest=look.get("manifest") or {},
    )
    return replace(truth, drift=(*_drift(truth, known), *_contradictions(truth)))


def _drift(truth: HostTruth, known: HostRelease | None) -> list[str]:
    found = []
    if known is None:
        if truth.release_id:
            found.append(f"has release {truth.release_id}, and the ledger knows of none")
        return found
    if known.state == "debt":  # told as one, with what it owes
        return []
    if known.state != "active":
        found.append("the ledger does not know what this host has")
    elif known.release_id != truth.release_id:
        found.append(f"the ledger says {known.release_id or 'nothing'}, the host has {truth.release_id or 'nothing'}")
    elif truth.version != known.version:
        found.append(f"REVISION says {truth.version[:10] or 'nothing'}, the ledger {known.version[:10]}")
    if truth.answers_as and known.version and not known.version.startswith(truth.answers_as.lower()):
        found.append(f"answers as {truth.answers_as[:10]}, the ledger says {known.version[:10]}")
    return found


def _contradictions(truth: HostTruth) -> list[str]:
    """Where the host does not agree with itself."""
    found = []
    if truth.runs_release_id and truth.runs_release_id != truth.release_id:
        place = truth.release_id or "nothing"
        found.append(f"its process was started in {truth.runs_release_id}, and current is {place}: it needs a restart")
    if not truth.release_id:
        return found
    if not truth.manifest:
        return [*found, f"release {truth.release_id} has no manifest (.fraisier.json): it is not as it was fetched"]
    for name, word in (("release_id", truth.release_id), ("version", truth.version)):
        if truth.manifest.get(name) != word:
            found.append(f"its manifest says {name} {truth.manifest.get(name)}, and it is {word or 'nothing'}")
    return found
