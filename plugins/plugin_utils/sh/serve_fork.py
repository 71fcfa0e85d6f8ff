"""A process that forks for each command: reads a command a line, answers with its exit code. It stands before a program of its own, which
has imported what takes its time when it calls ``serve``; runs on the host, in the interpreter of the application.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

child = 0
is_ended = False


def serve(folder: str, run: Callable[[list[str]], Any]) -> None:
    """Each command's output is left in ``folder`` as `out` and `err`; its exit code is that of ``run``, called with its words."""
    global child  # noqa: PLW0603
    signal.signal(signal.SIGTERM, end)
    while command := sys.stdin.readline():
        child = os.fork()
        if not child:
            break
        status = os.waitpid(child, 0)[1]
        child = 0
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        if is_ended:
            sys.exit(143)
        os.write(1, b"%d\n" % code)
    else:
        sys.exit()

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.exit(run(command.split()))


def end(*_: Any) -> None:
    """The command that runs has got the same signal, and shall end first."""
    global is_ended  # noqa: PLW0603
    if not child:
        os._exit(143)
    is_ended = True
