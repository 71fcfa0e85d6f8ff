"""Installs, restores, checks or removes the units of jobs that run by the clock; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import (
    PROGRAM,
    USER,
    ArgumentError,
    Arguments,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.backup_program import program, work_folder
from ansible_collections.fraisier.deploy.plugins.plugin_utils.job_units import Job, Place, service_text, timer_text
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,200}")
SETTING = re.compile(r"[A-Z][A-Za-z]*")
STATES = ("present", "restored", "absent", "checked")


class ActionModule(ScriptAction):
    @property
    def CHANGES(self) -> bool:  # type: ignore[override]  # noqa: N802 - of the base; a look needs nobody's leave
        return self._task.args.get("state") != "checked"

    def perform(self, arguments: Arguments) -> Result:
        state = arguments.choice("state", STATES, "present")
        place = Place(
            app_path=arguments.app_path(),
            prefix=arguments.text("prefix", required=True, pattern=PREFIX),
            description=arguments.text("description"),
            scope=arguments.choice("scope", ("system", "user"), "system"),
            user=arguments.text("user", pattern=USER),
            group=arguments.text("group", pattern=USER),
            options=_options(arguments),
        )
        common = arguments.environment()
        jobs = [_job(name, given, common, place) for name, given in arguments.mapping("jobs").items()]
        require = arguments.boolean("require", default=True)
        arguments.finish()
        if self.is_check and state == "checked":
            return {"changed": False, "skipped": True, "msg": "nothing was deployed in check mode"}
        files = _files(place, jobs)
        wanted = "\n".join(name for name in files if name.endswith((".service", ".timer")))
        puts = [f"put {name} {mode} {shell.shlex.quote(text)}" for name, (mode, text) in files.items()]
        parts = [
            shell.assign("app_path", place.app_path),
            shell.assign("scope", place.scope),
            shell.assign("state", state),
            shell.assign("manager", "systemd"),
            shell.assign("work_folder", work_folder(place.app_path) if any(job.program for job in jobs) else ""),
            shell.assign("work_owner", place.user),
            shell.assign_lines("calendars", [each for job in jobs for each in job.on_calendar]),
            "\n".join(["put_files() {", "  :", *puts, "}"]),
            f"wanted_files() {{ printf '%s\\n' {shell.shlex.quote(wanted)}; }}",
        ]
        answer = self.ask(["process", "jobs"], parts)
        result = {**outcome(answer), "removed": answer.lines("removed"), "timers": answer.lines("timer")}
        if answer.has("healthy"):
            result |= {"healthy": answer.flag("healthy"), "evidence": "timers"}
            if require and state == "checked" and not answer.flag("healthy"):
                result |= {
                    "failed": True,
                    "msg": f"not every timer is the one of this release and active: {_said(result)}",
                }
        return result


def _said(result: Mapping[str, Any]) -> str:
    return "; ".join(result["timers"]) or "there is none"


def _options(arguments: Arguments) -> dict[str, str]:
    found = {}
    for name, value in arguments.mapping("options").items():
        if not SETTING.fullmatch(name) or isinstance(value, (Mapping, list)):
            raise ArgumentError("options must map settings of systemd to a text")
        found[name] = str(value)
    return found


def _job(name: str, given: Any, common: Mapping[str, str], place: Place) -> Job:
    """A job with its arguments checked as those of a task are."""
    if not PROGRAM.fullmatch(name) or not isinstance(given, Mapping):
        raise ArgumentError("jobs must map names to mappings")
    inner = Arguments(given)
    command, backup = inner.command("command"), inner.mapping("backup")
    if bool(command) == bool(backup):
        raise ArgumentError(f"jobs.{name}: command is required, or backup, and not both")
    ours = program(backup, place.app_path) if backup else None
    found = Job(
        name=name,
        command=["/bin/sh", f"{place.store}/{name}.sh"] if ours else command,
        on_calendar=inner.lines("on_calendar"),
        depends_on=inner.lines("depends_on", PROGRAM),
        environment={**common, **inner.environment(), **(ours.environment if ours else {}), "FRAISIER_JOB": name},
        timeout_seconds=inner.integer("timeout_seconds", 3600, minimum=1),
        jitter_seconds=inner.integer("jitter_seconds", 0),
        persistent=inner.boolean("persistent", default=True),
        program=ours.text if ours else "",
    )
    inner.finish()
    return found


def _files(place: Place, jobs: list[Job]) -> dict[str, tuple[str, str]]:
    """Files by name, with mode and text. Secrets are in the environment alone."""
    found: dict[str, tuple[str, str]] = {}
    for job in jobs:
        found[f"{job.name}.env"] = ("0600", shell.environment_file(job.environment or {}))
        if job.program:
            found[f"{job.name}.sh"] = ("0644", job.program)
        found[place.unit(job.name)] = ("0644", service_text(place, job))
        if job.on_calendar:
            found[place.unit(job.name, "timer")] = ("0644", timer_text(place, job))
    return found
