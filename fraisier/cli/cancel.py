"""`fraisier cancel`: stop what runs or waits, from anywhere that reaches the ledger."""

from __future__ import annotations

import time

import click

from fraisier.cli.deploy import actor
from fraisier.cli.options import as_json, load_config, print_json, target_arguments
from fraisier.errors import UsageError

LOOK_SECONDS = 0.5


@click.command()
@target_arguments
@click.option("--no-wait", is_flag=True, help="Only ask; do not wait until everything is put back.")
@as_json
@click.pass_context
def cancel(ctx: click.Context, /, fraise: str, environment: str, *, no_wait: bool, as_json: bool) -> int:
    """Cancel the deployment that runs, or waits, for a target.

    What has moved is put back by the process that runs it. Exits with 0 when the deployment has ended as cancelled, 7 when going back
    failed, 1 when it had ended by itself before it heard of this.
    """
    from fraisier.line import interrupt_orphans
    from fraisier.record import read, write
    from fraisier.record.ledger import Ledger
    from fraisier.vocabulary import Status

    resolved = load_config(ctx).get_fraise_environment(fraise, environment)
    target = resolved.target
    with Ledger() as ledger:
        interrupt_orphans(ledger, resolved)
        waiting = read.pending(ledger, target)
        found = next(iter(read.running(ledger, target)), None) or waiting
        if found is None:
            raise UsageError(
                f"{target}: nothing runs and nothing waits", hint=f"fraisier history {fraise} {environment}"
            )
        for row in (waiting, found):
            if row is not None:
                found = write.cancel(ledger, row.id, actor=actor())
        while not no_wait and not found.status.is_final:
            time.sleep(LOOK_SECONDS)
            interrupt_orphans(ledger, resolved)
            found = read.deployment(ledger, found.id) or found
    if as_json:
        print_json({"deployment": {"id": found.id, "status": found.status, "details": found.details}})
    elif not found.status.is_final:
        click.echo(f"{target}: deployment {found.id[:8]} was asked to stop")
    else:
        said = found.details.get("compensation") or found.error_message or "nothing was changed"
        click.echo(f"{found.status}: {target}, deployment {found.id[:8]}: {said}")
    if not found.status.is_final or found.status is Status.CANCELLED:
        return 0
    return 7 if found.status is Status.ROLLBACK_FAILED else 1
