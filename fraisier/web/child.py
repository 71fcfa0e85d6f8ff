"""Children that do not outlive their parent: ``python -m fraisier.web.child <pid of the parent> -- <command>``."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent is gone, however that happens. Holds beyond an exec."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it went before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[3:]
    die_with_parent(parent)
    os.execvp(command[0], command)  # noqa: S606 - there is no shell, and none is wanted


if __name__ == "__main__":
    main()
