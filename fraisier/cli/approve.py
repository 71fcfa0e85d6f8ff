"""`fraisier approve`: consent to what somebody else has asked for."""

from __future__ import annotations

import click

from fraisier.cli.deploy import actor
from fraisier.cli.options import as_json, load_config, print_json, target_arguments


@click.command()
@target_arguments
@click.argument("what", metavar="[PLAN|COMMIT|NEED]", required=False)
@click.option("--job", metavar="JOB", help="A run of this job, where those need an approval.")
@as_json
@click.pass_context
def approve(
    ctx: click.Context, /, fraise: str, environment: str, *, what: str | None, job: str | None, as_json: bool
) -> None:
    """Approve what somebody else has asked for: a plan, or a commit.

    Without a name it is what waits for the target. The approval is for exactly that (a plan; or a commit with the configuration as it is
    now), is used once, and expires. A deployment that waits for it begins. Nobody approves their own request.
    """
    from fraisier.engine.approving import approve as give
    from fraisier.jobs import of_job
    from fraisier.record.ledger import Ledger
    from fraisier.show.text import when

    config = load_config(ctx)
    resolved = config.get_fraise_environment(fraise, environment)
    if job is not None:
        resolved = of_job(resolved, job)
    with Ledger() as ledger:
        given = give(ledger, resolved, what, actor=actor(), environ=config.environ)
    if as_json:
        print_json(
            {
                "target": resolved.target.slug,
                "subject": given.subject.key,
                "commit": given.subject.commit or None,
                "expires_at": given.expires_at,
                "is_new": given.is_new,
                "deployment": given.freed.id if given.freed else None,
            }
        )
        return
    already = "approved" if given.is_new else "was approved by you already"
    click.echo(f"{resolved.target}: {given.subject.detail} {already}, valid until {when(given.expires_at)}")
    if given.freed:
        click.echo(f"  deployment {given.freed.id[:8]} goes on: fraisier deploy --follow {given.freed.id[:8]}")
