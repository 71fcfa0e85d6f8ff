"""Holds a lock in a database until standard input ends: says `held`, or `busy` when somebody else has it, or `none` for nothing to hold.

Runs on the host, in the interpreter of the application where there is one, since that has a driver. Arguments: name of the environment
variable with the address of the database; for how many seconds to wait. A file of SQLite is locked beside the file, PostgreSQL by an
advisory lock, which the server gives back when the connection ends. Other databases are not known here.
"""

import contextlib
import importlib
import os
import sys
import time
from typing import Any

ADVISORY_LOCK = 0x66726169736965  # one number for all: advisory locks belong to one database
url = os.environ.get(sys.argv[1], "")
deadline = time.monotonic() + float(sys.argv[2])
scheme, _, rest = url.partition("://")
system = scheme.partition("+")[0]


def hold(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
    sys.stdin.read()
    sys.exit()


def until_had(is_had: Any) -> None:
    while not is_had():
        if time.monotonic() >= deadline:
            hold("busy")
        time.sleep(0.2)


def of_file(path: str) -> None:
    import fcntl

    try:
        lock = open(f"{path}.migrate.lock", "a")  # noqa: PTH123, SIM115
    except OSError as error:
        hold(str(error))

    def is_had() -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    until_had(is_had)
    hold("held")


def cursor_of(module: Any) -> Any:
    connection = module.connect(f"postgresql://{rest}")
    connection.autocommit = True
    return connection.cursor()


def of_server() -> None:
    for driver in ("psycopg", "psycopg2"):
        try:
            module = importlib.import_module(driver)
        except ImportError:
            continue
        cursors = [cursor_of(module)]

        def is_had(module: Any = module, cursors: list[Any] = cursors) -> bool:
            try:
                cursors[0].execute("SELECT pg_try_advisory_lock(%s)", (ADVISORY_LOCK,))
            except module.OperationalError:  # it was replaced while we waited: another one has its name now
                with contextlib.suppress(module.OperationalError):
                    cursors[0] = cursor_of(module)
                return False
            return bool(cursors[0].fetchone()[0])

        until_had(is_had)
        hold("held")
    hold("no driver for PostgreSQL was found")


if system == "sqlite":
    path = rest.partition("?")[0][1:]
    hold("none") if path in ("", ":memory:") else of_file(path)
elif system in ("postgresql", "postgres"):
    of_server()
else:
    hold("none")
