"""`fraisier render`: the plan as a project that plain ansible-playbook runs, with or without Fraisier around."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from fraisier.cli.options import as_json, load_config, print_json, target_arguments
from fraisier.errors import UsageError


@click.command()
@target_arguments
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder to write (new or empty); default: print the inventory.",
)
@click.option("--commit", metavar="HASH", help="The commit to deploy (full hash); default: the branch's newest.")
@as_json
@click.pass_context
def render(
    ctx: click.Context, fraise: str, environment: str, *, output: Path | None, commit: str | None, as_json: bool
) -> None:
    """Write a deployment as a project for plain ansible-playbook."""
    from uuid import uuid4

    from fraisier.compile import deploy_plan
    from fraisier.deploy import release_id
    from fraisier.estate import located
    from fraisier.plan import Release
    from fraisier.run import project
    from fraisier.standing import newest_version

    config = load_config(ctx)
    resolved = located(config.get_fraise_environment(fraise, environment), config.environ)
    version = commit or newest_version(resolved, config.environ)
    plan = deploy_plan(resolved, Release(release_id(datetime.now(UTC), version, str(uuid4())), version))
    if output is None:
        if as_json:
            print_json({"plan": plan.snapshot()})
        else:
            click.echo("---\n" + project.to_yaml(plan.inventory()), nl=False)
        return
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"{output} is not empty", hint="name a new folder")
    project.render(plan, output)
    if as_json:
        print_json(
            {"folder": str(output), "release_id": plan.release.release_id if plan.release else None, "hash": plan.hash}
        )
    else:
        secrets = " -e @secrets.json" if plan.secrets else ""
        click.echo(f"wrote {output}: cd {output} && ansible-playbook site.yml{secrets}")
