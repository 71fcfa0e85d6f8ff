"""One booted host of a bed: what can be done to it, what runs in it, how it is made."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hosts import remains
from tests.hosts.remains import ip, kill_cgroup

if TYPE_CHECKING:
    from tests.hosts.bed import Bed

BOOT_SECONDS = 120


def enter(cgroup: Path, argv: Iterable[str | Path]) -> list[str]:
    """``argv`` as a command that moves into a cgroup first."""
    return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(cgroup), *map(str, argv)]


@dataclass
class Host:
    """One machine. It exists when it is off, too: its disk stays until ``fresh_disk``."""

    bed: Bed
    name: str
    address: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        return self.bed.names.folder / self.name

    @property
    def cgroup(self) -> Path:
        return self.bed.names.cgroup / self.name

    @property
    def device(self) -> str:
        return self.bed.names.device(self.name)

    @property
    def is_on(self) -> bool:
        return self.process is not None and self.process.poll() is None

    # Faults. -----------------------------------------------------------------------------------------------------

    def power_cut(self, *, silent: bool = False) -> None:
        """Every process is gone at once. The kernel still refuses connections, unless ``silent``: then nothing answers at all."""
        if silent:
            self.cut_cable()
        kill_cgroup(self.cgroup)
        if self.process is not None:
            self.process.wait()

    def cut_cable(self) -> None:
        """Packets are lost in both directions; nobody is told."""
        ip("link", "set", self.device, "down")

    def heal_cable(self) -> None:
        ip("link", "set", self.device, "up")

    def freeze(self) -> None:
        """All processes stand still; the kernel goes on to answer pings and to accept connections."""
        (self.cgroup / "cgroup.freeze").write_text("1")
        remains.wait_for_change(self.cgroup / "cgroup.events", "frozen 1", 10)

    def thaw(self) -> None:
        (self.cgroup / "cgroup.freeze").write_text("0")

    def stop(self) -> None:
        """An orderly power-off."""
        self.run("systemctl", "poweroff")
        assert self.process is not None
        self.process.wait(timeout=60)
        kill_cgroup(self.cgroup)

    def start(self) -> None:
        """Boot, with the disk as it is; returns when systemd has finished and sshd answers."""
        self.boot()
        self.wait_until_up()

    def reboot(self) -> None:
        self.stop()
        self.start()

    def fresh_disk(self) -> None:
        """Off, a disk that nobody has written to, and on again; the host key stays."""
        self.power_cut()
        self.prepare_disk()
        self.start()

    # What runs inside. -------------------------------------------------------------------------------------------

    def run(
        self, *argv: str, stdin: str | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """A command as root inside, past network and sshd."""
        done = subprocess.run(
            ["nsenter", "--target", str(self._pid_1()), "--all", "--root", "--wd", "--", *argv],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, (
            f"{self.name}: {' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def show(self, unit: str, *properties: str, user: str = "") -> dict[str, str]:
        """Properties of a unit as systemd tells them, of the system or of a user."""
        scope = [f"--machine={user}@.host", "--user"] if user else []
        lines = self.run("systemctl", *scope, "show", f"--property={','.join(properties)}", "--", unit).stdout
        return dict(line.split("=", 1) for line in lines.splitlines())

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--quiet", "--no-pager", "--output=cat", f"--unit={unit}").stdout

    @property
    def boot_id(self) -> str:
        return self.run("cat", "/proc/sys/kernel/random/boot_id").stdout.strip()

    def _pid_1(self) -> int:
        """The keeper's child has made the PID namespace; its only child is number 1 in there."""
        assert self.is_on and self.process is not None, f"{self.name} is off"
        pid = self.process.pid
        for _ in range(2):
            pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return pid

    # Its making. -------------------------------------------------------------------------------------------------

    def prepare_disk(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("disk/etc/ssh", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        etc = self.folder / "disk/etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "machine-id").write_text(hashlib.md5(self.device.encode()).hexdigest() + "\n")
        hosts = {"localhost": "127.0.0.1", "machine": self.bed.names.machine}
        hosts |= {name: host.address for name, host in self.bed.hosts.items()}
        (etc / "hosts").write_text("".join(f"{address} {name}\n" for name, address in hosts.items()))
        for suffix in ("", ".pub"):
            shutil.copy2(self.host_key + suffix, etc / f"ssh/ssh_host_ed25519_key{suffix}")

    @property
    def host_key(self) -> str:
        return str(self.bed.names.folder / f"{self.name}.key")

    def connect(self) -> None:
        """The network namespace and its cable; they outlive the processes, so that a dead host can still refuse a connection."""
        inside = ["-n", self.device]
        ip("netns", "add", self.device)
        ip("link", "add", self.device, "type", "veth", "peer", "name", "eth0", "netns", self.device)
        ip("link", "set", self.device, "master", self.bed.names.prefix, "up")
        ip(*inside, "link", "set", "lo", "up")
        ip(*inside, "address", "add", f"{self.address}/24", "dev", "eth0")
        ip(*inside, "link", "set", "eth0", "up")
        # No way out. But Ansible finds a host's default address by asking for the route to this one.
        ip(*inside, "route", "add", "8.8.8.8/32", "via", self.bed.names.machine)

    def boot(self) -> None:
        assert not self.is_on
        kill_cgroup(self.cgroup)
        self.heal_cable()
        self.cgroup.mkdir()
        boot: list[str | Path] = [Path(__file__).with_name("boot.sh"), self.folder, self.name, self.bed.image.rootfs]
        argv = ["unshare", "--mount", "--propagation", "slave", "bash", *boot, self.device, self.cgroup, self.bed.share]
        with (self.bed.names.folder / f"{self.name}.console").open("ab") as console:
            self.process = subprocess.Popen(
                enter(self.cgroup, argv),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        state = ""
        while time.monotonic() < deadline and self.is_on:
            state = self._state()
            if state in ("running", "degraded") and self._answers_ssh():
                return
            time.sleep(0.05)
        console = (self.bed.names.folder / f"{self.name}.console").read_text(errors="replace")
        raise TimeoutError(f"{self.name} did not come up (state {state or 'none'}):\n{console[-2000:]}")

    def _state(self) -> str:
        try:
            return self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
        except (OSError, IndexError):  # no PID 1 yet
            return ""

    def _answers_ssh(self) -> bool:
        try:
            with socket.create_connection((self.address, 22), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False
