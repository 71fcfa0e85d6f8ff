"""`fraisier work`: carry out what webhooks, the clock and `deploy --detach` ask for."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

import click


@click.command()
@click.option(
    "--concurrency", type=click.IntRange(1), metavar="N", help="Deployments at once; default: engine.concurrency."
)
@click.option("--once", is_flag=True, help="Carry out what waits now, then exit.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON object a line.",
)
@click.pass_context
def work(ctx: click.Context, /, *, concurrency: int | None, once: bool, log_format: str) -> int:
    """Carry out deployments that are asked for in the background.

    On SQLite one worker is at work and others stand by; on PostgreSQL all of them are. SIGTERM or Ctrl-C: nothing new is begun, what runs
    may finish for engine.stop_seconds; a second one ends at once, and the next worker goes on with what was left. Exits with 0 when all
    that was begun has ended, 130 when something was left.
    """
    from fraisier.engine.source import Source
    from fraisier.engine.work import work as serve
    from fraisier.record.ledger import Ledger
    from fraisier.show.journal import start_logging

    start_logging(sys.stderr, as_json=log_format == "json", is_verbose=ctx.obj["verbose"])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _leave() if stop.is_set() else stop.set())
    with Ledger() as ledger:
        if not serve(ledger, Source(ctx.obj["config"], os.environ), stop, concurrency=concurrency, once=once):
            _leave()
    return 0


def _leave() -> None:
    """End without waiting for anybody: what ran ends with us, and is the next worker's."""
    logging.shutdown()
    os._exit(130)
