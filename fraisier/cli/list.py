"""`fraisier list`: from the cached, validated configuration; no pydantic, no rich, no database."""

from __future__ import annotations

import os

import click

from fraisier.cli.options import as_json, print_json


@click.command("list")
@click.option("--fraise", metavar="NAME", help="Only this fraise.")
@click.option("--environment", "-e", metavar="NAME", help="Only this environment.")
@as_json
@click.pass_context
def list_fraises(ctx: click.Context, fraise: str | None, environment: str | None, *, as_json: bool) -> None:
    """List fraises, their environments, branches and hosts."""
    from fraisier.config.cache import load_listing
    from fraisier.show.text import table

    rows = load_listing(ctx.obj["config"], os.environ)
    rows = [row for row in rows if fraise in (None, row.fraise) and environment in (None, row.environment)]
    if as_json:
        fields = ("fraise", "environment", "job", "type", "branch", "hosts", "description")
        print_json({"fraises": [{name: getattr(row, name) for name in fields} for row in rows]})
        return
    headers = ("FRAISE", "ENVIRONMENT", "TYPE", "BRANCH", "HOSTS", "DESCRIPTION")
    names = [f"{row.fraise}/{row.job}" if row.job else row.fraise for row in rows]
    click.echo(
        table(
            headers,
            [
                (name, row.environment, row.type, row.branch or "-", ", ".join(row.hosts) or "-", row.description or "")
                for name, row in zip(names, rows, strict=True)
            ],
        )
    )
