"""What commands share that let a worker do it: asking, and watching."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import click

from fraisier.cli.options import print_json

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment
    from fraisier.vocabulary import Kind
    from fraisier.work import Asked

GOES_ON_SECONDS = 10.0
"""So long after an interruption it is waited whether a worker goes on."""

detach_option = click.option(
    "--detach", is_flag=True, help="Ask a worker to do it, and come back at once (fraisier work, fraisier serve)."
)
follow_option = click.option("--follow", is_flag=True, help="Ask a worker to do it, and watch it until it has ended.")


def ask(
    ledger: Ledger,
    resolved: ResolvedFraise,
    kind: Kind,
    asked: Asked,
    environ: Mapping[str, str],
    *,
    follow: bool,
    as_json: bool,
) -> int:
    """Write down what a worker shall do, and say how to watch it; or watch it right away."""
    from fraisier import deploy, engine, notify
    from fraisier.engine.body import priority_of
    from fraisier.vocabulary import Kind

    if kind is Kind.DEPLOY:
        resolved, asked = deploy.admitted(ledger, resolved, asked, environ)
    else:
        deploy.destination(ledger, resolved, asked)
    branch = getattr(resolved.settings, "branch", "")
    row = engine.enqueue(ledger, resolved.target, asked, kind=kind, priority=priority_of(resolved), git_branch=branch)
    is_served = engine.carrier(ledger).is_served()
    if not is_served:
        from fraisier.cli.queue import NO_WORKER

        click.echo(click.style(f"warning: {NO_WORKER}", fg="yellow"), err=True)
    if follow:
        return watch(ledger, row, as_json=as_json, on_lost=partial(notify.ended, ledger, resolved))
    _say(row, is_served=is_served, as_json=as_json)
    return 0


def watch(
    ledger: Ledger, row: Deployment, *, as_json: bool, on_lost: Callable[[Deployment], None] | None = None
) -> int:
    """Show a deployment until it has ended; the exit code is its own. Ctrl-C stops the watching alone."""
    from fraisier.cli.deploy import listening, report
    from fraisier.show.following import follow

    try:
        with listening(quiet=as_json) as listener:
            patience = GOES_ON_SECONDS if row.background else 0.0
            result = follow(ledger, row, listener, goes_on_seconds=patience, on_lost=on_lost)
    except KeyboardInterrupt:
        words = f"{row.target.fraise} {row.target.environment}"
        click.echo(f"\nno longer watching; it goes on. To stop it: fraisier cancel {words}", err=True)
        return 130
    return report(result, as_json=as_json)


def _say(row: Deployment, *, is_served: bool, as_json: bool) -> None:
    target = row.target
    if as_json:
        data = {"id": row.id, "fraise": target.fraise, "environment": target.environment, "status": row.status}
        print_json({"deployment": data, "worker": is_served})
        return
    click.echo(f"{target}: deployment {row.id[:8]} waits for a worker")
    click.echo(f"  watch it   fraisier deploy --follow {row.id[:8]}")
    click.echo(f"  stop it    fraisier cancel {target.fraise} {target.environment}")
