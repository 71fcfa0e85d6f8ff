"""The connection breaks when the database has committed and before it says so: nobody hears of a duplicate of his own delivery."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from fraisier.deliveries.accept import Delivery, Receipt
from fraisier.deliveries.decide import IGNORED, Ref
from fraisier.record import read
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Target
from fraisier.web.writer import Writer
from tests.integration.record.postgresql import PostgresServer

SOCKET = ".s.PGSQL.5432"
PRODUCTION = Target("my_api", "production")


class Relay:
    """Stands before a PostgreSQL server. Once armed, it swallows the answer to the next COMMIT and hangs up."""

    def __init__(self, server: Path, folder: Path) -> None:
        self.swallowed = 0
        self._server, self._is_armed = server, False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self) -> None:
        self._is_armed = True

    def end(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        asked = threading.Event()
        """Set from a COMMIT that shall not be heard to have succeeded."""
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._server))
            answering = threading.Thread(target=self._answer, args=(server, client, asked), daemon=True)
            answering.start()
            with contextlib.suppress(OSError):
                while data := client.recv(65536):
                    if self._is_armed and b"COMMIT" in data:
                        self._is_armed = False
                        asked.set()
                    server.sendall(data)
                server.shutdown(socket.SHUT_RDWR)
            answering.join()

    def _answer(self, server: socket.socket, client: socket.socket, asked: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if asked.is_set():
                    assert b"COMMIT" in data, data  # the server has done it
                    self.swallowed += 1
                    break
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relayed(
    postgresql_url: str, postgresql_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Relay]]:
    """The URL of the same database by way of a relay."""
    (folder,) = parse_qs(urlsplit(postgresql_url).query)["host"]
    before = tmp_path_factory.mktemp("relay")
    relay = Relay(Path(folder, SOCKET), before)
    yield postgresql_url.replace(folder, str(before)), relay
    relay.end()


def test_a_commit_whose_answer_is_lost_is_found_again(relayed: tuple[str, Relay], postgresql_url: str) -> None:
    url, relay = relayed
    push = Ref("push", "octo/my_api", "main", commit="a" * 40, sender="ann", targets=(PRODUCTION,))
    ignored = Ref("push", "octo/my_api", "other", commit="b" * 40, sender="ann", reason="no target")
    deliveries = [
        Delivery("git.github", "github", (push,), delivery_id="1", body_sha256="1" * 64),
        Delivery("git.github", "github", (ignored,), delivery_id="2", body_sha256="2" * 64),
    ]
    with Ledger(url) as ledger:
        with ledger.transaction():
            pass  # the connection is there, and its own first questions were answered
        writer = Writer(ledger)
        try:
            receipts = asyncio.run(write_all(writer, relay, deliveries))
        finally:
            writer.stop()
    assert relay.swallowed == 2
    with Ledger(postgresql_url) as ledger:
        (deployment,) = read.history(ledger)
        assert receipts == [
            Receipt("accepted", deliveries[0].event, (deployment.id,)),
            Receipt(IGNORED, deliveries[1].event, (), "no target"),
        ]
        assert {event.id for event in read.recent_webhooks(ledger)} == {delivery.event for delivery in deliveries}


async def write_all(writer: Writer, relay: Relay, deliveries: list[Delivery]) -> list[Receipt]:
    receipts = []
    for delivery in deliveries:
        relay.arm()
        receipts.append(await writer.write(delivery))
    return receipts
