"""Hosts to deploy to without machines: loopback addresses behind sshds of our own, each with a folder of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import require
from tests.sshd import Server, sshd

ADDRESSES_PER_SSHD = 14
CLOSING_SECONDS = 5


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    port: int


@dataclass(frozen=True)
class Fleet:
    """Hosts, and how a client that checks host keys gets in."""

    root: Path
    hosts: Sequence[Host]
    key: Path
    known_hosts: Path

    @property
    def options(self) -> str:
        return f"-o UserKnownHostsFile={self.known_hosts} -o IdentitiesOnly=yes"

    def app(self, host: Host, method: str) -> Path:
        """The folder of the application on ``host`` that ``method`` releases to."""
        return self.root / host.name / method

    def close_connections(self, *folders: Path) -> None:
        """End what ssh has kept open: the next one starts cold."""
        for folder in folders:
            for path in folder.glob("*"):
                ask = ["ssh", "-o", f"ControlPath={path}", "-O", "exit", "nobody"]
                subprocess.run(ask, capture_output=True, check=False)
                until = time.monotonic() + CLOSING_SECONDS
                while path.exists() and time.monotonic() < until:  # it answers before it is gone
                    time.sleep(0.01)
                require(not path.exists(), f"{path} did not close")


@contextmanager
def fleet(folder: Path, count: int) -> Iterator[Fleet]:
    """``count`` hosts 127.0.1.1 and on. Their home is empty, so that nobody's .bashrc takes part."""
    root, home, key = folder / "hosts", folder / "hosts-home", folder / "key"
    root.mkdir(parents=True)
    home.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    names = [(f"host{number}", f"127.0.1.{number}") for number in range(1, count + 1)]
    more = ["MaxStartups 400:30:500", "MaxSessions 50", f"SetEnv HOME={home} GIT_CONFIG_GLOBAL={os.devnull}"]
    with ExitStack() as stack:
        hosts: list[Host] = []
        servers: list[Server] = []
        for first in range(0, count, ADDRESSES_PER_SSHD):
            some = names[first : first + ADDRESSES_PER_SSHD]
            servers.append(
                stack.enter_context(sshd(folder / f"sshd{first}", key, [address for _, address in some], more))
            )
            hosts += [Host(name, address, servers[-1].port) for name, address in some]
        known_hosts = folder / "known_hosts"
        known_hosts.write_text("".join(server.host_key for server in servers))
        yield Fleet(root, hosts, key, known_hosts)
