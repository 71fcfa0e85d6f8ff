"""`fraisier serve`: the processes that receive webhooks, and the worker that deploys what they ask for."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from fraisier.config import FraisierConfig
from fraisier.deliveries.desk import Desk
from fraisier.errors import LedgerError, UsageError
from fraisier.record.ledger import Ledger
from fraisier.web import systemd
from fraisier.web.journal import say, start_logging
from fraisier.web.metrics import MULTIPROCESS_FOLDER, MULTIPROCESS_FOLDERS
from fraisier.web.supervisor import GRACE_SECONDS as GRACE_OF_SERVERS
from fraisier.web.supervisor import Child, listen, supervise, with_parent


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on (default: server.host, 127.0.0.1).")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 for any free one (default: server.port, 8080)."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Processes that answer requests (default: server.workers, 1)."
)
@click.option("--no-worker", is_flag=True, help="Only receive: `fraisier work` runs elsewhere.")
@click.pass_context
def serve(ctx: click.Context, /, *, host: str | None, port: int | None, workers: int | None, no_worker: bool) -> int:
    """Receive webhooks, and deploy what is pushed.

    Runs in the foreground, logs one JSON object a line to standard error, and stops on SIGTERM: first no new requests, then the worker ends
    as `fraisier work` does. fraises.yaml is read again when it changes. Without any webhook secret it refuses to start.
    """
    config = FraisierConfig(ctx.obj["config"], environ=os.environ)
    desk = Desk(config)
    desk.require_hooks()
    _reachable_database()
    settings = config.server
    start_logging()
    address = (host or settings.host, settings.port if port is None else port)
    try:
        listening = listen(*address)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {address[0]} port {address[1]}: {error.strerror or error}",
            hint="is it taken? name another with --port, or server.port",
        ) from None
    bound = listening.getsockname()
    number = workers or settings.workers
    with listening, _counts_of(number) as folder:
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        start = _Start(config.path, _inherited(), folder, listening.fileno(), writing)
        servers = [
            Child(f"server {place}", partial(start.server, reconciles=place == 0), GRACE_OF_SERVERS)
            for place in range(number)
        ]
        worker = None if no_worker else Child("worker", start.worker, None)

        def is_ready() -> None:
            say(logging.INFO, "ready", host=bound[0], port=bound[1], processes=number, worker=worker is not None)
            systemd.notify("READY=1")

        supervise(servers, worker, ready=reading, is_ready=is_ready)
    say(logging.INFO, "stopped")
    return 0


@dataclass(frozen=True)
class _Start:
    """How the children are started."""

    config: Path
    environ: dict[str, str]
    counts: str | None
    """The folder in which several server processes add up what they count."""
    listening: int
    ready: int

    def server(self, *, reconciles: bool) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "fraisier.web.process", "--config", str(self.config)]
        command += ["--socket", str(self.listening), "--ready", str(self.ready), "--parent", str(os.getpid())]
        command += ["--reconcile"] if reconciles else []
        environ = self.environ | ({MULTIPROCESS_FOLDER: self.counts} if self.counts else {})
        return subprocess.Popen(command, env=environ, pass_fds=(self.listening, self.ready), stdin=subprocess.DEVNULL)

    def worker(self) -> subprocess.Popen[bytes]:
        command = with_parent([sys.executable, "-m", "fraisier", "--config", str(self.config), "work"])
        return subprocess.Popen(command, env=self.environ, stdin=subprocess.DEVNULL)


def _inherited() -> dict[str, str]:
    """The environment of the children: without what is meant for this process alone, or would mix their numbers with those of others."""
    own = (*systemd.VARIABLES, *MULTIPROCESS_FOLDERS)
    return {name: value for name, value in os.environ.items() if name not in own}


def _counts_of(processes: int) -> AbstractContextManager[str | None]:
    """A folder of this start alone, when there is something to add up."""
    return tempfile.TemporaryDirectory(prefix="fraisier-serve-") if processes > 1 else nullcontext()


def _reachable_database() -> None:
    """A database that will never do is told now; one that is only away may come back."""
    with Ledger() as ledger:
        try:
            ledger.query("SELECT 1 AS one FROM tb_webhook_event LIMIT 1")
        except LedgerError as error:
            if not error.retriable:
                raise
            say(logging.WARNING, "the database is away", reason=str(error))
