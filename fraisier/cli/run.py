"""`fraisier run`: a job of what is deployed, once."""

from __future__ import annotations

import re

import click

from fraisier.cli.deploy import actor, finish, listening, override_option, wait_option
from fraisier.cli.options import as_json, load_config, target_arguments

PARAM = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,63})=([^\x00-\x1f\x7f]{0,4096})")


def _params(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in given:
        match = PARAM.fullmatch(text)
        if not match:
            raise click.BadParameter(f"{text!r} is not NAME=TEXT: a letter, then letters, digits, - and _; one line")
        found[match[1]] = match[2]
    return found


@click.command()
@target_arguments
@click.argument("job", required=False)
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=TEXT",
    callback=_params,
    help="Given to the program as --NAME=TEXT.",
)
@click.option("--limit", metavar="HOSTS", help="Only these hosts: names or patterns, separated by commas.")
@override_option
@wait_option
@as_json
@click.pass_context
def run(
    ctx: click.Context,
    /,
    fraise: str,
    environment: str,
    *,
    job: str | None,
    params: dict[str, str],
    limit: str | None,
    override: str | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Run a job of what is deployed, once, without a deployment.

    The program of an etl, or a job of a scheduled fraise, in the release that its hosts have. Exit code, duration and last lines are on
    record; who hears of deployments hears of it.
    """
    from fraisier import deploy as deployment
    from fraisier.record.ledger import Ledger
    from fraisier.work import Asked

    config = load_config(ctx)
    resolved = config.get_fraise_environment(fraise, environment)
    with Ledger() as ledger:
        with listening(quiet=as_json) as listener:
            asked = Asked(actor=actor(), limit=limit, params=params, override=override, wait=wait)
            result = deployment.run(ledger, resolved, job, asked, listener, config.environ)
        return finish(ledger, config, result, as_json=as_json)
