"""An sshd of our own on loopback: for tests and benchmarks that need a host behind ssh and no machine to be one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SSHD = Path("/usr/sbin/sshd")


@dataclass(frozen=True)
class Server:
    """Where the sshd listens, and how a client that checks its host key gets in."""

    port: int
    key: Path
    known_hosts: Path
    log: Path
    pid: int

    @property
    def host_key(self) -> str:
        return self.known_hosts.read_text()

    def sessions(self) -> list[int]:
        """Processes of the connections that are open now."""
        found, waiting = list[int](), [self.pid]
        while waiting:
            pid = waiting.pop()
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                found += map(int, children)
                waiting += map(int, children)
        return found

    @property
    def options(self) -> str:
        return f"-o UserKnownHostsFile={self.known_hosts} -o IdentitiesOnly=yes"


@contextmanager
def sshd(
    folder: Path, key: Path | None = None, addresses: Sequence[str] = ("127.0.0.1",), more: Sequence[str] = ()
) -> Iterator[Server]:
    """An sshd for ourselves alone, on a free port of loopback, with keys of its own; it ends with the block.

    ``key``: the private key that opens it; one is made otherwise. ``addresses``: 16 at most. ``more``: lines of its configuration.
    """
    folder.mkdir(exist_ok=True)
    for name in ("host_key",) if key else ("host_key", "user_key"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(keygen, check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    key = key or folder / "user_key"
    with socket.socket() as probe:
        probe.bind((addresses[0], 0))
        port = int(probe.getsockname()[1])
    lines = [
        *(f"ListenAddress {address}:{port}" for address in addresses),
        *more,
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {key}.pub",
    ]
    lines += ["UsePAM no", "StrictModes no", "PasswordAuthentication no", "PermitRootLogin yes", "PidFile none"]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    public = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text("".join(f"[{address}]:{port} {public}" for address in addresses))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    try:
        _wait_for(addresses[-1], port)
        yield Server(port, key, folder / "known_hosts", folder / "log", server.pid)
    finally:
        sessions = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        for pid in (server.pid, *map(int, sessions)):  # with its session, a client's kept connection ends too
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        server.wait()


def _wait_for(address: str, port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex((address, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the sshd did not start")
