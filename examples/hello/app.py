"""A small HTTP service: greets, counts its visitors in SQLite, and says on /health which version answers."""

from __future__ import annotations

import json
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

RELEASE = Path(__file__).resolve().parent
# Read once, at start: a process that was not restarted goes on saying what it really runs.
COMMIT = (RELEASE / "REVISION").read_text().strip() if (RELEASE / "REVISION").exists() else "unknown"
GREETING = "Hello from the first version"
DATABASE = os.environ.get("DATABASE_URL", "sqlite:///hello.db").removeprefix("sqlite:///")


def count_visit() -> int:
    with sqlite3.connect(DATABASE) as connection:
        connection.execute("insert into visit default values")
        return int(connection.execute("select count(*) from visit").fetchone()[0])


def schema() -> str:
    with sqlite3.connect(DATABASE) as connection:
        return str(connection.execute("select version_num from alembic_version").fetchone()[0])


def health() -> tuple[int, dict[str, str]]:
    return 200, {"status": "ok", "version": COMMIT, "humanize": version("humanize"), "schema": schema()}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            status, body = health()
        else:
            status, body = 200, {"greeting": GREETING, "visits": str(count_visit())}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    address = ("127.0.0.1", int(os.environ.get("PORT", "8000")))
    print(f"hello {COMMIT[:12]} listens on http://{address[0]}:{address[1]}", flush=True)
    ThreadingHTTPServer(address, Handler).serve_forever()
