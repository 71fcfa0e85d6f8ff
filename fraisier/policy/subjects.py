"""What an approval is for: exactly one thing, in words that change when the thing does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraisier.compile import config_hash
from fraisier.plan import digest

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record.rows import StoredPlan
    from fraisier.work import Asked


@dataclass(frozen=True)
class Subject:
    """``key`` is compared, ``detail`` is for people, ``commit`` the one it is about ('' for none), ``name`` what to type after
    ``fraisier approve FRAISE ENVIRONMENT``."""

    key: str
    detail: str
    commit: str = ""
    name: str = ""


def of_commit(resolved: ResolvedFraise, commit: str) -> Subject:
    """A commit with the configuration as it is now."""
    return Subject(f"commit {commit} configuration {config_hash(resolved)}", f"commit {commit[:10]}", commit, commit)


def of_plan(plan: StoredPlan) -> Subject:
    """A kept plan: commit, configuration, hosts and migrations, as they were shown."""
    return Subject(
        f"plan {plan.hash}", f"plan {plan.id[:8]} (commit {plan.git_commit[:10]})", plan.git_commit, plan.id[:8]
    )


def of_rollback(resolved: ResolvedFraise, release_id: str, commit: str) -> Subject:
    """Going back to a release."""
    key = f"rollback {release_id} configuration {config_hash(resolved)}"
    return Subject(key, f"going back to {commit[:10]}", commit)


def of_job(resolved: ResolvedFraise, asked: Asked) -> Subject:
    """A run of the target's job with exactly these parameters, or bringing back exactly this copy of its database."""
    if asked.restore is not None:
        what = f"the newest copy{f' up to {asked.restore}' if asked.restore else ''}"
        return Subject(f"restore {asked.restore} configuration {config_hash(resolved)}", f"restoring {what}")
    given = "".join(f" {name}={value}" for name, value in sorted(asked.params.items()))
    key = f"job {resolved.target.job} parameters {digest(dict(asked.params))} configuration {config_hash(resolved)}"
    is_one_of_several = len(resolved.settings.jobs_to_run()) > 1
    return Subject(key, f"a run of {resolved.target.job if is_one_of_several else resolved.target.fraise}{given}")
