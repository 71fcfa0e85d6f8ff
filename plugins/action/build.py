"""Runs the install commands of a release once; one exec per host, none when there are no commands."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.releases import release_environment
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome
from ansible_collections.fraisier.deploy.plugins.plugin_utils.shell import Command


def fingerprint(commands: Sequence[Command]) -> str:
    """What was built is known by the commands alone: a hash of secrets would lie on the host for anybody to guess at."""
    return hashlib.sha256(json.dumps(commands).encode()).hexdigest()


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        release_id = arguments.release_id()
        version = arguments.commit()
        commands = arguments.commands("commands")
        environment = arguments.environment()
        timeout_seconds = arguments.integer("timeout_seconds", 900, minimum=1)
        arguments.finish()
        if not commands:
            return {"changed": False, "release_id": release_id}
        parts = [
            shell.exporting("build_environment", {**environment, **release_environment(app_path, release_id, version)}),
            *_functions(commands),
            shell.assign("app_path", app_path),
            shell.assign("release_id", release_id),
            shell.assign("fingerprint", fingerprint(commands)),
            shell.assign("count", len(commands)),
            shell.assign("timeout_seconds", timeout_seconds),
        ]
        answer = self.ask(["build"], parts)
        result = {**outcome(answer), "release_id": release_id}
        if answer.has("failed_command"):
            result["msg"] = failure_message(answer, commands, timeout_seconds)
        return result


def _functions(commands: Sequence[Command]) -> list[str]:
    return [shell.calling(f"run_{index}", command) for index, command in enumerate(commands, start=1)]


def failure_message(answer: Answer, commands: Sequence[Command], timeout_seconds: int) -> str:
    index = answer.whole("failed_command", 1)
    late = answer.flag("timed_out")
    reason = f"did not end within {timeout_seconds} s" if late else f"failed (rc {answer.whole('rc')})"
    said = protocol.last_lines(answer.text("stderr") or answer.text("stdout"))
    head = f"command {index} of {len(commands)} {reason}: {shell.shown(commands[index - 1])}"
    return f"{head}\n{said}" if said else head
