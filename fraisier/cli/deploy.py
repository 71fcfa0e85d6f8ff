"""`fraisier deploy`: the command-line door to the deploy."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.options import as_json, error_data, load_config, print_json

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig
    from fraisier.record.ledger import Ledger
    from fraisier.work import DeploymentResult, Listener


wait_option = click.option(
    "--wait/--no-wait",
    default=True,
    help="While another deployment holds the target: stand in line (default), or exit with 6 at once.",
)


override_option = click.option(
    "--override",
    metavar="REASON",
    help="In an emergency: lift freeze, approvals, required_branch and max_hosts. Recorded, and told to everybody.",
)


@click.command()
@click.argument("fraise", metavar="FRAISE")
@click.argument("environment", metavar="ENVIRONMENT", required=False)
@click.option("--force", is_flag=True, help="Deploy although the newest commit is what runs already.")
@click.option("--commit", metavar="HASH", help="Deploy this commit (full hash) instead of the branch's newest.")
@click.option("--limit", metavar="HOSTS", help="Only these hosts: names or patterns, separated by commas.")
@click.option(
    "--plan", metavar="ID", help="Do exactly what `fraisier plan` said, or refuse when something moved since."
)
@click.option(
    "--dry-run", is_flag=True, help="Say what would be done: Ansible's check mode on every host; nothing is changed."
)
@override_option
@wait_option
@click.option("--detach", is_flag=True, help="Ask a worker to do it, and come back at once (see fraisier work).")
@click.option(
    "--follow", is_flag=True, help="Ask a worker to do it and watch it; or, with an id alone, watch that deployment."
)
@click.option("--diff", is_flag=True, help="Show what changes in files; alone it implies --dry-run.")
@as_json
@click.pass_context
def deploy(
    ctx: click.Context,
    /,
    fraise: str,
    environment: str | None,
    *,
    as_json: bool,
    dry_run: bool,
    diff: bool,
    detach: bool,
    follow: bool,
    **asked: Any,
) -> int:
    """Deploy a fraise to an environment.

    Brings the newest commit of the branch to every host, migrates, restarts, and waits until the new version answers. Whatever goes wrong
    is put back: code, dependencies and schema. `deploy --follow DEPLOYMENT` watches one that runs or waits, wherever that is.
    """
    if environment is None:
        return _watch(fraise, follow=follow, as_json=as_json)
    from fraisier import deploy as deployment
    from fraisier.record.ledger import Ledger
    from fraisier.work import Asked

    config = load_config(ctx)
    resolved = config.get_fraise_environment(fraise, environment)
    wanted = Asked(actor=actor(), **asked)
    if wanted.override is not None and not wanted.override.strip():
        raise click.UsageError("--override needs a reason: people will read it")
    if wanted.plan and (dry_run or diff):
        raise click.UsageError("--plan says what would be done already: give it without --dry-run and --diff")
    if dry_run or diff:
        from fraisier.cli.dry_run import dry_run as try_out

        if detach or follow:
            raise click.UsageError("--dry-run is done here and now: give it without --detach and --follow")
        return try_out(resolved, wanted, config.environ, diff=diff, as_json=as_json)
    if detach or follow:
        from fraisier.cli.background import ask
        from fraisier.vocabulary import Kind

        with Ledger() as ledger:
            return ask(ledger, resolved, Kind.DEPLOY, wanted, config.environ, follow=follow, as_json=as_json)
    with Ledger() as ledger:
        with listening(quiet=as_json) as listener:
            result = deployment.deploy(ledger, resolved, wanted, listener, config.environ)
        return finish(ledger, config, result, as_json=as_json)


def _watch(deployment_id: str, *, follow: bool, as_json: bool) -> int:
    if not follow:
        raise click.UsageError("Missing argument 'ENVIRONMENT'.")
    from fraisier.cli.background import watch
    from fraisier.record import write
    from fraisier.record.ledger import Ledger

    with Ledger() as ledger:
        return watch(ledger, write.known(ledger, deployment_id), as_json=as_json)


def actor() -> str:
    """Who asks, for the record: the login name, and the one behind sudo."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return f"{behind} (sudo)" if behind and behind != name else name


def print_line(text: str) -> None:
    click.echo(text)


@contextmanager
def listening(*, quiet: bool) -> Iterator[Listener]:
    """A live grid on a terminal, plain lines elsewhere, nothing where JSON is asked for."""
    from fraisier.show.progress import LiveListener, PlainListener, SilentListener

    if quiet:
        yield SilentListener()
    elif sys.stdout.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb":
        with LiveListener(sys.stdout) as live:
            yield live
    else:
        yield PlainListener(print_line)


def finish(ledger: Ledger, config: FraisierConfig, result: DeploymentResult, *, as_json: bool) -> int:
    """Print how it ended, let those hear of it who want to, and return the exit code, which depends on the deployment alone."""
    from fraisier.telling import tell

    code = report(result, as_json=as_json)
    sys.stdout.flush()
    for row in tell(ledger, config):
        click.echo(f"{row.channel} has not heard of {row.target} yet: {row.error} (fraisier notify list)", err=True)
    return code


def report(result: DeploymentResult, *, as_json: bool) -> int:
    """Print how it ended and return the exit code."""
    if as_json:
        print_json({"deployment": result_data(result)})
        return result.exit_code
    from fraisier.show.ending import story

    for line in story(result):
        click.echo(click.style(line.text, fg=line.colour, bold=line.is_bold), err=line.is_error)
    return result.exit_code


def result_data(result: DeploymentResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "fraise": result.target.fraise,
        "environment": result.target.environment,
        "job": result.target.job,
        "kind": result.kind,
        "status": result.status,
        "old_version": result.old_version,
        "new_version": result.new_version,
        "release_id": result.release_id,
        "duration_seconds": round(result.duration_seconds, 3),
        "hosts": dict(result.hosts),
        "compensation": result.compensation,
        "owed": dict(result.owed),
        "skipped": dict(result.skipped),
        "runs": {name: dict(run) for name, run in result.runs.items()},
        "untouched": list(result.untouched),
        "warnings": list(result.warnings),
        "error": error_data(result.error) if result.error else None,
        "exit_code": result.exit_code,
    }
