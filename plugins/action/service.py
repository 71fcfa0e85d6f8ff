"""Keeps a service running for the current release, under systemd or supervisor; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import PROGRAM, UNIT, ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

POLL_SECONDS = 0.1
SUPERVISOR_PATH = re.compile(r"[A-Za-z0-9_./+@=,~-]+")
PACKAGE = re.compile(r"[^-\s][^\s]*")


@dataclass(frozen=True)
class Common:
    """What both managers need."""

    app_path: str
    state: str
    environment: dict[str, str]
    start_timeout_seconds: int
    stop_timeout_seconds: int
    settle_seconds: float
    log_lines: int

    def parts(self, *, content: str, writes_environment: bool) -> list[str]:
        text = shell.environment_file(self.environment)
        fingerprint = hashlib.sha256(f"{content}\0{text}".encode("utf-8", "surrogateescape")).hexdigest()
        return [
            shell.assign("app_path", self.app_path),
            shell.assign("state_wanted", self.state),
            shell.assign("environment_text", text),
            shell.assign("write_environment", writes_environment),
            shell.assign("fingerprint", fingerprint),
            shell.assign("start_timeout_seconds", self.start_timeout_seconds),
            shell.assign("stop_timeout_seconds", self.stop_timeout_seconds),
            shell.assign("settle_polls", math.ceil(self.settle_seconds / POLL_SECONDS)),
            shell.assign("log_lines", self.log_lines),
        ]


def common(arguments: Arguments) -> Common:
    return Common(
        app_path=arguments.app_path(),
        state=arguments.choice("state", ("restarted", "stopped"), "restarted"),
        environment=arguments.environment(),
        start_timeout_seconds=arguments.integer("start_timeout_seconds", 30, minimum=1),
        stop_timeout_seconds=arguments.integer("stop_timeout_seconds", 20, minimum=1),
        settle_seconds=arguments.number("settle_seconds", 1, maximum=60),
        log_lines=arguments.integer("log_lines", 20, minimum=1, maximum=500),
    )


def systemd(arguments: Arguments) -> tuple[Common, list[str], str]:
    shared = common(arguments)
    content = arguments.block("content")
    parts = [
        *shared.parts(content=content, writes_environment=bool(content or shared.environment)),
        shell.assign("manager", "systemd"),
        shell.assign("unit", arguments.text("unit", required=True, pattern=UNIT)),
        shell.assign("scope", arguments.choice("scope", ("system", "user"), "system")),
        shell.assign("content", content),
    ]
    return shared, parts, content


def supervisor(arguments: Arguments) -> tuple[Common, list[str], str]:
    shared = common(arguments)
    program = arguments.text("program", required=True, pattern=PROGRAM)
    home = _plain("home", arguments.path("home", f"{shared.app_path}/supervisor"))
    command = arguments.text("exec", required=shared.state != "stopped")
    content = launcher(_plain("app_path", shared.app_path), home, program, command)
    parts = [
        *shared.parts(content=content, writes_environment=True),
        shell.assign("manager", "supervisor"),
        shell.assign("scope", "system"),
        shell.assign("program", program),
        shell.assign("home", home),
        shell.assign("short", hashlib.sha256(home.encode()).hexdigest()[:16]),
        shell.assign("venv", _plain("venv", arguments.path("venv", f"{home}/venv"))),
        shell.assign("python", arguments.text("python", "python3", required=True)),
        shell.assign("package", arguments.text("package", "supervisor>=4.3,<5", pattern=PACKAGE)),
        shell.assign("launcher", content),
    ]
    return shared, parts, content


def _plain(name: str, path: str) -> str:
    """supervisord's files have no way to quote."""
    if not SUPERVISOR_PATH.fullmatch(path):
        raise ArgumentError(f"{name} may hold only letters, digits and _./+@=,~- under supervisor")
    return path


def launcher(app_path: str, home: str, program: str, command: str) -> str:
    """The program that supervisord starts: it notes its pid, reads the environment and becomes the service."""
    environment_file = shlex.quote(f"{app_path}/shared/service.env")
    return "\n".join([
        "#!/bin/sh",
        "# Written by Fraisier; changes are overwritten.",
        f"echo \"$$\" >{shlex.quote(f'{home}/run/{program}.pid')}",
        f"cd -P {shlex.quote(f'{app_path}/current')} || exit 1",
        "set -a",
        f". {environment_file}",
        "set +a",
        f"exec {command}",
    ])  # fmt: skip


MANAGERS = {"systemd": systemd, "supervisor": supervisor}


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        manager = arguments.choice("manager", tuple(MANAGERS), "systemd")
        shared, parts, content = MANAGERS[manager](arguments)
        arguments.finish()
        answer = self.ask(["process", manager], parts)
        state = answer.text("state")
        result = {
            **outcome(answer),
            "state": "running" if state == "running" else "stopped",
            "pid": answer.whole("pid"),
            "started_at": answer.number("started_at"),
        }
        if answer.flag("service_failed"):
            result["log"] = answer.lines("log")
            result["msg"] = _with_log(result["msg"], answer)
        if self.wants_diff and result["changed"]:
            result["diff"] = _diffs(shared, content, answer)
        return result


def _with_log(message: str, answer: Answer) -> str:
    said = protocol.last_lines(answer.text("log"), count=5)
    return f"{message}; its last lines:\n{said}" if said else message


def _diffs(shared: Common, content: str, answer: Answer) -> list[dict[str, str]]:
    """Names of variables only, and no value of one in the unit's text."""
    diffs = []
    if answer.flag("unit_changed"):
        diffs.append(
            _diff(
                answer.text("unit_file"),
                *(masked(text, shared.environment) for text in (answer.text("unit_before"), content)),
            )
        )
    if answer.flag("environment_changed"):
        before, after = answer.lines("environment_before"), list(shared.environment)
        texts = ["".join(f"{name}=***\n" for name in names) for names in (before, after)]
        diffs.append(_diff(f"{shared.app_path}/shared/service.env", *texts))
    return diffs


def _diff(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def masked(text: str, environment: Mapping[str, str]) -> str:
    for value in sorted(environment.values(), key=len, reverse=True):
        if len(value) > 3:
            text = text.replace(value, "***")
    return text
