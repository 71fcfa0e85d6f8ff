"""`fraisier init`: a file that validates as it is, and deploys once its repository URL is filled in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from fraisier.errors import UsageError


@click.command()
@click.option(
    "--repository", metavar="URL", help="Git URL to deploy from (default: this folder's origin, if it has one)."
)
@click.option("--output", "-o", default="fraises.yaml", show_default=True, metavar="FILE", help="Where to write.")
@click.option("--force", is_flag=True, help="Write over an existing file.")
def init(repository: str | None, output: str, *, force: bool) -> None:
    """Write a starter fraises.yaml."""
    from fraisier.config.template import starter

    path = Path(output)
    if path.exists() and not force:
        raise UsageError(f"{path} exists already", hint="give another --output, or --force to write over it")
    url = repository or _origin()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(starter(url, app_path=str(Path.home() / "fraises" / "my_api")))
    click.echo(f"wrote {path}")
    if not url:
        click.echo(f"1. put your repository's URL into {path} (git_repo)")
    click.echo(f"{'2' if not url else '1'}. fraisier config validate")
    click.echo(f"{'3' if not url else '2'}. fraisier deploy my_api production")


def _origin() -> str | None:
    done = subprocess.run(["git", "remote", "get-url", "origin"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None if done.returncode == 0 else None
