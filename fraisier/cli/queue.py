"""`fraisier queue`: what runs and what waits, over all targets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.options import as_json, print_json

if TYPE_CHECKING:
    from fraisier.record.rows import Deployment

NO_WORKER = "no worker is at work on this database: start one with `fraisier work`"


@click.command()
@as_json
def queue(*, as_json: bool) -> None:
    """Show what runs and what waits, in the order in which it will be done."""
    from fraisier.engine import carrier
    from fraisier.record import read
    from fraisier.record.ledger import Ledger

    with Ledger() as ledger:
        found = [*read.running(ledger), *read.all_pending(ledger)]
        is_served = carrier(ledger).is_served()
    if as_json:
        print_json({"deployments": [_data(row) for row in found], "worker": is_served})
        return
    if found:
        _print(found)
    else:
        click.echo("nothing runs and nothing waits")
    for line in waiting_lines(found):
        click.echo(line)
    if any(row.background and not row.started_at for row in found) and not is_served:
        click.echo(f"\n{NO_WORKER}", err=True)


def _print(found: list[Deployment]) -> None:
    from fraisier.show.text import age, commit, short, table

    headers, now = ("ID", "TARGET", "STATE", "SINCE", "ASKED BY", "COMMIT", "WHERE"), datetime.now(UTC)
    click.echo(
        table(
            headers,
            [
                (
                    short(row.id),
                    row.target.slug,
                    _state(row),
                    age(row.started_at or row.requested_at, now),
                    row.actor or "-",
                    commit(row.new_version or row.git_commit),
                    _where(row),
                )
                for row in found
            ],
        )
    )


def waiting_lines(rows: list[Deployment]) -> Iterator[str]:
    """What policies let deployments wait for, and what to type."""
    for row in rows:
        if not row.started_at and (waits := row.details.get("waits")):
            yield f"\n{waits['reason']}\n  {waits['hint']}"


def _state(row: Deployment) -> str:
    if row.started_at:
        return "stopping" if row.cancel_requested else "running"
    return "held" if row.details.get("waits") else "waiting"


def _where(row: Deployment) -> str:
    if row.owner:
        return f"{row.owner.host}, process {row.owner.pid}"
    return "for a worker"


def _data(row: Deployment) -> dict[str, Any]:
    return {
        "id": row.id,
        "fraise": row.target.fraise,
        "environment": row.target.environment,
        "job": row.target.job,
        "kind": row.kind,
        "state": _state(row),
        "trigger": row.trigger,
        "actor": row.actor,
        "priority": row.priority,
        "background": row.background,
        "git_branch": row.git_branch,
        "git_commit": row.new_version or row.git_commit,
        "requested_at": row.requested_at,
        "started_at": row.started_at,
        "waits": row.details.get("waits"),
        "host": row.owner.host if row.owner else None,
        "pid": row.owner.pid if row.owner else None,
    }
