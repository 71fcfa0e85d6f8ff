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
    """One thing looked at: ``state`` is ok, warning or problem; ``message`` what was found and what to do."""

    subject: str
    state: str
    message: str


@click.command()
@click.option("--no-hosts", is_flag=True, help="Do not ask the hosts.")
@as_json
@click.pass_context
def doctor(ctx: click.Context, /, *, no_hosts: bool, as_json: bool) -> int:
    """Check this machine, the configuration and every host.

    Exits with 0 when there is no problem, 1 otherwise.
    """
    findings = []
    for finding in _look(ctx, ask_hosts=not no_hosts):
        findings.append(finding)
        if not as_json:
            colour = {"ok": "green", "warning": "yellow", "problem": "red"}[finding.state]
            click.echo(f"{click.style(f'{finding.state:<8}', fg=colour)} {finding.subject}: {finding.message}")
    code = int(any(finding.state == "problem" for finding in findings))
    if as_json:
        print_json({"findings": [vars(finding) for finding in findings], "exit_code": code})
    return code


def _look(ctx: click.Context, *, ask_hosts: bool) -> Iterator[Finding]:
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
    for resolved in config.all():
        yield from _target(resolved, config.environ, ask_hosts=ask_hosts)


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


def _target(resolved: Any, environ: Any, *, ask_hosts: bool) -> Iterator[Finding]:
    from fraisier.errors import NotBuiltYet
    from fraisier.git import remote
    from fraisier.probe import probe
    from fraisier.record.ledger import Ledger
    from fraisier.variables import settings_of

    subject = str(resolved.target)
    try:
        settings = settings_of(resolved)
        commit = remote.resolve(settings.git_repo or "", settings.branch, environ)
        yield Finding(subject, "ok", f"{settings.git_repo} answers, {settings.branch} is at {commit[:10]}")
        if not ask_hosts:
            return
        with Ledger() as ledger:
            truths = probe(ledger, resolved, environ)
    except NotBuiltYet as error:
        yield Finding(subject, "warning", error.message)
        return
    except FraisierError as error:
        yield Finding(subject, "problem", str(error))
        return
    for truth in truths:
        yield _host(subject, truth)


def _host(subject: str, truth: Any) -> Finding:
    where = f"{subject} on {truth.host}"
    if not truth.reachable:
        return Finding(where, "problem", truth.message)
    if truth.drift:
        return Finding(where, "warning", "; ".join(truth.drift))
    if truth.release_id and truth.healthy is False:
        return Finding(where, "problem", truth.message or "not healthy")
    return Finding(
        where, "ok", f"release {truth.release_id}" if truth.release_id else "reachable, nothing deployed yet"
    )
