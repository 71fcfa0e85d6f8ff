"""A bed of booted hosts: systemd as PID 1, sshd, sudo, journald, an address of their own; faults to order; gone with the test process.

    with Bed(3) as bed:
        bed.host("h2").power_cut(silent=True)

Needs root and Debian packages, no container engine and no virtual machine: namespaces, a cgroup and one overlay per host, over one
image (image.py). The kernel is the machine's, so modules, clock and most of sysctl are out of reach, and so is the Internet.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.hosts import remains
from tests.hosts.host import Host, enter
from tests.hosts.image import Image
from tests.hosts.remains import Names, ip

BEDS = 32


def why_not() -> list[str]:
    """Reasons why this machine cannot run a bed; none means that it can."""
    if os.geteuid() != 0:
        return ["booted hosts need root"]
    programs = ["ip", "nsenter", "unshare", "setpriv", "ssh", "ssh-keygen", "git"]
    if not Image().is_built:
        programs.append("mmdebstrap")
    reasons = [f"{program} is not installed" for program in programs if shutil.which(program) is None]
    top = remains.cgroup2()
    if top is None or not os.access(top / "cgroup.procs", os.W_OK):
        reasons.append("there is no cgroup2 to write to")
    trial = "mount -t tmpfs tmpfs /mnt && ip link add b0 type bridge && ip link add v0 type veth peer name v1"
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "sh", "-c", trial])
    if not reasons and tried.returncode != 0:
        reasons.append("namespaces, mounts, bridges or veth pairs are refused")
    return reasons


@dataclass
class Bed:
    """``size`` hosts h1, h2 ..., ``share`` (a folder that they see read-only at the same path) and ``spawn`` for what serves them."""

    size: int
    hosts: dict[str, Host] = field(default_factory=dict)
    _spawned: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _exits: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.image = Image()
        self.dirty = False

    def __enter__(self) -> Bed:
        with ExitStack() as exits:
            self.image.build()
            exits.enter_context(self.image.in_use())
            exits.callback(self._reap)
            self.names = self._take_number(exits)
            self.share = self.names.folder / "share"
            self._make()
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def host(self, name: str) -> Host:
        return self.hosts[name]

    @property
    def known_hosts(self) -> Path:
        return self.names.folder / "known_hosts"

    def reset(self) -> None:
        """All hosts on, with fresh disks: seconds, as nothing of the last test is looked for."""
        if self.dirty:
            for host in self.hosts.values():
                host.power_cut()
                host.prepare_disk()
                host.boot()
            self._wait_until_up()
        self.dirty = True

    def spawn(self, name: str, argv: Iterable[str | Path], **options: Any) -> subprocess.Popen[bytes]:
        """A process of the machine that ends with the bed, such as a server on ``names.machine``."""
        cgroup = self.names.cgroup / f"_{name}"
        cgroup.mkdir(exist_ok=True)
        with (self.names.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                enter(cgroup, argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
            )
        self._spawned.append(process)
        return process

    def _reap(self) -> None:
        """All are dead by now; nobody else waits for them."""
        for process in [*self._spawned, *(host.process for host in self.hosts.values())]:
            if process is not None:
                process.wait()

    def _take_number(self, exits: ExitStack) -> Names:
        """The first free number. Its keeper holds the lock too, and lets go when nothing of the bed is left."""
        remains.RUN.mkdir(exist_ok=True)
        for number in range(BEDS):
            lock = (remains.RUN / f"{number}.lock").open("a")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            names = Names(number)
            exits.enter_context(lock)
            remains.end(names)
            argv = [sys.executable, remains.__file__, str(number)]
            keeper = subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=[lock.fileno()], start_new_session=True)
            exits.enter_context(keeper)  # closes its stdin, and waits
            return names
        raise RuntimeError(f"all {BEDS} beds of this machine are taken")

    def _make(self) -> None:
        names = self.names
        names.folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "fraisier-hosts", names.folder], check=True)
        self.share.mkdir()
        names.cgroup.mkdir()
        ip("link", "add", names.prefix, "type", "bridge")
        ip("address", "add", f"{names.machine}/24", "dev", names.prefix)
        ip("link", "set", names.prefix, "up")
        for number in range(1, self.size + 1):
            self.hosts[f"h{number}"] = Host(self, f"h{number}", f"{names.network}.{10 + number}")
        for host in self.hosts.values():
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", host.host_key]
            subprocess.run(keygen, check=True)
            host.connect()
            host.prepare_disk()
            host.boot()
        keys = {host.address: Path(f"{host.host_key}.pub").read_text() for host in self.hosts.values()}
        self.known_hosts.write_text("".join(f"{address} {key}" for address, key in keys.items()))
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        with ThreadPoolExecutor(max(1, self.size)) as threads:
            list(threads.map(Host.wait_until_up, self.hosts.values()))
