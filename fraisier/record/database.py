"""The ledger for people who embed Fraisier: a few methods, plain values in, frozen dataclasses out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fraisier.errors import UsageError
from fraisier.record import facts, foreign, read
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import FraiseState, Status, Target, Trigger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from enum import StrEnum
    from typing import TypeVar

    from fraisier.record.rows import DeploymentSummary, Stats, WebhookEvent

    Word = TypeVar("Word", bound=StrEnum)


class Database(Ledger):
    """What happened, in SQL: ``Database()`` or ``Database("sqlite:////var/lib/app/fraisier.db")`` or ``Database("postgresql://...")``.

    Writes go to the ``tb_*`` tables and are durable when the method returns; reads come from the ``v_*`` views. Times are aware and in
    UTC, durations are seconds. A SQLite file that does not exist reads as empty and is made by the first write; PostgreSQL must have been
    prepared with ``fraisier db migrate``. One object may be used by several threads. Methods raise ``LedgerError`` when the database
    cannot be used and ``UsageError`` for a word that is none (``status="done"``).
    """

    def record_deployment(
        self,
        fraise: str,
        environment: str,
        *,
        status: Status | str,
        job: str = "",
        triggered_by: Trigger | str = Trigger.API,
        actor: str = "",
        old_version: str = "",
        new_version: str = "",
        git_branch: str = "",
        git_commit: str | None = None,
        started_at: datetime | None = None,
        duration_seconds: float | None = None,
        error_message: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Record a deployment that ended (``success``, ``failed``, ``rolled_back`` ...) and was made by other means. Returns its UUID."""
        return foreign.record_finished(
            self,
            Target(fraise, environment, job),
            _word(Status, status),
            trigger=_word(Trigger, triggered_by),
            actor=actor,
            old_version=old_version,
            new_version=new_version,
            git_branch=git_branch,
            git_commit=git_commit,
            started_at=started_at,
            duration_seconds=duration_seconds,
            error_message=error_message,
            details=details,
        )

    def get_recent_deployments(
        self,
        fraise: str | None = None,
        environment: str | None = None,
        *,
        status: Status | str | None = None,
        since: datetime | None = None,
        limit: int = 20,
    ) -> list[DeploymentSummary]:
        """The newest deployments, newest first: each with target, status, versions, times and the error that spoiled it."""
        wanted = _word(Status, status) if status else None
        return read.history(self, fraise=fraise, environment=environment, status=wanted, since=since, limit=limit)

    def get_deployment_stats(
        self, fraise: str | None = None, environment: str | None = None, *, days: int | None = None
    ) -> Stats:
        """Counts over the last ``days`` days (UTC, today is one) or over everything: total, successful, unchanged, failed, rolled_back,
        avg_duration (seconds) and success_rate (0 to 1), both None without any."""
        return read.stats(self, fraise=fraise, environment=environment, days=days)

    def record_webhook_event(
        self,
        provider: str,
        event_type: str,
        *,
        branch: str = "",
        commit_sha: str = "",
        sender: str = "",
        repository: str = "",
        delivery_id: str = "",
        payload: Mapping[str, Any] | None = None,
    ) -> WebhookEvent:
        """Record a webhook that was received and verified. The payload is kept up to 8 KB; it must hold no secrets."""
        return facts.record_webhook_event(
            self,
            hook=provider,
            provider=provider,
            event_type=event_type,
            branch=branch,
            commit_sha=commit_sha,
            sender=sender,
            repository=repository,
            delivery_id=delivery_id,
            payload=payload,
        )

    def get_recent_webhooks(self, *, limit: int = 20) -> list[WebhookEvent]:
        """Received webhooks, newest first, without their payloads; with what was decided and the deployment each asked for."""
        return read.recent_webhooks(self, limit=limit)

    def update_fraise_state(
        self,
        fraise: str,
        environment: str,
        *,
        job: str = "",
        status: FraiseState | str | None = None,
        version: str | None = None,
        deployed_by: str | None = None,
        deployed_at: datetime | None = None,
    ) -> None:
        """Say what is known of a target now: healthy, degraded, down or unknown, and what it serves. None leaves a value as it is."""
        facts.set_fraise_state(
            self,
            Target(fraise, environment, job),
            status=_word(FraiseState, status) if status else None,
            version=version,
            deployed_by=deployed_by,
            deployed_at=deployed_at,
        )


def _word(words: type[Word], given: Word | str) -> Word:
    try:
        return words(given)
    except ValueError:
        known = ", ".join(word.value for word in words)
        raise UsageError(f"{given!r} is not one of {known}") from None
