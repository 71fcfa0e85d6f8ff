"""A process that has ansible-core loaded and forks for each run: that saves most of what the start of ansible-playbook costs.

Everything after the import is what ansible-playbook does. Its configuration is read at the import, so what differs between tests
travels in the command line, the inventory and the environment of the hosts' commands. Tests of whole deployments start cold.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any


class Warm:
    """The client's end: one run at a time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        argv = [sys.executable, __file__]
        self._server = subprocess.Popen(
            argv, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        assert self._server.stdin is not None and self._server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            request = {"arguments": list(arguments), "environment": dict(environment), "out": str(out), "err": str(err)}
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
            rc = int(self._server.stdout.readline())
            return subprocess.CompletedProcess(list(arguments), rc, out.read_text(), err.read_text())

    def close(self) -> None:
        self._server.communicate(timeout=60)


def prime() -> None:
    """What every run would load again: Ansible's own plugin routing (a large YAML file) and the plugins of each play."""
    from ansible.plugins import loader

    loader.init_plugin_loader([])
    import_module("ansible_collections.ansible.builtin")
    for kind in (loader.inventory_loader, loader.callback_loader, loader.test_loader, loader.filter_loader):
        list(kind.all(class_only=True))
    for kind, name in ((loader.connection_loader, "local"), (loader.shell_loader, "sh"), (loader.strategy_loader, "linear")):
        kind.get(name, class_only=True)
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")


def serve() -> None:
    from ansible.cli.playbook import PlaybookCLI

    prime()
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(run(PlaybookCLI, request))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(cli: Any, request: Mapping[str, Any]) -> int:
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["out"], os.O_WRONLY),
        (2, request["err"], os.O_WRONLY),
    ):
        os.dup2(os.open(path, flags | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["ansible-playbook", *request["arguments"]]
    try:
        cli.cli_executor(sys.argv)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve()
