# Copyright (c) 2026 Fraisier authors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warm Ansible process: ``python -m fraisier.run.warm.server SOCKET-FD PARENT-PID``; one run after the other, each in a fork.

A fork takes over everything that makes a process: arguments, environment, folder, terminal, standard files; then it is
`ansible-playbook`. Settings are read when ansible-core is imported, so a run with other settings is refused and starts plainly.
"""

# ruff: noqa: E402  # collecting garbage while all of ansible-core is imported costs an eighth of it
from __future__ import annotations

import gc

gc.disable()

import atexit
import ctypes
import fcntl
import os
import select
import shutil
import signal
import socket
import sys
import termios
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import ansible.release
from ansible import constants
from ansible.cli.playbook import PlaybookCLI
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins import loader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

from fraisier.run.warm.reading import Files, share_what_cannot_change
from fraisier.run.warm.templates import Templates

PR_SET_PDEATHSIG = 1
REQUEST_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """What makes the process that somebody wants to have run."""

    folder: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    files: Sequence[int]


def main() -> None:
    listener, parent = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    die_with(parent)
    with suppress(Exception):  # it only saves time
        prime()
    gc.freeze()
    gc.enable()
    own = settings(os.environ)
    lessons: list[Files | Templates] = []
    with suppress(Exception):  # so do these
        lessons += take_lessons()
    while True:
        learn(lessons, listener)
        connection, _ = listener.accept()
        with connection, suppress(OSError, ValueError):
            serve(connection, own)


def die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def prime() -> None:
    """What every run looks up before its first task: collections, documentation of plugins (their options), filters, tests."""
    loader.init_plugin_loader([])
    # A run does that again.
    warnings.filterwarnings("ignore", message="AnsibleCollectionFinder has already been configured")
    data = DataLoader()
    list(loader.vars_loader.all(class_only=True))
    for name in (
        constants.VARIABLE_PLUGINS_ENABLED
    ):  # only those that were asked for by name are asked for group_vars and host_vars
        loader.vars_loader.get(name)
    inventory = InventoryManager(loader=data, sources=["localhost,"])
    host = inventory.get_host("localhost")
    variables = VariableManager(loader=data, inventory=inventory).get_vars(host=host)
    Templar(loader=data, variables=variables).template("{{ [1] | default([]) | length }}")
    loader.strategy_loader.get("linear", class_only=True)
    for plugins in (loader.connection_loader, loader.shell_loader, loader.become_loader, loader.callback_loader):
        list(plugins.all(class_only=True))


def take_lessons() -> list[Files | Templates]:
    """What can be known before anybody asks; it counts from now on, as far as it has been learnt."""
    share_what_cannot_change()
    lessons: list[Files | Templates] = [Files(), Templates()]
    for lesson in lessons:
        lesson.take_effect()
    return lessons


def learn(lessons: Sequence[Files | Templates], listener: socket.socket) -> None:
    """While nobody is waiting: on one host it would cost as much as it saves. After a run it goes on where it was."""
    for lesson in lessons:
        while lesson.waiting and not select.select([listener], [], [], 0)[0]:
            with suppress(Exception):
                lesson.learn_one()


def settings(environ: Mapping[str, str]) -> object:
    """All that ansible-core has read while it was imported. A run for which this is something else is not ours to do."""
    names = ("HOME", "LANG", "NO_COLOR")
    prefixes = ("ANSIBLE_", "LC_", "PYTHON")
    read = {name: value for name, value in environ.items() if name in names or name.startswith(prefixes)}
    file = Path(environ.get("ANSIBLE_CONFIG", ""))
    return read, file.read_bytes() if file.is_file() else b"", Path(ansible.release.__file__).stat().st_mtime_ns


def serve(connection: socket.socket, own: object) -> None:
    """One run: a fork does it, we tell how it ended. Who asked for it and went away, killed, wants it killed too."""
    connection.settimeout(REQUEST_SECONDS)
    request = receive(connection)
    try:
        if settings(request.environ) != own or is_gone(connection):
            return
        pid = os.fork()
        if not pid:
            connection.close()
            run(request)
    finally:
        for file in request.files:
            os.close(file)
    with suppress(OSError):
        connection.sendall(b"%d\n" % pid)
    ended = os.pidfd_open(pid)
    if ended not in select.select([connection.fileno(), ended], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    os.close(ended)
    _, status = os.waitpid(pid, 0)
    empty(Path(constants.DEFAULT_LOCAL_TMP))
    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def empty(folder: Path) -> None:
    """Temporary files of a run, and modules that it packed: the next one may find other code, and packs it anew."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def is_gone(connection: socket.socket) -> bool:
    """Whether who asked was killed while we were still importing."""
    return bool(select.select([connection], [], [], 0)[0])


def receive(connection: socket.socket) -> Request:
    head, files, _, _ = socket.recv_fds(connection, 8, 3)
    left, body = int.from_bytes(head), b""
    while left > len(body) and (more := connection.recv(left - len(body))):
        body += more
    folder, count, *rest = map(os.fsdecode, body.split(b"\0")[:-1])
    argv, environ = rest[: int(count)], rest[int(count) :]
    return Request(folder, argv, dict(variable.split("=", 1) for variable in environ), files)


def run(request: Request) -> NoReturn:
    """In the fork: become the process that was asked for, do its work, and end without what belongs to the warm process."""
    code = 1
    try:
        become(request)
        PlaybookCLI.cli_executor(list(request.argv))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001  # a door: the fork must never return into the server
        traceback.print_exc()
    finally:
        with suppress(Exception):
            atexit._run_exitfuncs()  # noqa: SLF001
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def become(request: Request) -> None:
    die_with(os.getppid())
    atexit._clear()  # noqa: SLF001  # would remove ansible-core's temporary folder, which the next run needs
    os.setsid()
    for target, file in enumerate(request.files):
        os.dup2(file, target)
    with suppress(OSError):  # no terminal, or one that belongs to somebody else
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.closerange(3, max(3, *request.files) + 1)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environ)
    sys.argv = list(request.argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


if __name__ == "__main__":
    main()
