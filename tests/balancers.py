"""Real load balancers for tests, as ordinary processes with configurations of their own; and a client that never stops asking."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

SBIN = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


def program(name: str) -> str:
    """Where a load balancer's program is; a skip where it is not installed, and a failure in CI."""
    found = shutil.which(name, path=SBIN)
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed on this machine")
    return str(found)


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"did not happen within {seconds} s: {what}"
        time.sleep(0.02)
    return found


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class HAProxy:
    """A HAProxy with one backend `app`; checks its servers twice a second by asking for /health."""

    def __init__(self, port: int, servers: Mapping[str, int | str]) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="fraisier-haproxy-"))
        places = {name: f"127.0.0.1:{place}" if isinstance(place, int) else place for name, place in servers.items()}
        self.socket = self.folder / "admin.sock"
        lines = [f"  server {name} {place} check inter 500ms rise 1 fall 2" for name, place in places.items()]
        text = [
            "global", f"  stats socket {self.socket} mode 600 level admin",
            "defaults", "  mode http", "  timeout connect 2s", "  timeout client 60s", "  timeout server 60s",
            "frontend front", f"  bind 127.0.0.1:{port}", "  default_backend app",
            "backend app", "  option httpchk GET /health", *lines, "",
        ]  # fmt: skip
        (self.folder / "haproxy.cfg").write_text("\n".join(text))
        argv = [program("haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg")]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: is_open(port), "haproxy listens")

    def ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as talk:
            talk.connect(str(self.socket))
            talk.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: talk.recv(65536), b"")).decode()

    def states(self) -> dict[str, str]:
        """Status of each server as HAProxy shows it: UP, DRAIN, DOWN, MAINT."""
        rows = [line.split(",") for line in self.ask("show stat app 4 -1").splitlines() if line.startswith("app,")]
        return {row[1]: row[17].partition(" ")[0] for row in rows}

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder)


class Nginx:
    """An nginx that begins without the upstream, as before a first deployment; its file then already includes ours."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="fraisier-nginx-"))
        self.file = self.folder / "servers" / "app.servers"
        self.conf = self.folder / "nginx.conf"
        self.command = [program("nginx"), "-p", str(self.folder), "-c", str(self.conf)]
        for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
            (self.folder / name).mkdir()
        self._write("server { listen PORT; return 503; }")
        self.process = subprocess.Popen([*self.command, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
        wait_until(lambda: (self.folder / "nginx.pid").exists() and is_open(port), "nginx listens")
        self._write(
            "upstream app { include FILE; keepalive 8; }\nserver { listen PORT; location / {\n"
            'proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; } }'
        )

    def _write(self, server: str) -> None:
        server = server.replace("FILE", str(self.file)).replace("PORT", f"127.0.0.1:{self.port}")
        temporary = [
            f"{name}_temp_path {self.folder}/{name.removeprefix('client_')};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ]
        user = "user root;" if os.getuid() == 0 else ""
        self.conf.write_text(
            f"{user} worker_processes 2; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log info;\n"
            f"events {{ worker_connections 256; }}\nhttp {{ access_log off; {' '.join(temporary)}\n{server}\n}}\n"
        )

    def states(self) -> dict[str, str]:
        """Each server of the file: up or down."""
        lines = [line.rstrip(";").split() for line in self.file.read_text().splitlines() if line.startswith("server ")]
        return {words[1]: "down" if "down" in words[2:] else "up" for words in lines}

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder)


@dataclass
class Client:
    """Asks one address without a pause, over connections that are kept and over new ones, and notes every answer.

    A kept connection that the server closes instead of answering is tried again on a new one, as HTTP clients do: a server may
    close an idle connection at any time (RFC 9112, 9.3.1). Anything else than a 200 is a failure.
    """

    port: int
    answers: list[tuple[float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    tried_again: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Client:
        self._threads = [threading.Thread(target=self._ask, args=[keep], daemon=True) for keep in (True, False) * 2]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def versions_since(self, moment: float) -> set[str]:
        return {version for when, version in self.answers if when >= moment}

    def wait_for_answers(self, count: int) -> None:
        """Until so many more requests, each begun from now on, have been answered or have failed."""
        wanted = len(self.answers) + len(self.failures) + count
        wait_until(lambda: len(self.answers) + len(self.failures) >= wanted, f"{count} more answers")

    def _ask(self, keep: bool) -> None:
        connection, is_used = self._connection(), False
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._one(connection, began)
                is_used = True
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
                connection.close()
                if is_used:
                    self.tried_again += 1
                else:
                    self.failures.append(repr(error))
                is_used = False
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
                connection.close()
                is_used = False
            if not keep:
                connection.close()
                is_used = False
            self._stop.wait(0.08)
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def _one(self, connection: http.client.HTTPConnection, began: float) -> None:
        connection.request("GET", "/")
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            self.failures.append(f"{response.status}: {body[:200]!r}")
        else:
            self.answers.append((began, str(json.loads(body)["version"])))
