"""`fraisier restore`."""

from __future__ import annotations

import click

from fraisier.cli.deploy import actor, finish, listening, override_option, wait_option
from fraisier.cli.options import as_json, load_config, target_arguments


@click.command()
@target_arguments
@click.option(
    "--at",
    metavar="MOMENT",
    help="The newest good copy up to then, such as 2026-11-22 or 2026-11-22T03:00 (UTC unless it says otherwise); default: the newest.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether that is meant.")
@override_option
@wait_option
@as_json
@click.pass_context
def restore(
    ctx: click.Context,
    /,
    fraise: str,
    environment: str,
    *,
    at: str | None,
    yes: bool,
    override: str | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Bring a database back from a copy.

    The copy is read into a database of its own, verified, and takes the other's place; that one is kept. What was written since the copy
    was made is in the one that is kept.
    """
    from fraisier.record.ledger import Ledger
    from fraisier.restoring import moment
    from fraisier.restoring import restore as bring_back
    from fraisier.work import Asked

    config = load_config(ctx)
    resolved = config.get_fraise_environment(fraise, environment)
    asked = Asked(actor=actor(), restore=moment(at) if at else "", override=override, wait=wait)
    if not yes:
        click.confirm(f"{resolved.target}: put a copy in the place of the database that serves?", abort=True, err=True)
    with Ledger() as ledger:
        with listening(quiet=as_json) as listener:
            result = bring_back(ledger, resolved, asked, listener, config.environ)
        return finish(ledger, config, result, as_json=as_json)
