"""`fraisier approvals`: what needs somebody's consent, and who gave theirs to what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.options import as_json, print_json, since_option

if TYPE_CHECKING:
    from fraisier.record.approvals import Approval, Entry


@click.command()
@since_option
@as_json
def approvals(*, since: timedelta | None, as_json: bool) -> None:
    """Show what needs an approval, and what was approved.

    Of the last week, unless --since says more.
    """
    from fraisier.record.approvals import read_history
    from fraisier.record.ledger import Ledger

    now = datetime.now(UTC)
    with Ledger() as ledger:
        history = read_history(ledger, now - (since or timedelta(days=7)))
    needs, given = history.open_needs(), history.approvals[::-1]
    if as_json:
        print_json({"needs": [_entry(each) for each in needs], "approvals": [_approval(each, now) for each in given]})
        return
    _print(needs, given, now)


def _print(needs: list[Entry], given: tuple[Approval, ...], now: datetime) -> None:
    from fraisier.show.text import age, short, table

    if needs:
        rows = [
            (short(each.id), each.target.slug, each.detail, each.actor or "-", age(each.created_at, now))
            for each in needs
        ]
        click.echo(table(("NEEDED", "TARGET", "WHAT", "ASKED BY", "SINCE"), rows))
        first = needs[0].target
        job = f" --job {first.job}" if first.job else ""
        click.echo(f"\nto approve: fraisier approve {first.fraise} {first.environment} {short(needs[0].id)}{job}")
    else:
        click.echo("nothing needs an approval")
    if given:
        rows = [
            (each.target.slug, each.detail, each.actor, age(each.created_at, now), _state(each, now)) for each in given
        ]
        click.echo("\n" + table(("TARGET", "APPROVED", "BY", "WHEN", "STATE"), rows))


def _state(approval: Approval, now: datetime) -> str:
    if approval.used_by:
        return f"used by {approval.used_by[:8]}"
    return "expired" if approval.expires_at <= now else "unused"


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "target": entry.target.slug,
        "subject": entry.subject,
        "detail": entry.detail,
        "commit": entry.commit or None,
        "actor": entry.actor,
        "created_at": entry.created_at,
    }


def _approval(approval: Approval, now: datetime) -> dict[str, Any]:
    state = _state(approval, now).partition(" ")[0]
    return {
        **_entry(approval),
        "expires_at": approval.expires_at,
        "state": state,
        "deployment_id": approval.used_by or None,
    }
