"""Is there anything to do? What stands on the hosts beside what a deployment would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraisier.compile import config_hash
from fraisier.errors import TargetUnreachable
from fraisier.fraise_types.release import FromGit
from fraisier.git import remote
from fraisier.git.mirror import changed_paths, mirrors_folder
from fraisier.record import read
from fraisier.variables import repository_of
from fraisier.vocabulary import Status, Trigger
from fraisier.work import Work, known_hosts

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger


def newest_version(resolved: ResolvedFraise, environ: Mapping[str, str]) -> str:
    """The version that a deployment would bring now: the newest commit of the branch, by ``git ls-remote`` of the configured URL.

    A fraise without a repository is made from its settings alone: their hash is its version.
    """
    repository, branch = repository_of(resolved)
    return remote.resolve(repository, branch, environ) if repository else config_hash(resolved)


def is_up_to_date(ledger: Ledger, resolved: ResolvedFraise, hosts: Sequence[str], commit: str) -> bool:
    """True only when ledger and remote agree: same commit, same configuration, proven on every host, nothing left open."""
    current = read.current_release(ledger, resolved.target)
    if current is None or current.version != commit:
        return False
    proof = read.deployment_by_pk(ledger, current.pk)
    if proof is None or proof.config_hash != config_hash(resolved):
        return False
    last = read.last_ended(ledger, resolved.target)
    if last and last.status in (Status.INTERRUPTED, Status.ROLLBACK_FAILED):
        return False
    known = known_hosts(ledger, resolved.target)
    return all(name in known and known[name].state == "active" and known[name].version == commit for name in hosts)


@dataclass(frozen=True)
class Untouched:
    """A push that the target's ``paths`` have nothing of: from the commit that serves ``to`` the pushed one."""

    old: str
    to: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        return f"nothing in {', '.join(self.paths)} changed from {self.old[:10]} to {self.to[:10]}"

    def data(self) -> dict[str, object]:
        """As the deployment's row keeps it, below ``paths``."""
        return {"from": self.old, "to": self.to, "patterns": list(self.paths), "reason": str(self)}


def untouched(work: Work, commit: str) -> Untouched | None:
    """Whether a pushed ``commit`` leaves alone what the target is made from, by the ``paths`` of its settings.

    None: deploy it. So it is also when that cannot be known (first deployment, forced branch, unreadable history), when the target is not
    in good order as it stands, and when it was not a push that asked.
    """
    settings = work.resolved.settings
    if (
        not isinstance(settings, FromGit)
        or not settings.paths
        or work.asked.trigger is not Trigger.WEBHOOK
        or work.old is None
    ):
        return None
    if not is_up_to_date(work.ledger, work.resolved, work.hosts, work.old.version):
        return None
    try:
        changed = changed_paths(
            settings.git_repo or "",
            settings.branch,
            work.old.version,
            commit,
            settings.paths,
            mirrors_folder(work.environ),
            work.environ,
        )
    except (TargetUnreachable, OSError) as error:
        work.listener.note(f"{work.target}: what changed cannot be told, so it is deployed: {error}")
        return None
    return None if changed is None or changed else Untouched(work.old.version, commit, settings.paths)
