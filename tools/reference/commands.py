"""The command line, its exit codes, and the words in its output."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import yaml

from fraisier import cli, errors
from fraisier.vocabulary import EventKind, FraiseState, Kind, Phase, Status, Trigger
from reference.markdown import ROOT, page, table

CLI = """\
The command line is `fraisier`. With `--json` a command prints one JSON document, with `schema_version`; errors are then an `error`
object. What the exit codes mean: [exit codes](exit-codes.md). Options of the group, such as `--config`, stand before the command.

Environment variables: `FRAISIER_CONFIG` names the fraises.yaml, `FRAISIER_DATABASE_URL` the [database](database.md). A terminal gets
a grid that is drawn in place; a pipe, `CI` and `TERM=dumb` get plain lines. `NO_COLOR` takes the colours away. `FRAISIER_WARM=0` starts an
interpreter of its own for every run of Ansible instead of [forking a warm one](../why/warm-ansible-process.md)."""

EXIT_CODES = """\
0 means good: the deployment ended as `success` or `unchanged`, or the command did what was asked. Everything else is an error; its
name is the `code` of the JSON output and the `error_code` of the deployment's row. The HTTP status is for the server that comes later."""

MORE_EXIT_CODES = """\
A deployment ends with the code of what spoiled it, also when it was put back (`rolled_back`), and with 7 when going back failed
(`rollback_failed`). A deployment whose process died ends as `interrupted`, with the error code `WorkerLost` in its row. Commands with
codes of their own say so: [status](cli.md#fraisier-status), [doctor](cli.md#fraisier-doctor)."""

ERRORS_WITHOUT_WORDS = {
    "FraisierError": "anything else that went wrong; base of all others",
    "ConfigNotFound": "there is no fraises.yaml where it was looked for",
    "RollbackFailed": "going back did not hold: look at the hosts",
    "DeploymentTimeout": "the run took longer than `timeout_seconds`",
    "DeploymentCancelled": "somebody stopped it, with Ctrl-C for example",
}
PHASES = {
    Phase.PREFLIGHT: "Reach every host; look at folder, disk, tools and service manager. Nothing is changed.",
    Phase.FETCH: "Stage the commit as a complete release directory on every host.",
    Phase.BUILD: "Run the `install` commands inside the new release.",
    Phase.BACKUP: "Take a backup before the database is migrated.",
    Phase.MIGRATE: "Bring the database to the new release's version: once, on the first host.",
    Phase.DRAIN: "Take the host out of the load balancer.",
    Phase.ACTIVATE: "Swap `current` to the new release, by one rename.",
    Phase.RESTART: "Restart the service; wait until the new process stays up.",
    Phase.HEALTH: "Ask, on the host, until the new version answers or time is up.",
    Phase.REATTACH: "Put the host back into the load balancer.",
    Phase.VERIFY: "Ask every host once more, after all of them were switched.",
    Phase.PRUNE: "Remove old releases. A failure here is a warning: the new version has proven itself already.",
}
STATUSES = {
    Status.PENDING: "Asked for, not begun. A target has at most one; a newer request supersedes it.",
    Status.IN_PROGRESS: "Being carried out. A target has at most one.",
    Status.SUCCESS: "Every host has proven that it serves the release, but for as many as `max_failures` allows; those are named.",
    Status.UNCHANGED: "Nothing to do: commit, configuration and proof of every host agree already.",
    Status.FAILED: "It did not work, and neither a host nor the database had moved: what served before still serves.",
    Status.ROLLED_BACK: "It did not work, and every host that was touched has proven that it serves the release before.",
    Status.ROLLBACK_FAILED: "It did not work, and going back did not hold either. The message says what is true now, host by host.",
    Status.CANCELLED: "Stopped by somebody. What had moved was put back.",
    Status.SUPERSEDED: "A newer request for the same target took its place before it began.",
    Status.INTERRUPTED: "Its process died, froze, or lost the target. `fraisier resume` goes on with it; the next deployment trusts "
    "nothing that it may have left.",
}
STATES = {
    FraiseState.HEALTHY: "The newest deployment, or going back, has proven itself on every host that took part.",
    FraiseState.DEGRADED: "Some hosts owe a release: they did not answer while it went back, or failed within `max_failures`.",
    FraiseState.DOWN: "Nothing is deployed: a first deployment failed and was taken away again.",
    FraiseState.UNKNOWN: "Never deployed, or something was interrupted or could not be put back.",
}


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command with the words that people type, groups before what is in them."""
    yield from _below("fraisier", cli.group, None)


def _below(
    name: str, command: click.Command, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    info_name = name.rpartition(" ")[2]
    context = click.Context(command, info_name=info_name, parent=parent, terminal_width=100, **command.context_settings)
    yield name, command, context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner
            yield from _below(f"{name} {each}", inner, context)


def cli_page() -> str:
    lines = [CLI]
    for name, command, context in commands():
        lines += ["", f"## {name}", "", "```text", command.get_help(context).rstrip(), "```"]
    return page("Commands", *lines)


def error_classes(base: type[errors.FraisierError] = errors.FraisierError) -> Iterator[type[errors.FraisierError]]:
    yield base
    for each in base.__subclasses__():
        yield from error_classes(each)


def exit_codes_page() -> str:
    said = dict(re.findall(r"(\w+) +\d+ +\d+ +(\S.*)", errors.__doc__ or ""))
    rows = []
    for each in error_classes():
        meaning = ERRORS_WITHOUT_WORDS.get(each.__name__) or said[each.__name__]
        rows.append((each.exit_code, f"`{each.__name__}`", meaning, "yes" if each.retriable else "", each.http_status))
    headers = ("exit code", "error", "meaning", "trying again may help", "HTTP")
    listed = table(headers, sorted(rows, key=lambda row: row[0]))
    return page("Exit codes and errors", EXIT_CODES, "", *listed, "", MORE_EXIT_CODES)


def built_phases() -> set[str]:
    """Phases that the recipe of a service runs: their names are its tags."""
    plays = yaml.safe_load((ROOT / "playbooks" / "api.yml").read_text())
    return {tag for play in plays for task in play["tasks"] for tag in task["tags"]}


def statuses_page() -> str:
    built = built_phases()
    phases = [(f"`{phase}`", PHASES[phase] + ("" if phase in built else " **Not built yet.**")) for phase in Phase]
    statuses = [(f"`{status}`", "yes" if status.is_final else "no", STATUSES[status]) for status in Status]
    states = [(f"`{state}`", STATES[state]) for state in FraiseState]
    lines = [
        "## Phases of a deployment",
        "",
        "In this order; the same words in playbooks (as tags), events, database and output.",
        "",
    ]
    lines += [*table(("phase", "what happens"), phases), "", "## Statuses of a deployment", ""]
    lines += [*table(("status", "final", "meaning"), statuses), "", "## States of a target", ""]
    lines += table(("state", "meaning"), states)
    for title, kinds in (("Kinds", Kind), ("Triggers", Trigger), ("Events", EventKind)):
        lines += ["", f"## {title}", "", ", ".join(f"`{each}`" for each in kinds) + "."]
    return page("Phases and statuses", *lines)
