"""The action plugin `migrate` on this machine without Ansible around it: the same arguments, script and answer, at a tenth of the price."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

from ansible_collections.fraisier.deploy.plugins.action.migrate import ActionModule
from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer


class Direct(ActionModule):  # type: ignore[misc]
    """Only the connection is ours: a shell here."""

    is_check = False

    def __init__(self) -> None: ...

    def ask(self, scripts: Sequence[str], parts: Sequence[str]) -> Answer:
        token = protocol.new_token()
        head = [
            shell.source("lib"),
            shell.assign("check", False),
            shell.assign("diff", False),
            shell.assign("fence", ""),
        ]
        program = shell.wrap(token, [*head, *parts, *map(shell.source, scripts)])
        done = subprocess.run(["sh", "-s"], input=program, capture_output=True, text=True, timeout=300)
        answer = protocol.read(token, done.stdout)
        assert answer.complete, done.stdout + done.stderr
        return answer


def migrate(**arguments: Any) -> dict[str, Any]:
    result: dict[str, Any] = Direct().perform(Arguments(arguments))
    return result
