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
        owed = read.debts(ledger)
        waiting = read.all_pending(ledger)
        truths = _ask(ctx, ledger, rows) if live else {}
    found = [_line(row, known) for row in rows]
    for line in found:
        line["debts"] = [_debt(row) for row in owed if _is_of(row.target, line)]
        line["waits"] = next((row.details.get("waits") for row in waiting if _is_of(row.target, line)), None)
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
    _print_debts(found)
    for line in found:
        if waits := line["waits"]:
            click.echo(_indented(f"{waits['reason']}\n{waits['hint']}"))
    return code


def _is_of(target: Any, line: dict[str, Any]) -> bool:
    return (target.fraise, target.environment, target.job) == (line["fraise"], line["environment"], "")


def _debt(row: Any) -> dict[str, Any]:
    return {"host": row.host, "release_id": row.release_id, "version": row.version, "since": row.updated_at}


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
    """All hosts of all targets at once; a target that cannot be asked is told and left out, one whose type is not built alone."""
    from fraisier.errors import FraisierError, NotBuiltYet
    from fraisier.probe import probe_all

    config, found = load_config(ctx), {}
    targets = [config.get_fraise_environment(row.fraise, row.environment) for row in rows]
    for target, truths in probe_all(ledger, targets, config.environ).items():
        if isinstance(truths, NotBuiltYet):
            click.echo(str(truths), err=True)
        elif isinstance(truths, FraisierError):
            raise truths
        else:
            found[target.fraise, target.environment] = truths
    return found


def _exit_code(lines: list[dict[str, Any]], truths: dict[tuple[str, str], list[Any]]) -> int:
    hosts = [truth for found in truths.values() for truth in found]
    if any(not truth.reachable for truth in hosts):
        return 4
    if any(truth.healthy is False or truth.drift or truth.service in ("stopped", "failed") for truth in hosts):
        return 5
    return 5 if any(line["status"] in ("down", "degraded") or line["debts"] for line in lines) else 0


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
    from fraisier.show.text import table

    now = datetime.now(UTC)
    for (fraise, environment), hosts in truths.items():
        click.echo(f"\n{fraise}/{environment}, asked now:")
        lines = table(("HOST", "STATE", "CURRENT", "RUNS", "SERVICE", "STARTED"), [_row(truth, now) for truth in hosts])
        click.echo(_coloured(lines))
        for truth in hosts:
            for sentence in (*truth.drift, *([truth.message] if truth.message and _state(truth) != "empty" else [])):
                click.echo(_indented(f"{truth.host}: {sentence}"))


def _state(truth: Any) -> str:
    if not truth.reachable:
        return "unreachable"
    if not truth.release_id:
        return "empty"
    return {True: "healthy", False: "down", None: "unknown"}[truth.healthy]


def _row(truth: Any, now: datetime) -> tuple[str, ...]:
    """RUNS: the version that was answered; where the health check tells none, that of the release the process was started in."""
    from fraisier.show.text import age, commit

    if not truth.reachable:
        return (truth.host, "unreachable", "-", "-", "-", "-")
    started = datetime.fromtimestamp(truth.started_at, UTC) if truth.started_at else None
    service = f"{truth.service}, pid {truth.pid}" if truth.pid else truth.service
    runs = commit(truth.answers_as or _commit_of(truth.runs_release_id))
    since = age(started, now) if started else "-"
    return (truth.host, _state(truth), commit(truth.version), runs, service or "-", since)


def _commit_of(release_id: str) -> str:
    parts = release_id.split("-")
    return parts[1] if len(parts) > 1 else ""


def _coloured(text: str) -> str:
    """Each state in its colour, after the columns were aligned."""
    import re

    return re.sub(
        r"(?m)^(\S+ +)(healthy|down|unknown|unreachable|empty)\b",
        lambda found: found[1] + click.style(found[2], fg=state_colour(found[2])),
        text,
    )


def _indented(sentence: str) -> str:
    import shutil
    import textwrap

    width = shutil.get_terminal_size((80, 24)).columns
    lines = [
        part
        for line in sentence.splitlines()
        for part in textwrap.wrap(line, max(width - 4, 40), break_long_words=False, break_on_hyphens=False)
    ]
    mark = click.style("!", fg="yellow")
    return "\n".join(f"  {mark if number == 0 else ' '} {line}" for number, line in enumerate(lines))


def _print_debts(lines: list[dict[str, Any]]) -> None:
    """Hosts that could not be brought where they belong: what each owes, since when, and what to type."""
    from fraisier.show.text import commit, when

    for line in lines:
        place = f"{line['fraise']} {line['environment']}"
        for debt in line["debts"]:
            what = (
                f"release {debt['release_id']} ({commit(debt['version'])})" if debt["release_id"] else "to be emptied"
            )
            click.echo(_indented(f"{debt['host']} owes {what} since {when(debt['since'])}: fraisier resume {place}"))
