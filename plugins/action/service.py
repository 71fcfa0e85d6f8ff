"""Keeps a service running for the current release, under systemd or supervisor; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import math
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ansible_collections.fraisier.deploy.plugins.plugin_utils import instances, protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import PROGRAM, UNIT, ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.instances import COLORS, Instance, Instances
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
    credentials: dict[str, str]
    start_timeout_seconds: int
    stop_timeout_seconds: int
    settle_seconds: float
    log_lines: int
    instances: Instances

    def environment_of(self, instance: Instance) -> dict[str, str]:
        return {**self.environment, **instance.environment}

    def instance_parts(self, instance: Instance, *, content: str, writes_environment: bool) -> list[str]:
        """What differs from one instance to the other."""
        text = shell.environment_file(self.environment_of(instance))
        kept = "".join(f"\0{name}\0{value}" for name, value in self.credentials.items())
        fingerprint = hashlib.sha256(f"{content}\0{text}{kept}".encode("utf-8", "surrogateescape")).hexdigest()
        return [
            shell.assign("environment_text", text),
            shell.assign("environment_file", instance.environment_file),
            shell.assign("write_environment", writes_environment),
            shell.assign("fingerprint", fingerprint),
            shell.assign("credentials", instance.credentials_folder),
            shell.assign_lines("credential_names", list(self.credentials)),
            shell.files("each_credential", self.credentials),
        ]

    def parts(self) -> list[str]:
        return [
            shell.assign("app_path", self.app_path),
            shell.assign("state_wanted", self.state),
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
        credentials=arguments.credentials(),
        start_timeout_seconds=arguments.integer("start_timeout_seconds", 30, minimum=1),
        stop_timeout_seconds=arguments.integer("stop_timeout_seconds", 20, minimum=1),
        settle_seconds=arguments.number("settle_seconds", 1, maximum=60),
        log_lines=arguments.integer("log_lines", 20, minimum=1, maximum=500),
        instances=instances.parse(arguments),
    )


@dataclass(frozen=True)
class Service:
    """A service under its manager: what the script is told, and what is written for an instance."""

    common: Common
    parts: list[str]
    content: Callable[[Instance], str]


def systemd(arguments: Arguments) -> Service:
    shared = common(arguments)
    unit = arguments.text("unit", required=True, pattern=UNIT)
    given = arguments.block("content")

    def instance_parts(instance: Instance) -> list[str]:
        content = instance.text(given)
        writes = bool(content or shared.environment_of(instance))
        return [
            *shared.instance_parts(instance, content=content, writes_environment=writes),
            shell.assign("unit", instance.name(unit)),
            shell.assign("content", content),
        ]

    parts = [
        *shared.parts(),
        shell.assign("manager", "systemd"),
        shell.assign("scope", arguments.choice("scope", ("system", "user"), "system")),
        *shared.instances.parts(instance_parts),
    ]
    return Service(shared, parts, lambda instance: instance.text(given))


def supervisor(arguments: Arguments) -> Service:
    shared = common(arguments)
    program = arguments.text("program", required=True, pattern=PROGRAM)
    app_path = _plain("app_path", shared.app_path)
    home = _plain("home", arguments.path("home", f"{app_path}/supervisor"))
    command = arguments.text("exec", required=shared.state != "stopped")

    def content(instance: Instance) -> str:
        return launcher(
            app_path, home, instance, instance.name(program), command, has_credentials=bool(shared.credentials)
        )

    def instance_parts(instance: Instance) -> list[str]:
        return [
            *shared.instance_parts(instance, content=content(instance), writes_environment=True),
            shell.assign("program", instance.name(program)),
            shell.assign("launcher", content(instance)),
        ]

    parts = [
        *shared.parts(),
        shell.assign("manager", "supervisor"),
        shell.assign("scope", "system"),
        shell.assign("home", home),
        shell.assign("short", hashlib.sha256(home.encode()).hexdigest()[:16]),
        shell.assign("venv", _plain("venv", arguments.path("venv", f"{home}/venv"))),
        shell.assign("python", arguments.text("python", "python3", required=True)),
        shell.assign("package", arguments.text("package", "supervisor>=4.3,<5", pattern=PACKAGE)),
        *shared.instances.parts(instance_parts),
    ]
    return Service(shared, parts, content)


def _plain(name: str, path: str) -> str:
    """supervisord's files have no way to quote."""
    if not SUPERVISOR_PATH.fullmatch(path):
        raise ArgumentError(f"{name} may hold only letters, digits and _./+@=,~- under supervisor")
    return path


def launcher(
    app_path: str, home: str, instance: Instance, program: str, command: str, *, has_credentials: bool = False
) -> str:
    """The program that supervisord starts: it notes its pid, reads the environment and becomes the service."""
    environment_file = shlex.quote(f"{app_path}/shared/{instance.environment_file}")
    credentials = shlex.quote(f"{app_path}/shared/{instance.credentials_folder}")
    return "\n".join([
        "#!/bin/sh",
        "# Written by Fraisier; changes are overwritten.",
        f"echo \"$$\" >{shlex.quote(f'{home}/run/{program}.pid')}",
        f"cd -P {shlex.quote(f'{app_path}/{instance.place}')} || exit 1",
        "set -a",
        f". {environment_file}",
        "set +a",
        *([f"export CREDENTIALS_DIRECTORY={credentials}"] if has_credentials else []),
        f"exec {command}",
    ])  # fmt: skip


MANAGERS = {"systemd": systemd, "supervisor": supervisor}


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        manager = arguments.choice("manager", tuple(MANAGERS), "systemd")
        service = MANAGERS[manager](arguments)
        arguments.finish()
        shared = service.common
        ends_both = shared.instances.are_two and shared.state == "stopped" and shared.instances.wanted == "release"
        if not ends_both:
            return self._ask(manager, service, [])
        results = [self._ask(manager, service, [shell.assign("instance", color)]) for color in COLORS]
        wrong = next((result for result in results if result.get("failed")), results[-1])
        return {**wrong, "changed": any(result["changed"] for result in results)}

    def _ask(self, manager: str, service: Service, more: list[str]) -> Result:
        answer = self.ask([instances.SCRIPT, "process", manager], [*service.parts, *more])
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
            result["diff"] = _diffs(service, answer)
        return result


def _with_log(message: str, answer: Answer) -> str:
    said = protocol.last_lines(answer.text("log"), count=5)
    return f"{message}; its last lines:\n{said}" if said else message


def _diffs(service: Service, answer: Answer) -> list[dict[str, str]]:
    """Names of variables only, and no value of one in the unit's text."""
    instance = service.common.instances.of(answer.text("color"))
    environment = service.common.environment_of(instance)
    diffs = []
    if answer.flag("unit_changed"):
        texts = (answer.text("unit_before"), service.content(instance))
        diffs.append(_diff(answer.text("unit_file"), *(masked(text, environment) for text in texts)))
    if answer.flag("environment_changed"):
        before, after = answer.lines("environment_before"), list(environment)
        texts = tuple("".join(f"{name}=***\n" for name in names) for names in (before, after))
        diffs.append(_diff(f"{service.common.app_path}/shared/{instance.environment_file}", *texts))
    if answer.flag("credentials_changed"):
        before, after = answer.lines("credentials_before"), list(service.common.credentials)
        texts = tuple("".join(f"{name} ***\n" for name in names) for names in (before, after))
        diffs.append(_diff(f"{service.common.app_path}/shared/{instance.credentials_folder}", *texts))
    return diffs


def _diff(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def masked(text: str, environment: Mapping[str, str]) -> str:
    for value in sorted(environment.values(), key=len, reverse=True):
        if len(value) > 3:
            text = text.replace(value, "***")
    return text
