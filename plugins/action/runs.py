"""Brings back the records that jobs have left on a host; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import COMMIT, PROGRAM, RELEASE_ID, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

FACTS = ("job", "invocation", "begun", "ended", "result", "status")


class ActionModule(ScriptAction):
    CHANGES = False

    def perform(self, arguments: Arguments) -> Result:
        parts = [
            shell.assign("app_path", arguments.app_path()),
            shell.assign("since", arguments.integer("since", 0, maximum=10**12)),
            shell.assign("keep_days", arguments.integer("keep_days", 30, minimum=1)),
        ]
        arguments.finish()
        answer = self.ask(["runs"], parts)
        return {**outcome(answer), "changed": False, "runs": read(answer.lines("run"))}


def read(lines: list[str]) -> list[dict[str, Any]]:
    """Records from their lines, each begun by its file's name; what is no record of ours is left out."""
    found: list[dict[str, Any]] = []
    for line in lines:
        name, _, text = line.partition(" ")
        if name == "file":
            found.append({"log": []})
        elif found and name == "log":
            found[-1]["log"].append(text)
        elif found and name in FACTS:
            found[-1][name] = text
        elif found and name in ("release", "version"):
            pattern = RELEASE_ID if name == "release" else COMMIT
            found[-1]["release_id" if name == "release" else name] = text if pattern.fullmatch(text) else ""
    return [run for run in map(_checked, found) if run]


def _checked(run: dict[str, Any]) -> dict[str, Any] | None:
    try:
        run |= {"begun": float(run["begun"]), "ended": float(run["ended"])}
    except (KeyError, ValueError):
        return None
    fits = PROGRAM.fullmatch(run.get("job", "")) and run.get("invocation", "").isalnum()
    return run if fits and run.get("result") else None
