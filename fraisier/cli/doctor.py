"""`fraisier doctor`: everything that a deployment needs, looked at before it is needed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import click

from fraisier.cli.options import as_json, load_config, print_json
from fraisier.errors import FraisierError


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ``state`` is ok, warning or problem; ``message`` what was found, ``hint`` what to do next."""

    subject: str
    state: str
    message: str
    hint: str = ""
    host: str = ""
    check: str = ""


@click.command()
@click.argument("fraise", required=False)
@click.argument("environment", required=False)
@click.option("--no-hosts", is_flag=True, help="Do not ask the hosts.")
@as_json
@click.pass_context
def doctor(ctx: click.Context, /, fraise: str | None, environment: str | None, *, no_hosts: bool, as_json: bool) -> int:
    """Check this machine, the configuration and every host.

    On every host at once: login, sudo, disk, clock, access to the repository, unit, port, service and database. Each finding says what to
    do next. Exits with 0 when there is no problem, 1 otherwise.
    """
    findings = []
    for finding in _look(ctx, fraise, environment, ask_hosts=not no_hosts):
        findings.append(finding)
        if not as_json and (finding.check == LAST or finding.state != "ok" or not finding.host):
            _print(finding)
    code = int(any(finding.state == "problem" for finding in findings))
    if as_json:
        shown = [vars(finding) for finding in findings if finding.check != LAST]
        print_json({"findings": shown, "exit_code": code})
    return code


LAST = "all"
"""The finding that sums up what is well on a host; for people only."""


def _print(finding: Finding) -> None:
    width = shutil.get_terminal_size((80, 24)).columns
    colour = {"ok": "green", "warning": "yellow", "problem": "red"}[finding.state]
    first, *rest = _wrapped(f"{finding.subject}: {finding.message}", width - 9)
    click.echo(f"{click.style(f'{finding.state:<8}', fg=colour)} {first}")
    for line in [*rest, *_wrapped(f"-> {finding.hint}" if finding.hint else "", width - 9)]:
        click.echo(f"{'':<8} {line}")


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return [
        part
        for line in text.splitlines()
        for part in textwrap.wrap(line, max(width, 40), break_long_words=False, break_on_hyphens=False)
    ]


def _look(ctx: click.Context, fraise: str | None, environment: str | None, *, ask_hosts: bool) -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{sys.version.split()[0]} at {sys.executable}")
    yield Finding("ansible-core", "ok", f"{version('ansible-core')}, ansible-runner {version('ansible-runner')}")
    yield from _collection()
    yield _tool("git", "apt-get install git")
    yield _tool("ssh", "apt-get install openssh-client (needed for hosts with connection: ssh)", needed=False)
    yield _guarded("ledger", _ledger)
    try:
        config = load_config(ctx)
    except FraisierError as error:
        yield Finding("configuration", "problem", str(error))
        return
    yield Finding("configuration", "ok", f"{config.path}, {len(config.targets())} targets")
    targets = _chosen(config, fraise, environment)
    for resolved in targets:
        yield _repository(resolved, config.environ)
    if ask_hosts:
        yield from _hosts(targets, config.environ)


def _chosen(config: Any, fraise: str | None, environment: str | None) -> list[Any]:
    if fraise is not None:
        config.get_fraise(fraise)  # it knows the names, and what was probably meant
    if fraise is not None and environment is not None:
        config.get_fraise_environment(fraise, environment)
    return [
        resolved
        for resolved in config.all()
        if fraise in (None, resolved.target.fraise) and environment in (None, resolved.target.environment)
    ]


def _collection() -> Iterator[Finding]:
    from fraisier.run import collection

    ours = collection.ours()
    yield Finding("collection", "ok", f"{collection.NAME} {ours.version} from the {ours.origin}, {ours.folder}")
    for other in collection.other_copies(dict(os.environ)):
        yield Finding(
            "collection",
            "warning",
            f"another copy, {other.version or 'unknown version'}, is in {other.folder}: plain ansible-playbook takes that one; "
            "Fraisier's own runs do not",
        )


def _tool(name: str, how: str, *, needed: bool = True) -> Finding:
    found = shutil.which(name)
    return (
        Finding(name, "ok", found) if found else Finding(name, "problem" if needed else "warning", f"not found: {how}")
    )


def _guarded(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, "ok", look())
    except FraisierError as error:
        return Finding(subject, "problem", str(error))


def _ledger() -> str:
    from fraisier.record import read
    from fraisier.record.ledger import Ledger

    with Ledger() as ledger:
        newest = read.history(ledger, limit=1)
        return f"{ledger.place}" + ("" if newest else " (no deployments yet)")


def _repository(resolved: Any, environ: Any) -> Finding:
    from fraisier.errors import NotBuiltYet
    from fraisier.git import remote
    from fraisier.variables import repository_of

    subject = str(resolved.target)
    try:
        repository, branch = repository_of(resolved)
        if not repository:
            return Finding(subject, "ok", "is made from its settings alone")
        commit = remote.resolve(repository, branch, environ)
    except NotBuiltYet as error:
        return Finding(subject, "warning", error.message, error.hint or "")
    except FraisierError as error:
        return Finding(subject, "problem", error.message, error.hint or "")
    return Finding(subject, "ok", f"{repository} answers, {branch} is at {commit[:10]}")


def _hosts(targets: list[Any], environ: Any) -> Iterator[Finding]:
    from fraisier.checkup import examine_all
    from fraisier.errors import NotBuiltYet

    for target, found in examine_all(targets, environ).items():
        if isinstance(found, NotBuiltYet):
            continue  # told with its repository
        if isinstance(found, FraisierError):
            yield Finding(str(target), "problem", found.message, found.hint or "")
            continue
        for host in dict.fromkeys(one.host for one in found):
            subject = f"{target} on {host}"
            ours = [one for one in found if one.host == host]
            for one in ours:
                yield Finding(f"{subject}: {one.check}", one.state, one.message, one.hint, host, one.check)
            if well := [one.check for one in ours if one.state == "ok"]:
                yield Finding(subject, "ok", ", ".join(well), "", host, LAST)
