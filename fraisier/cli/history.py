"""`fraisier history`: past deployments, from the view; the standard library's sqlite3 does the reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from fraisier.cli.options import as_json, print_json, since_option, state_colour
from fraisier.vocabulary import Status


@click.command()
@click.argument("fraise", required=False)
@click.argument("environment", required=False)
@click.option(
    "--status", type=click.Choice([status.value for status in Status]), help="Only deployments that ended so."
)
@since_option
@click.option("--limit", "-n", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@as_json
def history(
    fraise: str | None,
    environment: str | None,
    *,
    status: str | None,
    since: timedelta | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show past deployments, newest first."""
    from fraisier.record import read
    from fraisier.record.ledger import Ledger

    moment = datetime.now(UTC) - since if since else None
    with Ledger() as ledger:
        found = read.history(
            ledger,
            fraise=fraise,
            environment=environment,
            status=Status(status) if status else None,
            since=moment,
            limit=limit,
        )
    if as_json:
        print_json({"deployments": [_data(row) for row in found]})
    elif not found:
        click.echo("no deployments yet")
    else:
        _print(found)


def _print(found: list[Any]) -> None:
    from fraisier.show.progress import headline
    from fraisier.show.text import age, commit, duration, short, table

    headers = ("ID", "TARGET", "KIND", "STATUS", "VERSION", "WHEN", "TOOK")
    rows, now = [], datetime.now(UTC)
    for row in found:
        moment = age(row.started_at or row.requested_at, now)
        took = duration(row.duration_seconds)
        rows.append((short(row.id), row.target.slug, row.kind, row.status, commit(row.new_version)[:7], moment, took))
    lines = table(headers, rows).splitlines()
    click.echo(lines[0])
    for line in lines[1:]:
        word = next((status.value for status in Status if f" {status.value} " in line), "")
        click.echo(line.replace(f" {word} ", f" {click.style(word, fg=state_colour(word))} ", 1) if word else line)
    failed = next((row for row in found if row.error_message), None)
    if failed:
        click.echo(f"\nwhy {short(failed.id)} ended as it did: {headline(failed.error_message)}")
        click.echo(f"all of it: fraisier logs {short(failed.id)}")


def _data(row: Any) -> dict[str, Any]:
    data = {name: value for name, value in vars(row).items() if name != "target"}
    return {"fraise": row.target.fraise, "environment": row.target.environment, "job": row.target.job, **data}
