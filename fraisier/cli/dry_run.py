"""`fraisier deploy --dry-run`: the same plan in Ansible's check mode. Nothing is changed, and nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.options import print_json
from fraisier.vocabulary import Event, EventKind

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.work import Asked


def dry_run(resolved: ResolvedFraise, asked: Asked, environ: Mapping[str, str], *, diff: bool, as_json: bool) -> int:
    from fraisier import deploy as deployment
    from fraisier.evidence import Evidence
    from fraisier.record.ledger import Ledger
    from fraisier.run import Options, Runner
    from fraisier.secrets.keyring import Keyring

    with Ledger() as ledger, Runner(environ, resolved.settings.inventory_environment) as runner:
        preview = deployment.preview(ledger, resolved, asked, environ)
        if preview.plan is None:
            return _say_unchanged(preview.commit, as_json=as_json)
        secrets = Keyring(environ).reveal(preview.plan.secrets)
        events, evidence = [], Evidence(preview.plan.hosts)
        for event in runner.run(preview.plan, secrets, Options(check=True, diff=diff)):
            events.append(event)
            evidence.see(event)
            if not as_json:
                _show(event)
        error = evidence.judge(preview.plan, runner.outcome, expect_release={})
    if as_json:
        changes = [
            _data(event) for event in events if event.kind in (EventKind.OK, EventKind.FAILED, EventKind.UNREACHABLE)
        ]
        print_json(
            {"dry_run": {"commit": preview.commit, "would_deploy": True, "possible": error is None, "tasks": changes}}
        )
    elif error is None:
        click.echo(f"would deploy {preview.commit} to {resolved.target}; nothing was changed")
    else:
        words = "\n".join(runner.outcome.output[-5:])
        click.echo(click.style(f"this deployment would fail: {error.message}\n{words}".rstrip(), fg="red"), err=True)
    return error.exit_code if error else 0


def _say_unchanged(commit: str, *, as_json: bool) -> int:
    if as_json:
        print_json({"dry_run": {"commit": commit, "would_deploy": False, "possible": True, "tasks": []}})
    else:
        click.echo(f"nothing to do: {commit}, the newest commit, runs on every host already")
    return 0


def _show(event: Event) -> None:
    from fraisier.bound import diff_text

    if event.kind is EventKind.OK and (event.changed or event.result.get("diff")):
        click.echo(f"{event.phase or event.task:<10} {event.host}  would change")
        diffs = event.result.get("diff") or []
        click.echo(diff_text([diffs] if isinstance(diffs, dict) else diffs), nl=False)
    elif event.kind in (EventKind.FAILED, EventKind.UNREACHABLE):
        click.echo(f"{event.phase or event.task:<10} {event.host}  {event.kind}: {event.message}")


def _data(event: Event) -> dict[str, Any]:
    return {
        "phase": event.phase,
        "task": event.task,
        "host": event.host,
        "status": event.kind,
        "changed": event.changed,
        "message": event.message,
        "diff": event.result.get("diff"),
    }
