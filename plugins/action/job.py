"""Runs a program of the current release to its end: in a transient unit of systemd's, or as a child; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import shlex

from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import (
    PROGRAM,
    UNIT,
    USER,
    ArgumentError,
    Arguments,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.backup_program import program
from ansible_collections.fraisier.deploy.plugins.plugin_utils.job_units import whole_path
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

SETTING = re.compile(r"[A-Z][A-Za-z]*")


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        name = arguments.text("name", required=True, pattern=PROGRAM)
        manager = arguments.choice("manager", ("systemd", "unit", "none"), "systemd")
        scope = arguments.choice("scope", ("system", "user"), "system")
        unit = arguments.text("unit", required=manager != "none", pattern=UNIT)
        command, backup = arguments.command("command"), arguments.mapping("backup")
        ours = program(backup, app_path) if backup else None
        if ours:
            if command or manager == "systemd":
                raise ArgumentError(
                    "backup stands beside command, or needs a transient unit: give manager unit or none"
                )
            command = ours.text
        if not command and manager != "unit":
            raise ArgumentError("command is required, unless a unit that there is already is started")
        environment = {
            **arguments.environment(),
            **(ours.environment if ours else {}),
            "FRAISIER_APP_PATH": app_path,
            "FRAISIER_RELEASE_PATH": f"{app_path}/current",
            "FRAISIER_JOB": name,
        }
        timeout_seconds = arguments.integer("timeout_seconds", 3600, minimum=1)
        settings = _settings(arguments, app_path, scope, timeout_seconds)
        parts = [
            shell.assign("app_path", app_path),
            shell.assign("job", name),
            shell.assign("manager", manager),
            shell.assign("scope", scope),
            shell.assign("unit", unit),
            shell.assign("besides", " ".join(arguments.lines("besides", UNIT))),
            shell.assign("program", ""),
            shell.assign("home", ""),
            shell.assign("timeout_seconds", timeout_seconds),
            shell.assign("log_lines", arguments.integer("log_lines", 50, minimum=1, maximum=500)),
            shell.assign("environment_text", shell.environment_file(environment)),
            shell.exporting("job_environment", environment),
            shell.calling("run_job", command or ["false"]),
            _start_unit(unit, settings, command or ["false"], app_path),
        ]
        arguments.finish()
        answer = self.ask(["process", "job"], parts)
        result = {**outcome(answer), "release_id": answer.text("release_id"), "version": answer.text("version")}
        if answer.has("started_at"):
            begun, ended = answer.number("started_at"), answer.number("ended_at")
            result |= {"rc": answer.whole("rc"), "log": answer.lines("log"), "started_at": begun}
            result["duration_seconds"] = round(ended - begun, 3)
        if answer.flag("job_failed"):
            result["msg"] = _message(name, result, timeout_seconds, is_late=answer.flag("timed_out"))
        return result


def _settings(arguments: Arguments, app_path: str, scope: str, timeout_seconds: int) -> dict[str, str]:
    """Settings of the transient unit by name; the user's own win over ours."""
    user, group = arguments.text("user", pattern=USER), arguments.text("group", pattern=USER)
    found = {"WorkingDirectory": f"{app_path}/current", "RuntimeMaxSec": str(timeout_seconds), "TimeoutStopSec": "10"}
    if scope == "system":
        found |= {"User": user} if user else {}
        found |= {"Group": group} if group else {}
    for name, value in arguments.mapping("options").items():
        if not SETTING.fullmatch(name) or "\n" in str(value):
            raise ArgumentError("options must map settings of systemd to a line of text")
        found[name] = str(value)
    return found


def _start_unit(unit: str, settings: dict[str, str], command: str | list[str], app_path: str) -> str:
    """A function that runs the command in the unit and gives its exit code. The environment is in a file: an argv can be read by all."""
    properties = " ".join(f"-p {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else whole_path(command, app_path)
    words = [word.replace("$", "$$") for word in words]  # the manager would put variables of its own there
    return "\n".join([
        "start_unit() {",
        f'  systemd-run "$@" --quiet --collect --wait --pipe --service-type=exec --unit={shlex.quote(unit)} \\',
        f'    -p "EnvironmentFile=$f_work/environment" {properties} -- {shlex.join(words)}',
        "}",
    ])  # fmt: skip


def _message(name: str, result: Result, timeout_seconds: int, *, is_late: bool) -> str:
    why = f"did not end within {timeout_seconds} s" if is_late else f"ended with {result['rc']}"
    said = protocol.last_lines("\n".join(result["log"]), count=5)
    head = f"the job {name} {why}"
    return f"{head}; its last lines:\n{said}" if said else head
