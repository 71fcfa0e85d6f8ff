"""A client that pushes as fast as it is answered, over kept connections: ``python -m tests.bench.pusher``; one thread, no library.

It signs each delivery as it sends it, as every one must be another. Prints a JSON object: answers by status, seconds, latencies in ms.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator

BODY_BYTES = 10_000
COMMIT = "@" * 40


def bodies(first: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Pushes of 10 kB as GitHub sends them, each of another commit, with their ids."""
    commits = [
        {
            "id": COMMIT,
            "message": f"Change number {number} of this push, which says in a line or two what it is about",
            "timestamp": "2026-11-21T12:00:00+01:00",
            "url": "https://github.com/octo/my_api/commit/" + COMMIT,
            "author": {"name": "Ann Example", "email": "ann@example.com", "username": "ann"},
            "committer": {"name": "Ann Example", "email": "ann@example.com", "username": "ann"},
            "added": [f"src/module_{number}/new.py"],
            "removed": [],
            "modified": [f"src/module_{number}/{name}.py" for name in ("one", "two", "three")],
        }
        for number in range(12)
    ]
    document = {
        "ref": "refs/heads/main",
        "before": "1" * 40,
        "after": COMMIT,
        "created": False,
        "deleted": False,
        "forced": False,
        "repository": {"full_name": "octo/my_api", "name": "my_api", "private": True},
        "pusher": {"name": "ann", "email": "ann@example.com"},
        "sender": {"login": "ann", "id": 1, "type": "User"},
        "commits": commits,
        "head_commit": commits[-1],
        "padding": "",
    }
    document["padding"] = "x" * max(0, BODY_BYTES - len(json.dumps(document)))
    parts = json.dumps(document).encode().split(COMMIT.encode())
    for number in range(first, first + count):
        commit = f"{number:040x}"
        yield commit, commit.encode().join(parts)


def requests(path: str, secret: str, first: int, count: int) -> Iterator[bytes]:
    """Whole requests, ready for the wire."""
    key = secret.encode()
    for delivery, body in bodies(first, count):
        digest = hmac.digest(key, body, hashlib.sha256).hex()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: GitHub-Hookshot/0000000\r\nAccept: */*\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nX-GitHub-Delivery: {delivery}\r\n"
            f"X-GitHub-Event: push\r\nX-GitHub-Hook-ID: 1\r\nX-Hub-Signature-256: sha256={digest}\r\n\r\n"
        )
        yield head.encode() + body


class Connection:
    """One request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self.got = b""

    def send(self, request: bytes) -> None:
        self.began, self.got = time.perf_counter(), b""
        self.socket.sendall(request)

    def status(self) -> int:
        """Read what has come; 0 as long as the answer is not whole."""
        part = self.socket.recv(65_536)
        if not part:
            raise ConnectionError("the server has closed the connection")
        self.got += part
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end:
            return 0
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        wanted = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return int(head[9:12]) if len(body) >= wanted else 0


def push(port: int, path: str, secret: str, *, first: int, count: int, connections: int) -> dict[str, object]:
    """``count`` deliveries, from number ``first`` on."""
    waiting = requests(path, secret, first, count)
    answers: Counter[int] = Counter()
    latencies: list[float] = []
    started = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connection = Connection(port)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(waiting))
        while selector.get_map():
            for key, _ in selector.select():
                connection = key.data
                status = connection.status()
                if not status:
                    continue
                latencies.append((time.perf_counter() - connection.began) * 1e3)
                answers[status] += 1
                request = next(waiting, None)
                if request is None:
                    selector.unregister(connection.socket)
                    connection.socket.close()
                else:
                    connection.send(request)
    return {"answers": answers, "seconds": time.perf_counter() - started, "latencies": latencies}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.pusher", description=__doc__)
    for name in ("--port", "--first", "--count", "--connections"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--secret", required=True)
    asked = parser.parse_args()
    found = push(
        asked.port, asked.path, asked.secret, first=asked.first, count=asked.count, connections=asked.connections
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
