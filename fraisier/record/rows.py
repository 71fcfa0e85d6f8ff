"""What the ledger hands out: frozen, plain, times aware and in UTC, '' where a text is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fraisier.record.owner import Owner
from fraisier.vocabulary import EventKind, FraiseState, Kind, Status, Target, Trigger


class Comparable:
    """What a dataclass would otherwise write anew for every class: half of the time that this module takes to import."""

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


@dataclass(frozen=True, eq=False, repr=False)
class Deployment(Comparable):
    """One run of a target. ``pk`` stays inside; ``id`` is the UUID that people and APIs see."""

    pk: int
    id: str
    target: Target
    kind: Kind
    status: Status
    trigger: Trigger
    actor: str
    priority: int
    requested_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None
    old_version: str
    new_version: str
    old_release_id: str
    release_id: str
    git_repo: str
    git_branch: str
    git_commit: str | None
    plan_hash: str
    config_hash: str
    plan: Mapping[str, Any] | None
    schema_before: str
    schema_after: str
    error_code: str | None
    error_message: str | None
    details: Mapping[str, Any]
    owner: Owner | None
    heartbeat_at: datetime | None
    fencing: int
    cancel_requested: bool
    fk_retry_of: int | None
    fk_superseded_by: int | None
    forced: bool
    background: bool


@dataclass(frozen=True, eq=False, repr=False)
class DeploymentSummary(Comparable):
    """A line of the history: what ``v_deployment_history`` says, without plan and owner."""

    id: str
    target: Target
    kind: Kind
    status: Status
    trigger: Trigger
    actor: str
    requested_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None
    old_version: str
    new_version: str
    version_change: str
    release_id: str
    git_branch: str
    git_commit: str | None
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, eq=False, repr=False)
class Release(Comparable):
    """A release that a successful deployment or rollback left serving."""

    release_id: str
    version: str
    schema_after: str
    pk: int
    fencing: int
    deployment_id: str
    completed_at: datetime | None


@dataclass(frozen=True, eq=False, repr=False)
class RecordedEvent(Comparable):
    """One event of a run as it was stored; ``sequence`` counts over all runs of the deployment, from 1."""

    sequence: int
    run: str
    created_at: datetime
    event: EventKind
    phase: str
    play: str
    task: str
    role: str
    action: str
    host: str
    item: str
    status: str
    duration_seconds: float | None
    changed: bool
    message: str
    stdout: str
    stderr: str
    data: Mapping[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class HostRelease(Comparable):
    """What is known to be active on a host; ``state`` is active, unknown, failed or debt."""

    target: Target
    host: str
    release_id: str
    version: str
    previous_release_id: str
    state: str
    evidence: str
    activated_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, eq=False, repr=False)
class FraiseStatus(Comparable):
    """A target now: what serves, how it is, and its newest deployment."""

    id: str
    target: Target
    status: FraiseState
    current_version: str
    release_id: str
    last_deployed_at: datetime | None
    last_deployed_by: str
    last_deploy_duration: float | None
    last_deployment_id: str | None
    last_deployment_status: Status | None
    hosts: int
    hosts_active: int


@dataclass(frozen=True, eq=False, repr=False)
class Stats(Comparable):
    """Counts of deployments. ``success_rate`` is 0 to 1 over those that ended in success or failure, None without any."""

    total: int = 0
    successful: int = 0
    unchanged: int = 0
    failed: int = 0
    rolled_back: int = 0
    avg_duration: float | None = None
    success_rate: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class PhaseTiming(Comparable):
    """Time spent in a phase of one run of a deployment, in seconds, over all its batches of hosts."""

    deployment_id: str
    run: str
    phase: str
    started_at: datetime
    completed_at: datetime
    duration_seconds: float
    hosts: int
    tasks: int
    failed: int


@dataclass(frozen=True, eq=False, repr=False)
class StoredPlan(Comparable):
    """What a deployment would do, as it was found. ``pinned``: a commit was asked for, so that the branch may move on.

    ``plan`` is the snapshot of the compiled plan, ``findings`` what the hosts said; ``deployment_id`` is the deployment that did it.
    """

    pk: int
    id: str
    identifier: str
    target: Target
    actor: str
    created_at: datetime
    expires_at: datetime
    git_branch: str
    git_commit: str
    pinned: bool
    forced: bool
    host_limit: str
    old_version: str
    old_release_id: str
    release_id: str
    config_hash: str
    plan_hash: str
    hash: str
    plan: Mapping[str, Any]
    findings: Mapping[str, Any]
    deployment_id: str | None


@dataclass(frozen=True, eq=False, repr=False)
class Notification(Comparable):
    """A message to one place that was claimed to be sent: ``attempts`` counts this one. ``payload`` has what it is made of."""

    pk: int
    channel: str
    event: str
    subject: str
    attempts: int
    created_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class UnsentNotification(Comparable):
    """A message that waits (``pending``) or was given up (``failed``), and why it did not arrive."""

    channel: str
    event: str
    target: str
    status: str
    attempts: int
    error: str
    created_at: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True, eq=False, repr=False)
class WebhookEvent(Comparable):
    """One received webhook. ``is_duplicate``: the same delivery or body was accepted before; this is that one."""

    pk: int
    id: str
    hook: str
    provider: str
    delivery_id: str
    event_type: str
    repository: str
    branch: str
    commit_sha: str
    sender: str
    received_at: datetime
    processed: bool
    decision: str
    reason: str
    deployment_id: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    is_duplicate: bool = False
