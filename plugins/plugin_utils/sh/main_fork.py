"""A command line of the application's own, imported once and forked for each command: reads a command a line (`upgrade heads`), answers
with its exit code.

Runs on the host, in the interpreter of the application. Arguments: the script that pip wrote, whose place this program takes; a folder,
where each command's output is left as `out` and `err`; the modules to import, the one with `main` first; what stands before every
command, such as `-c alembic.ini`.
"""

import importlib
import os
import signal
import sys
from typing import Any

program, folder, modules, *words = sys.argv[1:]
if sys.path[0] == "":
    sys.path[0] = program.rpartition("/")[0]
sys.argv = [program]

main = [importlib.import_module(name) for name in modules.split(",")][0].main  # noqa: RUF015  # all are to be imported

child = 0
is_ended = False


def end(*_: Any) -> None:
    """The command that runs has got the same signal, and shall end first."""
    global is_ended  # noqa: PLW0603
    if not child:
        os._exit(143)
    is_ended = True


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
sys.argv = [program, *words, *command.split()]
sys.exit(main())
