"""A stand-in for a Coolify server: the part of its API that a deployment uses, written after its documentation, and the application that it
would run. Nothing is built. It keeps what was asked of it, without tokens."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

APPLICATION = "wk8c4g0oscg8wsks4ggw0w8k"
TOKEN = "7|coolify-t0ken-canary"
SECRET_LINE = "hidden-build-arg"


class Dropped(Exception):
    """The connection ends without an answer."""


@dataclass
class Coolify:
    """``script``: what a deployment is at each question about it, its last word for ever. ``broken``: commits whose build fails.
    ``away``: that many questions, after the first about a deployment, get no answer. ``newest``: the commit that is told of every
    deployment, as versions of Coolify do where a commit is pinned. ``unhealthy``: commits that the application answers 500 for."""

    url: str = ""
    script: tuple[str, ...] = ("queued", "in_progress", "finished")
    broken: set[str] = field(default_factory=set)
    unhealthy: set[str] = field(default_factory=set)
    away: int = 0
    newest: str = ""
    reads_logs: bool = True
    refuses: dict[str, tuple[int, str]] = field(default_factory=dict)
    pinned: str = "HEAD"
    serving: str = ""
    status: str = "exited"
    deployments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, method: str, target: str, token: str, body: bytes) -> tuple[int, Any]:
        parts = urlsplit(target)
        with self.lock:
            if parts.path == "/app/health":
                return (500 if self.serving in self.unhealthy else 200), {"version": self.serving}
            self.asked.append(f"{method} {target.removeprefix('/api/v1')}")
            if token != f"Bearer {TOKEN}":
                return 401, {"message": "Unauthenticated."}
            path = parts.path.removeprefix("/api/v1")
            if f"{method} {path}" in self.refuses:
                status, message = self.refuses[f"{method} {path}"]
                return status, {"message": message}
            return self._routed(method, path, parse_qs(parts.query), json.loads(body or b"{}"))

    def _routed(self, method: str, path: str, query: dict[str, list[str]], data: dict[str, Any]) -> tuple[int, Any]:
        if (method, path) == ("POST", "/deploy"):
            return self._deploy(query)
        if found := re.fullmatch(r"/deployments/applications/(\w+)", path):
            newest = [self._shown(each) for each in reversed(self.deployments)]
            return (200, {"count": len(newest), "deployments": newest}) if found[1] == APPLICATION else _unknown()
        if found := re.fullmatch(r"/deployments/(\w+)(/cancel)?", path):
            return self._of_deployment(method, found[1], cancel=bool(found[2]))
        if path in (f"/applications/{APPLICATION}", f"/applications/{APPLICATION}/stop"):
            return self._of_application(method, path, data)
        return _unknown()

    def _of_application(self, method: str, path: str, data: dict[str, Any]) -> tuple[int, Any]:
        if method == "PATCH":
            self.pinned = data["git_commit_sha"]
        elif path.endswith("/stop"):
            self.status, self.serving = "exited", ""
        found = {"uuid": APPLICATION, "name": "shop", "git_commit_sha": self.pinned, "status": self.status}
        return 200, found

    def _deploy(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        if query["uuid"] != [APPLICATION]:
            return 404, {"message": "No resources found."}
        is_forced = bool(query.get("force"))  # PHP takes any text for true
        uuid = f"d{len(self.deployments) + 1:06}x"
        row = {"resource_uuid": APPLICATION, "deployment_uuid": uuid, "message": "Application shop deployment queued."}
        same = [each for each in self.deployments if each["status"] in ("queued", "in_progress")]
        if any(each["pinned"] == self.pinned for each in same) and not is_forced:
            return 200, {"deployments": [{**row, "message": "Deployment already queued for this commit."}]}
        self.add(uuid, self.pinned, "queued", force_rebuild=is_forced)
        return 200, {"deployments": [row]}

    def add(self, uuid: str, commit: str, status: str, **more: Any) -> None:
        """A deployment, of whoever asked for it."""
        entry = {"output": f"Importing team/shop:main (commit sha {commit}) to /artifacts/{uuid}.", "hidden": False}
        hidden = {"output": SECRET_LINE, "hidden": True}
        self.deployments.append({
            "deployment_uuid": uuid,
            "commit": self.newest or commit,
            "pinned": commit,
            "status": status,
            "pull_request_id": 0,
            "is_api": True,
            "created_at": datetime.now(UTC).isoformat(),
            "script": list(self.script),
            "log": [{"output": "Starting deployment of shop.", "hidden": False}, entry, hidden],
            **more,
        })  # fmt: skip
        if status == "finished":
            self.serving, self.status = commit, "running:healthy"

    def _of_deployment(self, method: str, uuid: str, *, cancel: bool) -> tuple[int, Any]:
        row = next((each for each in self.deployments if each["deployment_uuid"] == uuid), None)
        if row is None:
            return 404, {"message": "Deployment not found."}
        if cancel:
            if row["status"] not in ("queued", "in_progress"):
                return 400, {"message": f"Deployment cannot be cancelled. Current status: {row['status']}"}
            row["status"], row["script"] = "cancelled-by-user", []
            return 200, {"message": "Deployment cancelled successfully.", "deployment_uuid": uuid}
        if self.away and row["status"] == "in_progress":
            self.away -= 1
            raise Dropped
        self._advance(row)
        return 200, self._shown(row)

    def _advance(self, row: dict[str, Any]) -> None:
        if row["status"] not in ("queued", "in_progress") or not row["script"]:
            return
        row["status"] = row["script"].pop(0)
        if row["status"] == "finished" and row["pinned"] in self.broken:
            row["status"] = "failed"
            row["log"].append({"output": "npm ERR! no such script: build", "hidden": False})
        if row["status"] == "finished":
            self.serving, self.status = row["pinned"], "running:healthy"

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        found = {key: value for key, value in row.items() if key not in ("script", "log", "pinned")}
        return {**found, "logs": json.dumps(row["log"])} if self.reads_logs else found


def _unknown() -> tuple[int, Any]:
    return 404, {"message": "Application not found"}


@contextmanager
def coolify() -> Iterator[Coolify]:
    """One that listens on loopback."""
    double = Coolify()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                found = double.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            except Dropped:
                self.close_connection = True
                return
            text = json.dumps(found[1]).encode()
            self.send_response(found[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815  (names that http.server looks for)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
