"""`fraisier notify ...`: try the places that hear of deployments, and see what has not reached them."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.options import as_json, load_config, print_json
from fraisier.errors import FraisierError, UsageError

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig

WIDTH = 18


@click.group()
def notify() -> None:
    """Try the places that hear of deployments, and see what waits for them."""


@notify.command()
@click.argument("place", required=False)
@as_json
@click.pass_context
def test(ctx: click.Context, /, place: str | None, *, as_json: bool) -> int:
    """Send a test message to every configured place, or to PLACE, and say what came back.

    Places are named as `fraisier notify list` names them: `slack #2` is the second address of notifications.urls. Exits with 0 when
    every message was taken, 4 otherwise. Nothing is written to the database.
    """
    config = load_config(ctx)
    results = [_tried(config, name) for name in _chosen(config, place)]
    code = max((result["exit_code"] for result in results), default=0)
    if as_json:
        print_json({"places": results, "exit_code": code})
        return int(code)
    for result in results:
        colour, word = ("red", result["error"]) if result["error"] else ("green", "sent")
        click.echo(f"{result['place']:<{WIDTH}} {click.style(word, fg=colour)}")
    return int(code)


@notify.command(name="list")
@as_json
@click.pass_context
def list_places(ctx: click.Context, /, *, as_json: bool) -> None:
    """List who hears of deployments, and what has not reached them.

    Shows each place with what it is told, then messages that wait to be sent again and those that were given up, newest first, with the
    reason.
    """
    from fraisier.record import read
    from fraisier.record.ledger import Ledger

    config = load_config(ctx)
    places = list(_places(config))
    with Ledger() as ledger:
        unsent = read.unsent_notifications(ledger)
    if as_json:
        print_json({"places": places, "on": list(config.notifications.on), "unsent": [vars(row) for row in unsent]})
        return
    for name in places:
        click.echo(f"{name:<{WIDTH}} {', '.join(config.notifications.on) or 'nothing'}")
    for provider in _services(config):
        click.echo(f"{f'status {provider}':<{WIDTH}} every deployment, beside its commit")
    if not places and not _services(config):
        click.echo("nobody: notifications.urls is empty, and no git service has a token")
    for row in unsent:
        state = "given up" if row.status == "failed" else "is tried again" if row.attempts else "waits"
        click.echo(f"{row.channel:<{WIDTH}} {row.event} of {row.target}, {state}: {row.error or 'not sent yet'}")


def _places(config: FraisierConfig) -> list[str]:
    from fraisier.config.notices import addresses

    return [name for name, _ in addresses(config.notifications, config.environ)]


def _services(config: FraisierConfig) -> list[str]:
    from fraisier.config.notices import notices

    found = notices(config.notifications, config.git, config.environ)
    return sorted({provider for _, provider in found.statuses})


def _chosen(config: FraisierConfig, place: str | None) -> list[str]:
    places = _places(config)
    if not places:
        raise UsageError(
            "nobody to tell: notifications.urls is empty", hint="docs/how-to/notifications.md has examples"
        )
    if place is None:
        return places
    if place not in places:
        raise UsageError(f"there is no place '{place}'", hint=f"places: {', '.join(places)}")
    return [place]


def _tried(config: FraisierConfig, place: str) -> dict[str, Any]:
    from fraisier.notify.message import Message
    from fraisier.notify.send import send_message

    content = Message("Fraisier: a test", f"{getpass.getuser()} tries whether messages arrive here.", "success")
    try:
        send_message(place, content, config)
    except FraisierError as error:
        return {"place": place, "error": error.message.removeprefix(f"{place}: "), "exit_code": 4}
    return {"place": place, "error": "", "exit_code": 0}
