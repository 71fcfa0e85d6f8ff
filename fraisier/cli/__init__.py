"""The command line. Each command is imported when it is called: `fraisier list` must start in a few hundredths of a second."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from fraisier.cli.options import fail
from fraisier.errors import FraisierError

# name -> (module, below fraisier.cli unless it says so, attribute, help line); a test holds the help lines against the commands' own.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "approvals": ("approvals", "approvals", "Show what needs an approval, and what was approved."),
    "approve": ("approve", "approve", "Approve what somebody else has asked for: a plan, or a commit."),
    "cancel": ("cancel", "cancel", "Cancel the deployment that runs, or waits, for a target."),
    "bootstrap": ("bootstrap", "bootstrap", "Make bare servers ready: user, key, folder, sudo or lingering, host key."),
    "collect": ("collect", "collect", "Fetch from the hosts what jobs have run by the clock."),
    "config": ("config", "config", "Validate, show and describe fraises.yaml."),
    "db": ("db", "db", "Look after the database of deployments."),
    "deploy": ("deploy", "deploy", "Deploy a fraise to an environment."),
    "doctor": ("doctor", "doctor", "Check this machine, the configuration and every host."),
    "history": ("history", "history", "Show past deployments, newest first."),
    "init": ("init", "init", "Write a starter fraises.yaml."),
    "list": ("list", "list_fraises", "List fraises, their environments, branches and hosts."),
    "lock": ("lock", "lock", "Show who holds a target, or take it away."),
    "logs": ("logs", "logs", "Show what a deployment did, task by task."),
    "notify": ("notify", "notify", "Try the places that hear of deployments, and see what waits for them."),
    "plan": ("plan", "plan", "Say what a deployment would do, and keep it for deploy --plan."),
    "queue": ("queue", "queue", "Show what runs and what waits, in the order in which it will be done."),
    "render": ("render", "render", "Write a deployment as a project for plain ansible-playbook."),
    "restore": ("restore", "restore", "Bring a database back from a copy."),
    "resume": ("resume", "resume", "Go on with a deployment that was cut off, or settle what hosts owe."),
    "retry": ("retry", "retry", "Try a failed deployment again: the same commit to the same hosts."),
    "rollback": ("rollback", "rollback", "Go back to the previous good release, or to a named one."),
    "run": ("run", "run", "Run a job of what is deployed, once, without a deployment."),
    "serve": ("fraisier.web.serve", "serve", "Receive webhooks, and deploy what is pushed."),
    "stats": ("stats", "stats", "Show counts, success rates and durations."),
    "status": ("status", "status", "Show what runs where; --live asks the hosts."),
    "webhooks": ("webhooks", "webhooks", "Look at received webhooks, decide on one again, try a hook."),
    "work": ("work", "work", "Carry out deployments that are asked for in the background."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they run; its help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(
            importlib.import_module(module if module.startswith("fraisier.") else f"fraisier.cli.{module}"), attribute
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            if near := difflib.get_close_matches(args[0], COMMANDS, n=1):
                raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in sorted(COMMANDS.items())])


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from fraisier import __version__

        click.echo(f"fraisier {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config", "-c", metavar="FILE", help="The fraises.yaml to use (default: FRAISIER_CONFIG, then the usual places)."
)
@click.option("--verbose", "-v", is_flag=True, help="Show tracebacks of errors.")
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version and exit."
)
@click.pass_context
def group(ctx: click.Context, config: str | None, verbose: bool) -> None:
    """Deploy your services to your own servers, with real Ansible underneath."""
    ctx.obj = {"config": config, "verbose": verbose}


def main(args: list[str] | None = None) -> None:
    """Entry point of the ``fraisier`` script: runs a command and ends with its exit code."""
    from fraisier.secrets.memory import forbid_core_files

    forbid_core_files()
    given = sys.argv[1:] if args is None else args
    sys.exit(run(given))


def serve() -> None:
    """Entry point of the ``fraisier-webhook`` script: `fraisier serve`."""
    main(["serve", *sys.argv[1:]])


def run(args: list[str]) -> int:
    """Run a command line and return its exit code (docs/reference/exit-codes.md has the table)."""
    try:
        result: Any = group.main(args=args, prog_name="fraisier", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("cancelled", err=True)
        return 130
    except FraisierError as error:
        fail(error, as_json="--json" in args)
        if "-v" in args or "--verbose" in args:
            raise
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has gone: nothing more to say to it
        return 0
    return result if isinstance(result, int) else 0
