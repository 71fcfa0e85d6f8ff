"""`fraisier plan`: what a deployment would do on every host, kept under an id that `fraisier deploy --plan` takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.deploy import actor
from fraisier.cli.options import Since, as_json, load_config, print_json, target_arguments
from fraisier.vocabulary import Phase

if TYPE_CHECKING:
    from fraisier.record.rows import StoredPlan

SAID_ELSEWHERE = ("git", "activate", "prune", "migrate", "build")
"""Their diffs say what the table and the list of migrations say."""


@click.command()
@target_arguments
@click.option("--force", is_flag=True, help="Plan although the newest commit is what runs already.")
@click.option("--commit", metavar="HASH", help="Plan this commit (full hash) instead of the branch's newest.")
@click.option("--limit", metavar="HOSTS", help="Only these hosts: names or patterns, separated by commas.")
@click.option(
    "--valid-for",
    type=Since(),
    default="1d",
    show_default=True,
    metavar="SPAN",
    help="How long the plan may be used: 30min, 12h, 7d ...",
)
@as_json
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    fraise: str,
    environment: str,
    *,
    as_json: bool,
    valid_for: timedelta,
    force: bool,
    commit: str | None,
    limit: str | None,
) -> int:
    """Say what a deployment would do, and keep it for deploy --plan.

    Asks every host at once in Ansible's check mode; nothing is changed. `fraisier deploy FRAISE ENVIRONMENT --plan ID` then does exactly
    that, once, and refuses (exit code 9) when commit, configuration, migrations or hosts have moved since.
    """
    from fraisier.planning import make
    from fraisier.record import read
    from fraisier.record.ledger import Ledger
    from fraisier.work import Asked

    config = load_config(ctx)
    resolved = config.get_fraise_environment(fraise, environment)
    asked = Asked(actor=actor(), commit=commit, force=force, limit=limit)
    with Ledger() as ledger:
        running = read.running(ledger, resolved.target)
        made = make(ledger, resolved, asked, config.environ, valid_for=valid_for)
    if as_json:
        print_json({"plan": _data(made) if made else None})
    elif made is None:
        click.echo(f"nothing to do: {resolved.target} runs the newest commit on every host, with this configuration")
    else:
        for line in shown(made):
            click.echo(line)
        if running:
            warning = f"deployment {running[0].id[:8]} is running: when it ends, this plan will not hold"
            click.echo(click.style(f"warning: {warning}", fg="yellow"), err=True)
    return 0


def shown(plan: StoredPlan) -> Iterator[str]:
    """A plan for people: what on which host, diffs, migrations in order, and what to type next."""
    from fraisier.show.text import commit, table, when

    found = plan.findings
    before = commit(plan.old_version) if plan.old_version else "nothing"
    yield f"{plan.target}: {before} -> {commit(plan.git_commit)} ({'given' if plan.pinned else plan.git_branch})"
    yield ""
    restarts = plan.plan["variables"].get("fraisier_service_manager", "none") != "none"
    yield table(("HOST", "HAS NOW", "SERVICE", "WOULD CHANGE"), [*_rows(found, restarts=restarts)])
    for sentence in found["drift"]:
        yield click.style(f"! {sentence}", fg="yellow")
    if len(found["batches"]) > 1:
        yield ""
        yield f"in {len(found['batches'])} batches: " + ", then ".join(" ".join(batch) for batch in found["batches"])
    yield from _migrations(found["migration"])
    yield from _diffs(found["hosts"])
    yield ""
    for sentence in found.get("policies", ()):
        yield click.style(f"! {sentence}", fg="yellow")
    yield f"nothing was changed; plan {plan.id[:8]} is valid until {when(plan.expires_at)}"
    yield "next: " + click.style(
        f"fraisier deploy {plan.target.fraise} {plan.target.environment} --plan {plan.id[:8]}", bold=True
    )


def _rows(found: Mapping[str, Any], *, restarts: bool) -> Iterator[tuple[str, str, str, str]]:
    """Hosts that are alike share a line. That another release means a restart cannot be seen where it is not there yet."""
    from fraisier.show.text import commit

    alike: dict[tuple[str, str, str], list[str]] = {}
    for name, state in found["hosts"].items():
        found_here = dict.fromkeys(change["phase"] or change["task"] for change in state["changes"])
        if restarts and "activate" in found_here:
            found_here |= {"restart": None}
        order = [str(phase) for phase in Phase]
        phases = sorted(found_here, key=lambda name: order.index(name) if name in order else len(order))
        now = commit(state["version"]) if state["version"] else "nothing"
        alike.setdefault((now, state["service"] or "-", ", ".join(phases)), []).append(name)
    for key, names in alike.items():
        yield (", ".join(names), *key)


def _migrations(migration: dict[str, Any] | None) -> Iterator[str]:
    if migration is None:
        return
    yield ""
    at = f"database at {migration['at'] or 'base'}" if migration["at"] is not None else "database"
    if migration.get("replaces"):
        yield from wrap(migration["note"], 80)
        yield from _risks(migration)
    elif not migration["known"]:
        yield f"pending migrations are not known yet: {migration['note'] or 'the tool cannot name them'}"
    elif not migration["pending"]:
        yield f"no migration is pending ({at})"
    else:
        yield f"pending migrations, applied once, on {migration['host']} ({at}):"
        yield from (f"  {number}. {name}" for number, name in enumerate(migration["pending"], 1))
        yield from _risks(migration)


def _risks(migration: dict[str, Any]) -> Iterator[str]:
    """Whatever is more than an addition, and what the environment does about it."""
    for graded, answer in zip(migration.get("grades", ()), migration.get("answers", ()), strict=True):
        if graded["grade"] == "additive" and answer == "apply":
            continue
        words = {"apply": "", "ask": " (must be approved)", "deny": " (not allowed here)"}[answer]
        colour = {"apply": None, "ask": "yellow", "deny": "red"}[answer]
        sentence = f"{graded['name']} is {graded['grade']}{words}: {graded['why']}"
        for line in wrap(sentence, 80, initial_indent="  ", subsequent_indent="    "):
            yield click.style(line, fg=colour)


def _diffs(hosts: dict[str, Any]) -> Iterator[str]:
    alike: dict[tuple[str, str], list[str]] = {}
    for name, state in hosts.items():
        for change in state["changes"]:
            if change["diff"] and change["action"] not in SAID_ELSEWHERE:
                alike.setdefault((change["phase"] or change["task"], change["diff"]), []).append(name)
    for (phase, diff), names in alike.items():
        yield ""
        yield f"{phase} on {', '.join(names)}:"
        yield from (_coloured(line) for line in diff.splitlines())


def _coloured(line: str) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return f"  {click.style(line, fg=colour)}"


def _data(plan: StoredPlan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "hash": plan.hash,
        "fraise": plan.target.fraise,
        "environment": plan.target.environment,
        "actor": plan.actor,
        "created_at": plan.created_at,
        "expires_at": plan.expires_at,
        "branch": plan.git_branch,
        "commit": plan.git_commit,
        "pinned": plan.pinned,
        "forced": plan.forced,
        "limit": plan.host_limit or None,
        "old_version": plan.old_version,
        "release_id": plan.release_id,
        "config_hash": plan.config_hash,
        "plan_hash": plan.plan_hash,
        "plan": plan.plan,
        **plan.findings,
    }
