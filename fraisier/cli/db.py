"""`fraisier db ...`: the database of deployments."""

from __future__ import annotations

import os

import click

from fraisier.cli.options import as_json, print_json


@click.group()
def db() -> None:
    """Look after the database of deployments."""


@db.command()
@as_json
def migrate(*, as_json: bool) -> None:
    """Bring the database's schema to this version of Fraisier."""
    from fraisier.record.migrate import migrate as bring_up
    from fraisier.record.url import default_url, read_url

    url = default_url(os.environ)
    place, result = str(read_url(url)), bring_up(url)
    if as_json:
        print_json({"database": place, "revision": result})
    else:
        click.echo(f"{place}: schema is at {result}")


@db.command()
@click.option(
    "--keep-days",
    default=365,
    show_default=True,
    type=click.IntRange(1),
    help="Keep deployments of the last so many days.",
)
@click.option(
    "--keep-last", default=50, show_default=True, type=click.IntRange(1), help="Keep at least so many per target."
)
@as_json
def prune(*, keep_days: int, keep_last: int, as_json: bool) -> None:
    """Delete old deployments and their events, and plans that expired; what a rollback needs stays."""
    from fraisier.record.ledger import Ledger
    from fraisier.record.plans import prune_plans
    from fraisier.record.prune import prune as delete_old

    with Ledger() as ledger:
        deleted = delete_old(ledger, keep_days=keep_days, keep_last=keep_last)
        plans = prune_plans(ledger)
    if as_json:
        print_json({"deleted": deleted, "plans": plans})
    else:
        words = f"deleted {deleted} old deployment{'s' if deleted != 1 else ''}"
        click.echo(words + (f" and {plans} expired plan{'s' if plans != 1 else ''}" if plans else ""))
