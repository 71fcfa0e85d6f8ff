"""The application of the tests on booted hosts: says from outside which code, dependency and schema really serve, and where."""

import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "lib"))
import dep  # installed by pip into the release

COMMIT = (HERE / "REVISION").read_text().strip()
CODE = "v1"
STATUS = 200
# Hosts that answer with STATUS; none means all of them.
ON = ()
NAME = socket.gethostname()


def schema() -> list[str]:
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    try:
        with connection.cursor() as cursor:
            cursor.execute("select version_num from alembic_version")
            return [row[0] for row in cursor.fetchall()]
    finally:
        connection.close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {"host": NAME, "version": COMMIT, "code": CODE, "dep": dep.VERSION, "pid": os.getpid()}
        body |= {"schema": schema(), "secret_seen": bool(os.environ.get("APP_SECRET"))}
        content = json.dumps(body).encode()
        self.send_response(STATUS if not ON or NAME in ON else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        if self.path != "/health":
            print("asked", self.path, flush=True)


print(f"service {CODE} starts", flush=True)
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
