"""`fraisier resume`: finish what was interrupted, or settle what hosts still owe."""

from __future__ import annotations

import click

from fraisier.cli.deploy import actor, finish, listening, wait_option
from fraisier.cli.options import as_json, load_config, target_arguments


@click.command()
@target_arguments
@wait_option
@as_json
@click.pass_context
def resume(ctx: click.Context, /, fraise: str, environment: str, *, wait: bool, as_json: bool) -> int:
    """Go on with a deployment that was cut off, or settle what hosts owe.

    A deployment whose process was killed is continued with the same release, from what the hosts show; when it does not hold, everything
    is put back. Hosts that were not reachable while a deployment went back get the release that they should have.
    """
    from fraisier import deploy as deployment
    from fraisier.record.ledger import Ledger

    config = load_config(ctx)
    resolved = config.get_fraise_environment(fraise, environment)
    with Ledger() as ledger:
        with listening(quiet=as_json) as listener:
            result = deployment.resume(ledger, resolved, actor(), listener, config.environ, wait=wait)
        return finish(ledger, config, result, as_json=as_json)
