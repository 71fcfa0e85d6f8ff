"""`fraisier rollback`."""

from __future__ import annotations

import click

from fraisier.cli.deploy import actor, finish, listening, override_option, wait_option
from fraisier.cli.options import as_json, load_config, target_arguments


@click.command()
@target_arguments
@click.option(
    "--to",
    metavar="RELEASE",
    help="Release id or commit (or the beginning of one); default: the previous good release.",
)
@override_option
@wait_option
@as_json
@click.pass_context
def rollback(
    ctx: click.Context,
    /,
    fraise: str,
    environment: str,
    *,
    to: str | None,
    override: str | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Go back to the previous good release, or to a named one.

    Recorded like any deployment. Asked again it steps further back; it never lands on a release that was bad.
    """
    from fraisier import deploy as deployment
    from fraisier.record.ledger import Ledger
    from fraisier.work import Asked

    config = load_config(ctx)
    resolved = config.get_fraise_environment(fraise, environment)
    with Ledger() as ledger:
        with listening(quiet=as_json) as listener:
            asked = Asked(actor=actor(), to=to, wait=wait, override=override)
            result = deployment.rollback(ledger, resolved, asked, listener, config.environ)
        return finish(ledger, config, result, as_json=as_json)
