"""`fraisier status`: what the ledger knows of each target; with --live, what the hosts answer now and where the two differ."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import click

from fraisier.cli.options import as_json, load_config, print_json, state_colour


@click.command()
@click.argument("fraise", required=False)
@click.argument("environment", required=False)
@click.option("--live", is_flag=True, help="Ask the hosts: release, service, health; and show drift from the ledger.")
@as_json
@click.pass_context
def status(ctx: click.Context, /, fraise: str | None, environment: str | None, *, live: bool, as_json: bool) -> int:
    """Show what runs where; --live asks the hosts.

    Exits with 0 when all is well, 5 when something shown is not healthy, 4 when a host did not answer.
    """
    from fraisier.config.cache import load_listing
    from fraisier.record import read
    from fraisier.record.ledger import Ledger

    rows = [row for row in load_listing(ctx.obj["config"], os.environ) if _chosen(row, fraise, environment)]
    _refuse_unknown(ctx, rows, fraise, environment)
    with Ledger() as ledger:
        known = {found.target: found for found in read.fraise_status(ledger)}
        truths = _ask(ctx, ledger, rows) if live else {}
    found = [_line(row, known) for row in rows]
    code = _exit_code(found, truths)
    if as_json:
        for line in found:
            if live:
                line["hosts"] = [vars(truth) for truth in truths.get((line["fraise"], line["environment"]), [])]
        print_json({"fraises": found, "exit_code": code})
        return code
    _print(found)
    if live:
        _print_hosts(truths)
    return code


def _chosen(row: Any, fraise: str | None, environment: str | None) -> bool:
    return fraise in (None, row.fraise) and environment in (None, row.environment) and not row.job


def _refuse_unknown(ctx: click.Context, rows: list[Any], fraise: str | None, environment: str | None) -> None:
    if rows or (fraise is None and environment is None):
        return
    config = load_config(ctx)  # it knows the names, and what was probably meant
    if fraise is not None:
        config.get_fraise(fraise)
    if fraise is not None and environment is not None:
        config.get_fraise_environment(fraise, environment)


def _line(row: Any, known: dict[Any, Any]) -> dict[str, Any]:
    from fraisier.vocabulary import Target

    state = known.get(Target(row.fraise, row.environment, row.job))
    return {
        "fraise": row.fraise,
        "environment": row.environment,
        "status": str(state.status) if state else "unknown",
        "version": state.current_version if state else "",
        "release_id": state.release_id if state else "",
        "last_deployed_at": state.last_deployed_at if state else None,
        "last_deployed_by": state.last_deployed_by if state else "",
        "last_deployment_id": state.last_deployment_id if state else None,
        "last_deployment_status": state.last_deployment_status if state else None,
    }


def _ask(ctx: click.Context, ledger: Any, rows: list[Any]) -> dict[tuple[str, str], list[Any]]:
    from fraisier.errors import NotBuiltYet
    from fraisier.probe import probe

    config, found = load_config(ctx), {}
    for row in rows:
        try:
            resolved = config.get_fraise_environment(row.fraise, row.environment)
            found[row.fraise, row.environment] = probe(ledger, resolved, config.environ)
        except NotBuiltYet as error:
            click.echo(str(error), err=True)
    return found


def _exit_code(lines: list[dict[str, Any]], truths: dict[tuple[str, str], list[Any]]) -> int:
    hosts = [truth for found in truths.values() for truth in found]
    if any(not truth.reachable for truth in hosts):
        return 4
    if any(truth.healthy is False or truth.drift or truth.service == "stopped" for truth in hosts):
        return 5
    return 5 if any(line["status"] in ("down", "degraded") for line in lines) else 0


def _print(lines: list[dict[str, Any]]) -> None:
    from fraisier.show.text import age, commit, table

    now = datetime.now(UTC)
    rows = []
    for line in lines:
        deployed = age(line["last_deployed_at"], now)
        last = line["last_deployment_status"] or "-"
        rows.append((line["fraise"], line["environment"], line["status"], commit(line["version"]), deployed, str(last)))
    click.echo(table(("FRAISE", "ENVIRONMENT", "STATUS", "VERSION", "DEPLOYED", "LAST"), rows))


def _print_hosts(truths: dict[tuple[str, str], list[Any]]) -> None:
    from fraisier.show.text import commit

    for (fraise, environment), hosts in truths.items():
        click.echo(f"\n{fraise}/{environment}, asked now:")
        for truth in hosts:
            state = (
                "unreachable"
                if not truth.reachable
                else {True: "healthy", False: "down", None: "unknown"}[truth.healthy]
            )
            parts = [click.style(state, fg=state_colour(state)), f"release {truth.release_id or 'none'}"]
            parts += [f"answers as {commit(truth.answers_as)}"] if truth.answers_as else []
            parts += (
                [f"service {truth.service}" + (f" (pid {truth.pid})" if truth.pid else "")] if truth.service else []
            )
            click.echo(f"  {truth.host}: {', '.join(parts)}")
            for sentence in (*truth.drift, *([truth.message] if truth.message else [])):
                click.echo(f"    {click.style('!', fg='yellow')} {sentence}")
