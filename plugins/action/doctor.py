"""Looks at everything that a deployment needs of a host and says of each what to do next; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import getpass
import re
import time

from ansible_collections.fraisier.deploy.plugins.plugin_utils import checkup, instances, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.archive import run_here
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.http_check import MANAGERS, parse_service
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.repository import parse_repository
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

TOOL = re.compile(r"[A-Za-z0-9_./+-]+")
LOOKS = ("host", "unit")


class ActionModule(ScriptAction):
    CHANGES = False

    def perform(self, arguments: Arguments) -> Result:
        look = arguments.choice("look", LOOKS, "host")
        return self._look_at_unit(arguments) if look == "unit" else self._look_at_host(arguments)

    def _look_at_host(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        service = parse_service(arguments, app_path)
        both = instances.parse(arguments, release_id="")
        repo = arguments.text("repo")
        repository = parse_repository(repo) if repo else None
        branch = arguments.text("branch", "HEAD")
        number = checkup.port_of(arguments.text("health_url"))
        tolerated = arguments.number("max_clock_seconds", 2)
        asking = [
            shell.exporting(
                "git_environment", {**arguments.environment(), **(repository.credentials if repository else {})}
            ),
            shell.assign("repo", repository.url if repository else ""),
            shell.assign("branch", branch),
            shell.assign("git_seconds", arguments.integer("git_timeout_seconds", 20, minimum=1)),
        ]
        push = arguments.boolean("push")
        parts = [
            *([shell.assign("repo", "")] if push else asking),
            shell.assign("app_path", app_path),
            *both.parts(
                lambda instance: [
                    *service.of(instance).parts(),
                    shell.assign("port", number and (instance.port or number)),
                ]
            ),
            shell.assign("manager_wanted", arguments.choice("manager", MANAGERS, "none")),
            shell.assign_lines("tools", arguments.lines("tools", TOOL)),
            shell.assign("min_free_mb", arguments.integer("min_free_mb", 0)),
            shell.assign("unit_exists", arguments.boolean("unit_exists") and bool(service.unit)),
            shell.assign("python", arguments.text("python", "python3", required=True)),
            shell.assign("venv", arguments.path("venv", f"{service.home}/venv")),
        ]
        arguments.finish()
        asked_at = time.time()
        answer = self.ask([instances.SCRIPT, "git_run", "git_access", *service.scripts, "checks", "doctor"], parts)
        answered_at = time.time()
        result = outcome(answer)
        if not answer.complete:
            return result
        instance = both.of(answer.text("color"))
        judged = [
            checkup.clock(answer, asked_at, answered_at, tolerated),
            self._judge_git(answer, repository.url, branch, asking if push else None) if repository else None,
            checkup.port(answer, instance.port or number) if number else None,
            checkup.service(answer, service.manager, service.of(instance).name),
        ]
        found = [*checkup.told(answer), *(finding for finding in judged if finding)]
        return {
            **result,
            "user": answer.text("user"),
            "current_release_id": answer.text("current_release_id"),
            "current_version": answer.text("current_version"),
            "findings": [finding.data() for finding in found],
        }

    def _judge_git(self, answer: Answer, url: str, branch: str, asking: list[str] | None) -> checkup.Finding | None:
        """``asking``: what git is asked with on the controller, where that fetches."""
        if asking is None:
            return checkup.git(answer, url, branch, answer.text("user"), "the host")
        here = run_here([*asking, *map(shell.source, ("git_run", "git_access"))], "git_access\nfinish")
        return checkup.git(here, url, branch, getpass.getuser(), "the controller")

    def _look_at_unit(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        service = parse_service(arguments, app_path)
        both = instances.parse(arguments, release_id="")
        parts = [
            shell.assign("app_path", app_path),
            *both.parts(lambda instance: service.of(instance).parts()),
            shell.assign("written", arguments.boolean("unit_written")),
        ]
        arguments.finish()
        answer = self.ask([instances.SCRIPT, "process", "doctor_unit"], parts)
        return {
            **outcome(answer),
            "user": answer.text("user"),
            "findings": [finding.data() for finding in checkup.told(answer)],
        }
