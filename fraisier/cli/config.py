"""`fraisier config ...`: is the file right, what does it come to, and what may stand in it."""

from __future__ import annotations

import json

import click

from fraisier.cli.options import as_json, error_data, fail, load_config, print_json
from fraisier.errors import ConfigError
from fraisier.show.text import counted


@click.group()
def config() -> None:
    """Validate, show and describe fraises.yaml."""


@config.command()
@as_json
@click.pass_context
def validate(ctx: click.Context, *, as_json: bool) -> int:
    """Check the whole file; every problem is reported, with its line."""
    try:
        found = load_config(ctx)
    except ConfigError as error:
        if as_json:
            print_json({"valid": False, "error": error_data(error)})
        else:
            fail(error, as_json=False)
            count = len(error.problems)
            click.echo(f"{count} problem{'s' if count > 1 else ''}", err=True)
        return error.exit_code
    targets = [target.slug for target in found.targets()]
    if as_json:
        print_json({"valid": True, "path": str(found.path), "targets": targets})
    else:
        click.echo(f"{found.path}: valid, {counted(len(targets), 'target')}: {', '.join(targets)}")
    return 0


@config.command()
@as_json
@click.pass_context
def show(ctx: click.Context, *, as_json: bool) -> None:
    """Show the configuration with everything resolved; secrets are masked."""
    from fraisier.config import resolved_as_data

    data = resolved_as_data(load_config(ctx))
    if as_json:
        print_json({"config": data})
    else:
        import yaml

        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)


@config.command()
def schema() -> None:
    """Print the JSON Schema of fraises.yaml, for editors."""
    from fraisier.config.schema import config_schema

    click.echo(json.dumps(config_schema(), indent=2))
