"""Our action plugins without a run of Ansible around them: the same scripts, in a real `sh` on this machine. For tests of many cases;
that roles and playbooks give the plugins what they need is tested with real runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments


@dataclass(frozen=True)
class Task:
    """What a plugin reads of its task."""

    args: Mapping[str, Any]
    check_mode: bool
    diff: bool


def perform(
    name: str, arguments: Mapping[str, Any], *, path: str, check: bool = False, diff: bool = False
) -> dict[str, Any]:
    """The result of one task of the action ``name`` on a host whose PATH is ``path``."""
    plugin = import_module(f"ansible_collections.fraisier.deploy.plugins.action.{name}").ActionModule
    environ = {"PATH": path, "HOME": os.environ["HOME"], "LC_ALL": "C.UTF-8"}

    def execute(command: str, in_data: bytes) -> dict[str, Any]:
        done = subprocess.run(
            command.split(), input=in_data, env=environ, capture_output=True, timeout=300, check=False
        )
        return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}

    action = object.__new__(plugin)
    action._task = Task(arguments, check, diff)
    action._fence = ""
    action._low_level_execute_command = execute
    action._allow_stdin = lambda: None
    action._compute_environment_string = lambda environment: None
    return dict(action.perform(Arguments(arguments)))


def migrate(**arguments: Any) -> dict[str, Any]:
    """The result of a task of the action `migrate`."""
    return perform("migrate", arguments, path=os.environ["PATH"])
