"""`fraisier retry`: once more what did not hold."""

from __future__ import annotations

import click

from fraisier.cli.background import ask, detach_option, follow_option
from fraisier.cli.deploy import actor, finish, listening, wait_option
from fraisier.cli.options import as_json, load_config


@click.command()
@click.argument("deployment", metavar="DEPLOYMENT | FRAISE ENVIRONMENT")
@click.argument("environment", required=False, metavar="")
@detach_option
@follow_option
@wait_option
@as_json
@click.pass_context
def retry(
    ctx: click.Context,
    /,
    deployment: str,
    environment: str | None,
    *,
    detach: bool,
    follow: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Try a failed deployment again: the same commit to the same hosts.

    Name it by its id, or by fraise and environment for the newest one. A branch that has moved since makes no difference; for its
    newest commit use deploy.
    """
    from dataclasses import replace

    from fraisier import deploy as deployment_
    from fraisier.engine.again import again, newest_of
    from fraisier.record import write
    from fraisier.record.ledger import Ledger
    from fraisier.vocabulary import Kind

    config = load_config(ctx)
    with Ledger() as ledger:
        if environment is None:
            row = write.known(ledger, deployment)
        else:
            row = newest_of(ledger, config.get_fraise_environment(deployment, environment).target)
        kind, asked = again(row, actor())
        resolved = config.get_fraise_environment(row.target.fraise, row.target.environment)
        if detach or follow:
            return ask(ledger, resolved, kind, asked, config.environ, follow=follow, as_json=as_json)
        act = deployment_.rollback if kind is Kind.ROLLBACK else deployment_.deploy
        with listening(quiet=as_json) as listener:
            result = act(ledger, resolved, replace(asked, wait=wait), listener, config.environ)
        return finish(ledger, config, result, as_json=as_json)
