"""One process that answers requests: uvicorn on a socket that its parent has opened. ``python -m fraisier.web.process``."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys

import uvicorn

from fraisier.errors import FraisierError
from fraisier.web.app import Application, create_app
from fraisier.web.child import die_with_parent
from fraisier.web.journal import start_logging
from fraisier.web.metrics import MULTIPROCESS_FOLDER

GRACE_SECONDS = 30
"""Requests that are being answered may take so long when the server stops; then they are cut off."""
KEEP_ALIVE_SECONDS = 65
"""Longer than the 60 s after which common reverse proxies close an idle connection: so it is never we who close it first."""


class _Server(uvicorn.Server):
    """Says through a pipe when requests are accepted; clears away at its end what its parent no longer can."""

    def __init__(self, config: uvicorn.Config, ready: int, parent: int) -> None:
        super().__init__(config)
        self._ready, self._parent = ready, parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            os.write(self._ready, b"1")
            os.close(self._ready)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # Here, as uvicorn ends the process by the signal that it got: nothing behind `run` is reached.
        if os.getppid() != self._parent:
            _clear_away()


def main() -> int:
    asked = _arguments()
    die_with_parent(asked.parent)
    start_logging()
    try:
        application = create_app(asked.config, reconciles=asked.reconcile)
    except FraisierError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the parent shows what its children say
        return error.exit_code
    return _serve(application, asked)


def _clear_away() -> None:
    """The parent was killed, so it is we who remove the folder that it made for all of us to count in."""
    if folder := os.environ.get(MULTIPROCESS_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


def _serve(application: Application, asked: argparse.Namespace) -> int:
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, asked.ready, asked.parent)
    with socket.socket(fileno=asked.socket) as listening:
        server.run(sockets=[listening])
    return 0 if server.started else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fraisier.web.process", description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--socket", type=int, required=True, help="the listening socket's descriptor")
    parser.add_argument(
        "--ready", type=int, required=True, help="descriptor of a pipe: written to when requests are accepted"
    )
    parser.add_argument("--parent", type=int, required=True, help="its process id")
    parser.add_argument("--reconcile", action="store_true", help="look for missed pushes, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
