"""Looks at a host before anything is changed there, or just looks (`require: false`); one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re

from ansible_collections.fraisier.deploy.plugins.plugin_utils import instances, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.http_check import MANAGERS, parse_service
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

TOOL = re.compile(r"[A-Za-z0-9_./+-]+")

MANIFEST = ("release_id", "version", "target", "created_at", "repo")


class ActionModule(ScriptAction):
    CHANGES = False

    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        service = parse_service(arguments, app_path)
        both = instances.parse(arguments, release_id="")
        parts = [
            shell.assign("manager_wanted", arguments.choice("manager", MANAGERS, "none")),
            shell.assign("app_path", app_path),
            *both.parts(lambda instance: service.of(instance).parts()),
            shell.assign_lines("tools", arguments.lines("tools", TOOL)),
            shell.assign("min_free_mb", arguments.integer("min_free_mb", 0)),
            shell.assign("unit_exists", arguments.boolean("unit_exists") and bool(service.unit)),
            shell.assign("python", arguments.text("python", "python3", required=True)),
            shell.assign("venv", arguments.path("venv", f"{service.home}/venv")),
        ]
        require = arguments.boolean("require", default=True)
        arguments.finish()
        parts.append(shell.assign("take", require))
        answer = self.ask([instances.SCRIPT, *service.scripts, "checks", "preflight"], parts)
        result = {**outcome(answer), **facts(answer)}
        if answer.has("problem") and require:
            result.update(failed=True, msg="; ".join(answer.lines("problem")), rc=1, stdout="", stderr="")
        return result


def facts(answer: Answer) -> Result:
    return {
        "current_release_id": answer.text("current_release_id"),
        "current_version": answer.text("current_version"),
        "releases": answer.lines("release"),
        "bad_releases": answer.lines("bad_release"),
        "free_mb": answer.whole("free_mb"),
        "user": answer.text("user"),
        "problems": answer.lines("problem"),
        "service": {
            "state": answer.text("state", "unknown"),
            "pid": answer.whole("pid"),
            "started_at": answer.number("started_at"),
            "release_id": answer.text("process_release_id"),
        },
        "manifest": manifest(answer.text("manifest")),
    }


def manifest(text: str) -> dict[str, str]:
    """What a release says of itself; a file on a host may hold anything."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {name: str(found[name]) for name in MANIFEST if name in found} if isinstance(found, dict) else {}
