"""What a worker does with a deployment that it has claimed: the same path as from the command line."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

from fraisier import deploy, notify
from fraisier.compile import deploy_plan
from fraisier.engine.due import Limits
from fraisier.engine.worker import Rules
from fraisier.errors import FraisierError, UsageError
from fraisier.estate import located, selected
from fraisier.record import write
from fraisier.record.lease import Lease
from fraisier.resume import debts
from fraisier.vocabulary import Event, EventKind, Status, Target
from fraisier.work import Asked

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig, ResolvedFraise
    from fraisier.engine.runners import Runners
    from fraisier.engine.ticks import Clock
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

LOG = logging.getLogger("fraisier.engine")
KNOCK_SECONDS = 3.0


class LogListener:
    """A deployment in the worker's log: what it says, and tasks that failed. The ledger has every event."""

    def __init__(self, row: Deployment) -> None:
        self._name = f"{row.target} {row.id[:8]}"

    def note(self, text: str) -> None:
        LOG.info("%s: %s", self._name, text)

    def event(self, run: str, event: Event) -> None:
        if event.kind in (EventKind.FAILED, EventKind.UNREACHABLE) and not event.ignored and not event.item:
            place = f"{'undo ' if run == 'compensate' else ''}{event.phase or event.task}"
            LOG.warning("%s: %s on %s: %s", self._name, place, event.host, event.message)
        else:
            LOG.debug("%s: %s %s %s %s", self._name, event.kind, event.phase, event.host, event.task)


def carry_out(ledger: Ledger, config: FraisierConfig, runners: Runners, row: Deployment) -> None:
    """Give ``row`` its final status: by deploying, or at once when that cannot even begin."""
    asked, listener = Asked.of(row), LogListener(row)
    try:
        with Lease(ledger, row, on_beat=_nothing, on_cancel=_nothing, on_lost=_nothing):
            resolved = _ready(config, row.target, asked)
    except FraisierError as error:
        LOG.warning("%s: deployment %s failed: %s", row.target, row.id[:8], error)
        with ledger.transaction():
            if write.finish(ledger, row, Status.FAILED, error=error):
                notify.announcer(ledger, config)(row)
        return
    with runners.one(config.environ, resolved.settings.inventory_environment) as runner:
        result = deploy.execute(ledger, resolved, row, asked, listener, config.environ, runner=runner)
    said = f": {result.error.message}" if result.error else ""
    if result.status is Status.PENDING:
        LOG.info("%s: deployment %s waits%s", row.target, row.id[:8], said)
        return
    LOG.info(
        "%s: deployment %s ended: %s in %.1f s%s", row.target, row.id[:8], result.status, result.duration_seconds, said
    )


def rules_of(ledger: Ledger, config: FraisierConfig) -> Rules:
    """What a worker goes by, as the configuration says it."""
    engine = config.engine
    clocks: dict[Target, tuple[Clock, int]] = {}
    for resolved in config.all():
        if schedule := getattr(resolved.settings, "deploy_schedule", None):
            clocks[resolved.target] = (schedule, priority_of(resolved))
    limits = Limits(engine.max_running, engine.max_running_per_environment)
    return Rules(limits, clocks, lambda target: may_be_back(ledger, config, target))


def priority_of(resolved: ResolvedFraise) -> int:
    """Of what is asked for in the background."""
    return int(getattr(resolved.settings, "priority", 0))


def may_be_back(ledger: Ledger, config: FraisierConfig, target: Target) -> bool:
    """Whether some host that owes the target a release answers on its port of ssh, or can only be asked by a deployment."""
    try:
        resolved = config.get_fraise_environment(target.fraise, target.environment)
    except UsageError:
        return False
    settings, owing = resolved.settings, {row.host for row in debts(ledger, target)}
    if settings.inventory or settings.connection == "local":
        return True
    known = [host for host in settings.hosts if host.name in owing]
    return any(
        host.bastion or settings.bastion or _answers(host.address or host.name, host.port or settings.port or 22)
        for host in known
    )


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), KNOCK_SECONDS):
            return True
    except socket.gaierror:  # a name of ~/.ssh/config alone
        return True
    except OSError:
        return False


def _ready(config: FraisierConfig, target: Target, asked: Asked) -> ResolvedFraise:
    """The target as it is now, once it is certain that there is something to compile; inventories may take a while."""
    try:
        resolved = config.get_fraise_environment(target.fraise, target.environment)
    except UsageError as error:
        raise UsageError(f"{target} is no longer in {config.path}: {error.message}", hint=error.hint) from error
    resolved = located(resolved, config.environ)
    selected(resolved, asked.limit)
    deploy_plan(resolved, deploy.PLACEHOLDER)
    return resolved


def _nothing() -> None:
    """Of no interest before anything runs: what is heard here is heard again."""
