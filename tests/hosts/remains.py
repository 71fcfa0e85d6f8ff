"""What a bed is on this machine, by its number, and how all of it ends: names, cgroup, interfaces, folder. Standard library only.

Run as a program it is the keeper of a bed: it waits until whoever started it is gone, however that ended, and then ends the bed.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

RUN = Path("/var/lib/fraisier-hosts")  # not below /run, which each host has of its own


def cgroup2() -> Path | None:
    """Where the unified hierarchy is mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None


def wait_for_change(path: Path, text: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while text not in path.read_text():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def kill_cgroup(path: Path) -> None:
    """Ends every process in it at once, frozen ones too, and removes it. Nothing else can be hit."""
    if not path.exists():
        return
    (path / "cgroup.kill").write_text("1")
    if not wait_for_change(path / "cgroup.events", "populated 0", 20):
        raise TimeoutError(f"processes in {path} do not end")
    below = sorted((folder for folder in path.rglob("*") if folder.is_dir()), key=lambda found: -len(found.parts))
    for folder in [*below, path]:
        _remove_cgroup(folder)


def _remove_cgroup(folder: Path) -> None:
    for attempt in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if attempt == 99:
                raise
            time.sleep(0.02)
        else:
            return


def ip(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Names:
    """Everything of bed ``number`` that the machine can see."""

    number: int

    @property
    def prefix(self) -> str:
        return f"fh{self.number}"

    @property
    def network(self) -> str:
        return f"10.87.{self.number}"

    @property
    def machine(self) -> str:
        """Address of the machine itself on the bed's bridge."""
        return f"{self.network}.1"

    @property
    def folder(self) -> Path:
        return RUN / str(self.number)

    @property
    def cgroup(self) -> Path:
        top = cgroup2()
        assert top is not None
        return top / f"fraisier-hosts-{self.number}"

    def device(self, name: str) -> str:
        """A host's end on the bridge, and its network namespace."""
        return f"{self.prefix}-{name}"


def end(names: Names) -> None:
    """End a bed or what is left of one; what is not there is fine."""
    kill_cgroup(names.cgroup)
    for device in Path("/sys/class/net").glob(f"{names.prefix}-*"):
        ip("link", "del", device.name, check=False)
    for namespace in Path("/run/netns").glob(f"{names.prefix}-*"):
        ip("netns", "del", namespace.name, check=False)
    ip("link", "del", names.prefix, check=False)
    if names.folder.is_dir():
        subprocess.run(["umount", "--quiet", "--lazy", str(names.folder)])
        with suppress(FileNotFoundError):
            shutil.rmtree(names.folder)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end(Names(int(sys.argv[1])))
