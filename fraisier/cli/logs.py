"""`fraisier logs`: one deployment, task by task, with everything that explains a failure."""

from __future__ import annotations

import textwrap
from typing import Any

import click

from fraisier.cli.options import as_json, print_json
from fraisier.errors import UsageError

PAGE = 1000


@click.command()
@click.argument("deployment", required=False)
@click.option("--all", "show_all", is_flag=True, help="Also tasks that were skipped and every start of a task.")
@as_json
def logs(deployment: str | None, *, show_all: bool, as_json: bool) -> None:
    """Show what a deployment did, task by task.

    DEPLOYMENT is an id or the beginning of one, as `fraisier history` shows it; without it, the newest deployment.
    """
    from fraisier.record import read
    from fraisier.record.ledger import Ledger

    with Ledger() as ledger:
        found = read.deployment(ledger, deployment or _newest(ledger))
        if found is None:
            raise UsageError(f"no deployment '{deployment}'", hint="see: fraisier history")
        events: list[Any] = []
        while page := read.events(ledger, found, after=events[-1].sequence if events else 0, limit=PAGE):
            events += page
    if not show_all:
        events = [event for event in events if event.event in ("ok", "failed", "unreachable", "output")]
    if as_json:
        print_json(
            {"deployment": {**vars(found), "target": found.target.slug}, "events": [vars(event) for event in events]}
        )
        return
    _print_head(found)
    for event in events:
        _print_event(event)


def _newest(ledger: Any) -> str:
    from fraisier.record import read

    newest = read.history(ledger, limit=1)
    if not newest:
        raise UsageError("no deployments yet", hint="fraisier deploy FRAISE ENVIRONMENT")
    return newest[0].id


def _print_head(found: Any) -> None:
    from fraisier.cli.options import state_colour
    from fraisier.show.progress import headline
    from fraisier.show.text import commit, duration, when

    click.echo(f"deployment  {found.id}")
    click.echo(f"target      {found.target}   ({found.kind}, {found.trigger}, asked by {found.actor or 'nobody'})")
    click.echo(
        f"version     {commit(found.old_version)} → {commit(found.new_version)}   release {found.release_id or '-'}"
    )
    click.echo(f"started     {when(found.started_at)}, took {duration(found.duration_seconds)}")
    click.echo(f"status      {click.style(found.status, fg=state_colour(found.status), bold=True)}")
    if found.error_message:
        click.echo(textwrap.indent(headline(found.error_message), "            "))
    if back := found.details.get("compensation"):
        click.echo(f"going back  {back}")
    click.echo()


def _print_event(event: Any) -> None:
    from fraisier.cli.options import state_colour
    from fraisier.show.progress import headline
    from fraisier.show.text import duration

    state = "changed" if event.event == "ok" and event.changed else str(event.event)
    undo = "" if event.run in ("deploy", "rollback") else "undo "
    where = f"{undo}{event.phase or event.task}"
    click.echo(
        f"{where:<16} {event.host:<20} {click.style(f'{state:<12}', fg=state_colour(state))} {duration(event.duration_seconds)}"
    )
    if event.event in ("failed", "unreachable", "output") and event.message:
        click.echo(textwrap.indent(headline(event.message) if event.data.get("log") else event.message, "    "))
    for name in ("stdout", "stderr"):
        if text := getattr(event, name):
            click.echo(f"    {name}:\n{textwrap.indent(text.rstrip(), '      ')}")
    if log := event.data.get("log"):
        click.echo("    the service's last lines:")
        click.echo(textwrap.indent("\n".join(map(str, log)) if isinstance(log, list) else str(log), "      "))
