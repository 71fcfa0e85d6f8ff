"""The application of the acceptance tests: says from outside which code, dependency and schema really serve."""

import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "lib"))
import dep  # installed by pip into the release

COMMIT = (HERE / "REVISION").read_text().strip()
CODE = "v1"
STATUS = 200


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///")) as database:
            schema = [row[0] for row in database.execute("select version_num from alembic_version")]
        body = {
            "version": COMMIT,
            "code": CODE,
            "dep": dep.VERSION,
            "schema": schema,
            "secret_seen": bool(os.environ.get("APP_SECRET")),
        }
        content = json.dumps(body).encode()
        self.send_response(STATUS)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        print("asked", self.path, flush=True)


print(f"service {CODE} starts", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
