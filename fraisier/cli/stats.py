"""`fraisier stats`: counts, success rate, durations."""

from __future__ import annotations

import click

from fraisier.cli.options import as_json, print_json


@click.command()
@click.argument("fraise", required=False)
@click.argument("environment", required=False)
@click.option("--days", type=click.IntRange(1), help="Only the last so many days (UTC, today counts).")
@as_json
def stats(fraise: str | None, environment: str | None, *, days: int | None, as_json: bool) -> None:
    """Show counts, success rates and durations."""
    from fraisier.record import read
    from fraisier.record.ledger import Ledger
    from fraisier.show.text import duration, table

    with Ledger() as ledger:
        chosen = [
            status.target
            for status in read.fraise_status(ledger)
            if fraise in (None, status.target.fraise) and environment in (None, status.target.environment)
        ]
        found = [
            (
                target,
                read.stats(ledger, fraise=target.fraise, environment=target.environment, job=target.job, days=days),
            )
            for target in chosen
        ]
    if as_json:
        targets = [{"fraise": t.fraise, "environment": t.environment, "job": t.job, **vars(s)} for t, s in found]
        print_json({"days": days, "stats": targets})
        return
    if not found:
        click.echo("no deployments yet")
        return
    headers = ("TARGET", "TOTAL", "GOOD", "UNCHANGED", "FAILED", "BACK", "SUCCESS", "AVERAGE")
    rows = []
    for target, numbers in found:
        rate = "-" if numbers.success_rate is None else f"{numbers.success_rate:.0%}"
        counts = (numbers.total, numbers.successful, numbers.unchanged, numbers.failed, numbers.rolled_back)
        rows.append((target.slug, *map(str, counts), rate, duration(numbers.avg_duration)))
    click.echo(table(headers, rows))
