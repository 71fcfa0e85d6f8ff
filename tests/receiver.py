"""A server of this machine that takes what is sent to it: for notifications, statuses and webhooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass(frozen=True)
class Received:
    """One request. ``headers`` have names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """``received`` in order. ``answers`` are the statuses of the next requests, and 200 when there are none left.

    While ``gate`` is not set, requests are taken and not answered.
    """

    address: str
    port: int
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def place(self) -> str:
        return f"{self.address}:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    def _take(self) -> None:
        receiver = cast("Any", self.server).receiver
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.received.append(Received(self.command, self.path, headers, body))
        status = receiver.answers.pop(0) if receiver.answers else 200
        receiver.arrived.release()
        receiver.gate.wait(60)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = do_PUT = _take  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(address: str = "127.0.0.1", port: int = 0) -> Iterator[Receiver]:
    """A receiver that answers at once, until the block ends."""
    server = ThreadingHTTPServer((address, port), _Handler)
    server.daemon_threads = True
    receiver = Receiver(address, server.server_address[1])
    receiver.gate.set()
    cast("Any", server).receiver = receiver
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
