"""What `ansible-playbook` is for a run: asks the warm process for a fork that does the work, and stands for it until it ends.

Run by ``bin/ansible-playbook`` without site-packages; imports little on purpose. It gives its arguments, environment, folder, terminal and
standard files away, passes signals on, and ends as the fork ended. Without an answer it becomes the plain `ansible-playbook`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sys
import termios
from types import FrameType

PATIENCE_SECONDS = 120.0
"""How long an answer may take: the process may still be importing, on a machine that has a lot to do."""


def main() -> None:
    address = os.environ.pop("FRAISIER_WARM_SOCKET", "")
    os.environ.pop("FRAISIER_PYTHON", None)
    shim = real(real(sys.argv[0]) + "/../bin")
    os.environ["PATH"] = os.pathsep.join(path for path in os.get_exec_path() if real(path) != shim)
    program = shutil.which("ansible-playbook") or "ansible-playbook"
    argv = [program, *sys.argv[1:]]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what letting go of the terminal sends
    is_ours = let_go_of_terminal()
    if address and (code := handed_over(address, argv)) is not None:
        end_as(code)
    if is_ours:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.execv(program, argv)  # noqa: S606  # no shell between us


def let_go_of_terminal() -> bool:
    """A terminal controls one session: the fork has a session of its own and takes it, for questions and for Ctrl-C."""
    try:
        fcntl.ioctl(0, termios.TIOCNOTTY)
    except OSError:
        return False
    return True


def handed_over(address: str, argv: list[str]) -> int | None:
    """The exit code of the fork (negative: the signal that killed it); None when nobody did the work."""
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(PATIENCE_SECONDS)
        try:
            server.connect(address)
            socket.send_fds(server, [request(argv)], [0, 1, 2])
            answers = server.makefile("rb")
            pid = int(answers.readline() or b"0")
        except OSError:
            return None
        if not pid:
            return None

        def pass_on(number: int, _frame: FrameType | None) -> None:
            os.kill(pid, number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, pass_on)
        server.settimeout(None)
        return int(answers.readline() or -signal.SIGKILL)


def request(argv: list[str]) -> bytes:
    """Length, then folder, number of arguments, arguments and environment, each ended by a NUL."""
    environ = [f"{name}={value}" for name, value in os.environ.items()]
    body = b"".join(os.fsencode(part) + b"\0" for part in (os.getcwd(), str(len(argv)), *argv, *environ))  # noqa: PTH109
    return len(body).to_bytes(8) + body


def end_as(code: int) -> None:
    if code < 0:
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def real(path: str) -> str:
    return os.path.realpath(path)  # pathlib costs as much as all the rest


if __name__ == "__main__":
    main()
