"""Who runs a deployment: one process of one boot of one machine; and whether it still exists."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")
_STARTED = (
    19  # starttime is field 22 of /proc/<pid>/stat; fields are counted after the name, which begins with the third
)


@dataclass(frozen=True)
class Owner:
    """A process that outlives neither its machine's boot nor its own start time: a reused pid is somebody else."""

    host: str
    pid: int
    boot_id: str
    started: str

    @classmethod
    def here(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(os.uname().nodename, pid, _boot_id(), _started(pid) or "")


def is_alive(owner: Owner) -> bool | None:
    """True or False for a process that can be seen from here; None for all others.

    A name alone is no proof that it is this machine: clones and containers share one. Of an earlier boot, and of another container,
    nothing is said here: the lease decides.
    """
    if owner.host != os.uname().nodename or not owner.pid:
        return None
    boot_id = _boot_id()
    if not boot_id or owner.boot_id != boot_id:
        return None
    return _started(owner.pid) == owner.started


def _boot_id() -> str:
    """The machine's boot, and the space in which its process numbers count."""
    try:
        return f"{_BOOT_ID.read_text().strip()} {_PROCESSES.stat().st_ino}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Clock ticks between boot and the start of ``pid``; None when there is no such process or only its corpse is left."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name stands in parentheses and may hold both spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[_STARTED]
