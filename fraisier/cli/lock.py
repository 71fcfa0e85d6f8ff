"""`fraisier lock ...`: who holds a target, and taking it away from one who is gone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.options import as_json, load_config, print_json, target_arguments
from fraisier.errors import TargetLocked

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment
    from fraisier.vocabulary import Target


@click.group()
def lock() -> None:
    """Show who holds a target, or take it away."""


@lock.command()
@target_arguments
@as_json
@click.pass_context
def show(ctx: click.Context, /, fraise: str, environment: str, *, as_json: bool) -> None:
    """Show who holds a target, since when, and when it was last heard of."""
    from fraisier.record.ledger import Ledger

    target = load_config(ctx).get_fraise_environment(fraise, environment).target
    with Ledger() as ledger:
        holder = _holder(ledger, target)
        found = _described(ledger, holder) if holder else None
    if as_json:
        print_json({"target": target.slug, "lock": found})
    elif found is None:
        click.echo(f"{target} is free")
    else:
        click.echo(
            f"{target} is held by deployment {found['deployment'][:8]} of {found['actor'] or 'nobody in particular'}"
        )
        click.echo(f"  since {found['since']}, last heard of {found['silent_seconds']:.0f} s ago")
        click.echo(f"  process {found['pid']} on {found['host']} ({found['process']}), number {found['fencing']}")


@lock.command()
@target_arguments
@click.option("--force", is_flag=True, help="Also when its holder is alive: its run is ended, and the hosts refuse it.")
@as_json
@click.pass_context
def release(ctx: click.Context, /, fraise: str, environment: str, *, force: bool, as_json: bool) -> None:
    """Take a target away from a holder that is gone.

    The deployment is recorded as interrupted. A holder that lives keeps its target unless --force is given; it notices within
    seconds, and hosts refuse its number as soon as another deployment has begun.
    """
    from fraisier import notify
    from fraisier.record import write
    from fraisier.record.ledger import Ledger
    from fraisier.record.owner import is_alive

    resolved = load_config(ctx).get_fraise_environment(fraise, environment)
    target = resolved.target
    with Ledger() as ledger:
        tell = partial(notify.ended, ledger, resolved)
        lost = write.interrupt_orphans(ledger, target, (lambda _: False) if force else is_alive, on_lost=tell)
        holder = _holder(ledger, target)
    if holder is not None:
        raise TargetLocked(
            f"{target}: deployment {holder.id[:8]} is alive", hint=f"fraisier cancel {fraise} {environment}, or --force"
        )
    if as_json:
        print_json({"target": target.slug, "released": [row.id for row in lost]})
    else:
        ended = ", ".join(row.id[:8] for row in lost)
        click.echo(f"{target} is free" + (f": deployment {ended} is recorded as interrupted" if ended else " already"))
        if ended:
            click.echo(f"next: fraisier resume {fraise} {environment}")


def _holder(ledger: Ledger, target: Target) -> Deployment | None:
    from fraisier.record import read

    return next(iter(read.running(ledger, target)), None)


def _described(ledger: Ledger, holder: Deployment) -> dict[str, Any]:
    from fraisier.record.owner import is_alive

    with ledger.transaction(durable=False) as session:
        now = session.now()
    owner = holder.owner
    alive = is_alive(owner) if owner else None
    return {
        "deployment": holder.id,
        "actor": holder.actor,
        "since": f"{holder.started_at:%Y-%m-%d %H:%M:%S} UTC" if holder.started_at else "",
        "silent_seconds": (now - (holder.heartbeat_at or holder.requested_at)).total_seconds(),
        "host": owner.host if owner else "",
        "pid": owner.pid if owner else 0,
        "process": {True: "exists", False: "is gone", None: "cannot be seen from here"}[alive],
        "fencing": holder.fencing,
    }
