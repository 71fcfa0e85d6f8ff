"""Takes a server out of a load balancer, or puts it back in; one exec on the balancer, and its own word that it is so."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome
from ansible_collections.fraisier.deploy.plugins.plugin_utils.shell import Command

MANAGERS = ("haproxy", "nginx")
STATES = ("drained", "attached", "seen")
# What HAProxy takes as a name, and nginx as an address: nothing that could end a command or a line of configuration.
NAME = re.compile(r"[A-Za-z0-9_.:-]+")
ADDRESS = re.compile(r"\[?[A-Za-z0-9_.:/-]+\]?[A-Za-z0-9_.:/-]*")
OPTIONS = re.compile(r"[A-Za-z0-9_.:= -]*")


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        manager = arguments.choice("manager", MANAGERS)
        state = arguments.choice("state", STATES)
        self.CHANGES = state != "seen"
        app_path = arguments.app_path()
        server = arguments.text("server", required=True, pattern=ADDRESS if manager == "nginx" else NAME)
        where, parts = (_nginx if manager == "nginx" else _haproxy)(arguments, server)
        parts += [
            shell.assign("app_path", app_path),
            shell.assign("state_wanted", state),
            shell.assign("server", server),
            shell.assign_lines("replaces", arguments.lines("replaces", ADDRESS if manager == "nginx" else NAME)),
            shell.assign("instead", arguments.text("instead", pattern=ADDRESS if manager == "nginx" else NAME)),
            shell.assign("drain_seconds", math.ceil(arguments.number("drain_seconds", 10))),
            shell.assign("up_seconds", math.ceil(arguments.number("up_seconds", 30, minimum=1))),
        ]
        arguments.finish()
        balancer = str(self._task.delegate_to or "")
        try:
            answer = self.ask([f"lb_{manager}"], parts)
        except AnsibleConnectionFailure as error:  # the host itself is well: only its balancer is not there
            return {"failed": True, "msg": f"the load balancer {balancer} cannot be reached: {error}", "server": server}
        result = {
            **outcome(answer),
            "server": server,
            "balancer": balancer,
            "before": answer.text("before"),
            "state": answer.text("state"),
            "connections": answer.whole("connections"),
        }
        if result.get("failed") and balancer:
            result["msg"] = f"{balancer}: {result['msg']}"
        if self.wants_diff and result["changed"]:
            result["diff"] = _diff(where, state, answer)
        return result


def _haproxy(arguments: Arguments, server: str) -> tuple[str, list[str]]:
    for name in ("upstream_file", "server_options", "command", "servers"):  # nginx has these
        arguments.raw(name)
    backend = arguments.text("backend", required=True, pattern=NAME)
    socket = arguments.path("socket", "/run/haproxy/admin.sock")
    return f"{backend}/{server}", [shell.assign("backend", backend), shell.assign("socket", socket)]


def _nginx(arguments: Arguments, server: str) -> tuple[str, list[str]]:
    for name in ("backend", "socket"):  # HAProxy has these
        arguments.raw(name)
    path = arguments.path("upstream_file", required=True)
    servers = arguments.lines("servers", ADDRESS) or sorted(
        {server, *arguments.lines("replaces"), *arguments.lines("instead")}
    )
    if server not in servers:
        raise ArgumentError("servers must hold the server itself")
    command: Command = arguments.command("command") or "nginx"
    parts = [
        shell.assign("upstream_file", path),
        shell.assign_lines("servers", servers),
        shell.assign("server_options", arguments.text("server_options", pattern=OPTIONS)),
        shell.calling("nginx_dump", _with(command, "-T")),
        shell.calling("nginx_build", _with(command, "-V")),
        shell.calling("nginx_reload", _with(command, "-s", "reload")),
    ]
    return path, parts


def _with(command: Command, *more: str) -> str | Sequence[str]:
    return " ".join([command, *more]) if isinstance(command, str) else [*command, *more]


def _diff(where: str, wanted: str, answer: Answer) -> dict[str, str]:
    is_file = answer.has("text_after")
    before, after = (
        (answer.text("text_before"), answer.text("text_after")) if is_file else (answer.text("before"), wanted)
    )
    return {"before_header": where, "after_header": where, "before": f"{before}\n", "after": f"{after}\n"}
