"""Pushes that no delivery told of: the branches of all repositories beside what the ledger knows. GitHub and Gitea send nothing twice."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from fraisier import engine
from fraisier.errors import FraisierError
from fraisier.git import remote
from fraisier.record import read, write
from fraisier.record.ledger import target_lock
from fraisier.vocabulary import Kind, Status, Target, Trigger
from fraisier.work import Asked

if TYPE_CHECKING:
    from fraisier.deliveries.desk import Desk
    from fraisier.deliveries.routes import Route
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

ACTOR = "reconcile"
AT_ONCE = 4
"""Repositories that are asked at the same time."""
LOOK_BACK = 50
"""Deployments of a target that are looked at for a commit that was tried before."""
_OPEN = (Status.PENDING, Status.IN_PROGRESS)
_LOGGER = logging.getLogger(__name__)


def deployed_by_push(desk: Desk) -> list[Route]:
    """The targets that some hook would deploy: all others are left to people and clocks."""
    return [route for route in desk.routes.routes if _is_deployed_by_push(desk, route)]


def catch_up(ledger: Ledger, desk: Desk, environ: Mapping[str, str]) -> dict[Target, str]:
    """Ask for a deployment of every target whose branch has moved unnoticed. One question for each repository; those that do not answer
    are logged and asked again next time. Returns the commits that were missed."""
    of_repository: defaultdict[str, list[Route]] = defaultdict(list)
    for route in deployed_by_push(desk):
        of_repository[route.url].append(route)
    missed = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ls-remote") as pool:
        answers = {
            url: pool.submit(remote.tips, url, sorted({route.branch for route in routes}), environ)
            for url, routes in of_repository.items()
        }
        for url, answer in answers.items():
            try:
                tips = answer.result()
            except FraisierError as error:
                _LOGGER.warning("a repository cannot be asked for missed pushes: %s", error.message)
                continue
            for route in of_repository[url]:
                tip = tips.get(route.branch)
                if tip and _ask(ledger, route, tip, desk.priority(route.target)):
                    missed[route.target] = tip
    return missed


def is_missed(tip: str, current: str, rows: Sequence[Deployment]) -> bool:
    """Whether ``tip`` of a branch should be deployed and nobody has asked for it. ``current`` is the commit that serves, ``rows`` the
    target's deployments, newest first.

    A commit that failed, was cancelled or was gone back from is left alone: `fraisier retry` is for that. So is a target that somebody
    has pinned to another commit, and one that was never deployed.
    """
    deploys = [row for row in rows if row.kind is Kind.DEPLOY and row.status is not Status.SUPERSEDED]
    if tip == current or not deploys or any(_covers(row, tip) for row in deploys):
        return False
    place = next((place for place, row in enumerate(deploys) if tip in _commits(row)), None)
    if place is None:
        return True
    has_moved_on = any(row.git_commit is None and _commits(row) for row in deploys[:place])
    return deploys[place].status.is_good and has_moved_on


def _covers(row: Deployment, tip: str) -> bool:
    """An open deployment that has not chosen its commit yet will choose the newest; one that has may have chosen this one."""
    return row.status in _OPEN and row.git_commit is None and row.new_version in ("", tip)


def _commits(row: Deployment) -> set[str]:
    pushed = row.details.get("pushed") or {}
    looked_at = (row.details.get("paths") or {}).get("to", "")
    return {row.new_version, row.git_commit or "", pushed.get("commit", ""), looked_at} - {""}


def _ask(ledger: Ledger, route: Route, tip: str, priority: int) -> bool:
    if not _is_missed_now(ledger, route.target, tip):
        return False
    with ledger.transaction() as session:
        target_lock(session, route.target)
        if not _is_missed_now(ledger, route.target, tip):  # a delivery, or another server, was faster
            return False
        asked = Asked(ACTOR, trigger=Trigger.WEBHOOK)
        pushed = {"commit": tip, "branch": route.branch, "repository": route.url, "missed": True}
        row = engine.enqueue(ledger, route.target, asked, priority=priority, details={"pushed": pushed})
        write.audit(
            ledger,
            "missed push",
            actor=ACTOR,
            door="reconcile",
            subject=route.target.slug,
            outcome="accepted",
            deployment_id=row.id,
            details=pushed,
        )
    return True


def _is_missed_now(ledger: Ledger, target: Target, tip: str) -> bool:
    current = read.current_release(ledger, target)
    return is_missed(tip, current.version if current else "", read.last_deployments(ledger, target, limit=LOOK_BACK))


def _is_deployed_by_push(desk: Desk, route: Route) -> bool:
    return any(
        hook.speaks_for(name) and route.target in desk.routes.match(hook.provider, name, route.branch).targets
        for hook in desk.hooks.all()
        for name in route.names.get(hook.provider, ())
    )
