"""A command line of the application's own, imported once and forked for each command: reads a command a line (`upgrade heads`), answers
with its exit code.

Runs on the host, in the interpreter of the application. Arguments: the script that pip wrote, whose place this program takes; a folder,
where each command's output is left as `out` and `err`; the modules to import, the one with `main` first; what stands before every
command, such as `-c alembic.ini`.
"""

import importlib
import sys
from typing import Any

program, folder, modules, *words = sys.argv[1:]
if sys.path[0] == "":
    sys.path[0] = program.rpartition("/")[0]
sys.argv = [program]

main = [importlib.import_module(name) for name in modules.split(",")][0].main  # noqa: RUF015  # all are to be imported


def run(command: list[str]) -> Any:
    sys.argv = [program, *words, *command]
    return main()


serve(folder, run)  # type: ignore[name-defined]  # noqa: F821  # of serve_fork.py
