"""`fraisier collect`: runs of jobs that their timers have started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.options import as_json, load_config, print_json

if TYPE_CHECKING:
    from fraisier.collect import Collected
    from fraisier.config import ResolvedFraise


@click.command()
@click.argument("fraise", required=False)
@click.argument("environment", required=False)
@as_json
@click.pass_context
def collect(ctx: click.Context, /, fraise: str | None, environment: str | None, *, as_json: bool) -> int:
    """Fetch from the hosts what jobs have run by the clock.

    Every run is then in history, logs and stats, and who hears of deployments hears of it. Without names, of all fraises that have such
    jobs. Asked again it fetches what is new.
    """
    from fraisier.collect import collect as fetch
    from fraisier.record.ledger import Ledger
    from fraisier.telling import tell

    config = load_config(ctx)
    if fraise and environment:
        targets = [config.get_fraise_environment(fraise, environment)]
    else:
        known = config.get_fraise(fraise).environments.values() if fraise else config.all()
        targets = [resolved for resolved in known if resolved.settings.jobs_to_run()]
    with Ledger() as ledger:
        found = [(resolved, fetch(ledger, resolved, config.environ)) for resolved in targets]
        tell(ledger, config)
    if as_json:
        print_json({"targets": [_data(resolved, collected) for resolved, collected in found]})
    else:
        for resolved, collected in found:
            _print(resolved, collected)
    return 4 if any(collected.unreachable for _, collected in found) else 0


def _print(resolved: ResolvedFraise, collected: Collected) -> None:
    from fraisier.show.text import duration

    for row in collected.new:
        host = row.details["host"]
        click.echo(f"{row.target} on {host}: {row.status.value} in {duration(row.duration_seconds)}")
        if row.error_message:
            click.echo(f"  {row.error_message}", err=True)
    if not collected.new and not collected.unreachable:
        click.echo(f"{resolved.target}: nothing new")
    for host, words in collected.unreachable.items():
        click.echo(f"{resolved.target} on {host}: {words}", err=True)


def _data(resolved: ResolvedFraise, collected: Collected) -> dict[str, Any]:
    runs = [
        {
            "id": row.id,
            "job": row.target.job,
            "status": row.status,
            "host": row.details["host"],
            "error": row.error_message,
        }
        for row in collected.new
    ]
    return {
        "fraise": resolved.target.fraise,
        "environment": resolved.target.environment,
        "runs": runs,
        "unreachable": collected.unreachable,
    }
