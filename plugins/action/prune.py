"""Removes old releases and what killed runs left behind; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.fraisier.deploy.plugins.plugin_utils import compose, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import RELEASE_ID, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        project = compose.project(app_path, arguments.mapping("compose"))
        parts = [
            shell.assign("app_path", app_path),
            shell.assign("keep", arguments.integer("keep", 5, minimum=1)),
            shell.assign_lines("protect", arguments.lines("protect", RELEASE_ID)),
            *project.parts(),
        ]
        arguments.finish()
        answer = self.ask([compose.SCRIPT, "compose_prune", "prune"] if project.name else ["prune"], parts)
        removed, images = answer.lines("removed"), answer.lines("image_removed")
        result = {**outcome(answer), "removed": removed, "images_removed": images}
        if self.wants_diff and (removed or images):
            before = "".join(f"{name}\n" for name in [*removed, *images])
            result["diff"] = {
                "before_header": f"{app_path}/releases",
                "after_header": f"{app_path}/releases",
                "before": before,
                "after": "",
            }
        return result
