"""The words that every layer shares: targets, phases, statuses, events. Data only; imports nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
COLLECTION = "fraisier.deploy"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Phase(StrEnum):
    """Phases of a deployment, in order; the same words in playbooks, events, database, CLI and documentation."""

    PREFLIGHT = "preflight"
    FETCH = "fetch"
    BUILD = "build"
    BACKUP = "backup"
    MIGRATE = "migrate"
    DRAIN = "drain"
    ACTIVATE = "activate"
    RESTART = "restart"
    HEALTH = "health"
    REATTACH = "reattach"
    VERIFY = "verify"
    PRUNE = "prune"


class Status(StrEnum):
    """Status of a deployment. The first two are open, all others final."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        return self not in (Status.PENDING, Status.IN_PROGRESS)

    @property
    def is_good(self) -> bool:
        return self in (Status.SUCCESS, Status.UNCHANGED)


class Kind(StrEnum):
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    JOB = "job"


class Trigger(StrEnum):
    MANUAL = "manual"
    WEBHOOK = "webhook"
    SCHEDULED = "scheduled"
    API = "api"


class FraiseState(StrEnum):
    """What is known of a target's health; ``unknown`` is an answer, not an error."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, order=True)
class Target:
    """Fraise x environment (x job): the one key of locks, rows, URLs and names. ``job`` is '' where there is none."""

    fraise: str
    environment: str
    job: str = ""

    @property
    def slug(self) -> str:
        """``my_api/production`` or ``reports/production/nightly``."""
        return "/".join(part for part in (self.fraise, self.environment, self.job) if part)

    def __str__(self) -> str:
        return self.slug


class EventKind(StrEnum):
    """What an event of a run says."""

    PLAY = "play"
    TASK = "task"
    OK = "ok"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"
    STATS = "stats"
    OUTPUT = "output"


@dataclass(frozen=True)
class Event:
    """One event of an Ansible run, redacted. Times are seconds since the epoch; durations are seconds.

    ``result`` is the task's result (a dict, trimmed), ``stats`` events carry the recap there:
    ``{host: {"ok": 1, "failures": 0, "unreachable": 0, ...}}``. ``output`` events are lines that ansible printed outside of any
    task (parse errors, warnings); the text is in ``message``.
    """

    kind: EventKind
    time: float
    sequence: int = 0
    play: str = ""
    task: str = ""
    role: str = ""
    action: str = ""
    phase: str = ""
    host: str = ""
    item: str = ""
    duration: float | None = None
    changed: bool = False
    ignored: bool = False
    message: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own(self) -> str:
        """Short name of the action, such as ``migrate``, when it is our collection's; '' for anybody else's of whatever name."""
        return self.action.removeprefix(f"{COLLECTION}.") if self.action.startswith(f"{COLLECTION}.") else ""


def is_commit(text: str) -> bool:
    """True when ``text`` is a full git object name (SHA-1 or SHA-256) and nothing else."""
    return COMMIT.fullmatch(text) is not None
