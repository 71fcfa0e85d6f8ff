"""Base of our action plugins: check the arguments, send one script to the host, turn its answer into a result."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import VARIABLE, ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer

Result = dict[str, Any]
FENCE = re.compile(r"[0-9a-f-]{1,40} [0-9]{1,18} [0-9]{1,9}")


class ScriptAction(ActionBase):  # type: ignore[misc]
    """One `sh -s` per host. A subclass writes `perform`: it asks for its arguments, calls `ask` and returns the result.

    A script that changes the host first checks that nobody has taken the target over (`fraisier_fence`, lib.sh); `CHANGES = False` is for
    those that only look.
    """

    TRANSFERS_FILES = False
    CHANGES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        self._fence = str((task_vars or {}).get("fraisier_fence") or "")
        if self._fence and not FENCE.fullmatch(self._fence):
            raise AnsibleActionFail("fraisier_fence must be '<id of the target> <number> <run>'")
        try:
            result.update(self.perform(Arguments(self._task.args)))
        except ArgumentError as error:
            raise AnsibleActionFail(f"{self._task.action}: {error}") from None
        return result

    def perform(self, arguments: Arguments) -> Result:
        raise NotImplementedError

    @property
    def is_check(self) -> bool:
        return bool(self._task.check_mode)

    @property
    def wants_diff(self) -> bool:
        return bool(self._task.diff)

    def ask(self, scripts: Sequence[str], parts: Sequence[str]) -> Answer:
        """Run lib.sh, ``parts`` and then ``scripts`` on the host in one exec; the whole text travels over stdin."""
        token = protocol.new_token()
        sources = [shell.source(name) for name in scripts]
        head = [self._task_environment(), shell.source("lib"), shell.assign("check", self.is_check)]
        head += [shell.assign("diff", self.wants_diff), shell.assign("fence", self._fence)]
        program = shell.wrap(token, [*head, *parts, *(["fenced"] if self.CHANGES else []), *sources])
        self._allow_stdin()
        raw = self._low_level_execute_command("sh -s", in_data=program.encode("utf-8", "surrogateescape"))
        answer = protocol.read(token, raw["stdout"])
        if answer.complete:
            return answer
        return Answer(_unfinished(raw), complete=False)

    def send(self, content: bytes, command: Sequence[str]) -> str:
        """What ``command``, which reads ``content`` on its stdin, prints on the host. Raises AnsibleActionFail when it fails.

        One exec, by the user that the scripts run as: no file of another user is made first, which that one might not be able to read.
        """
        self._allow_stdin()
        raw = self._low_level_execute_command(shlex.join(command), in_data=content)
        if raw["rc"] != 0:
            raise AnsibleActionFail(
                f"{self._task.action}: nothing can be sent to the host: {protocol.tail(raw['stderr'])}"
            )
        return str(raw["stdout"])

    def _allow_stdin(self) -> None:
        """With a become password the local connection gives the command a terminal instead of our script, unless pipelining is on."""
        if self._connection.transport.rpartition(".")[2] == "local" and self._connection.become is not None:
            self._connection.set_option("pipelining", True)

    def _task_environment(self) -> str:
        """The `environment:` keyword of task and play; Ansible itself would put it into an argv."""
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        names = {name: str(value) for name, value in environment.items() if VARIABLE.fullmatch(name)}
        return shell.exporting("task_environment", names) + "\ntask_environment"


def _unfinished(raw: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    seen = protocol.tail(raw["stderr"]) or protocol.tail(raw["stdout"])
    reason = f"the script on the host ended early (rc {raw['rc']})"
    message = f"{reason}: {protocol.last_lines(seen)}" if seen else f"{reason} and printed nothing"
    return {
        "failed": ("1",),
        "msg": (message,),
        "rc": (str(raw["rc"]),),
        "stderr": tuple(protocol.tail(raw["stderr"]).split("\n")),
    }


def failure(answer: Answer) -> Result:
    """The common part of every failed result; empty when the answer is a success."""
    if answer.complete and not answer.flag("failed"):
        return {}
    return {
        "failed": True,
        "msg": answer.text("msg") or "failed without a message",
        "rc": answer.whole("rc", 1),
        "stdout": protocol.tail(answer.text("stdout")),
        "stderr": protocol.tail(answer.text("stderr")),
    }


def outcome(answer: Answer) -> Result:
    """`changed`, warnings, and the failure if it was one."""
    result: Result = {"changed": answer.flag("changed"), **failure(answer)}
    if answer.has("fenced"):
        result["fenced"] = True
    if answer.has("warning"):
        result["warnings"] = answer.lines("warning")
    return result
