"""Makes a release the current one by an atomic swap of a symbolic link, or takes the link away; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        state = arguments.choice("state", ("present", "absent"), "present")
        release_id = arguments.release_id(required=state == "present")
        bad_release_id = arguments.release_id("bad_release_id", required=False)
        allow_bad = arguments.boolean("allow_bad")
        arguments.finish()
        parts = [
            shell.assign("app_path", app_path),
            shell.assign("state", state),
            shell.assign("release_id", release_id),
            shell.assign("bad_release_id", bad_release_id),
            shell.assign("allow_bad", allow_bad),
        ]
        answer = self.ask(["activate"], parts)
        previous = answer.text("previous_release_id")
        result = {
            **outcome(answer),
            "release_id": release_id if state == "present" else "",
            "previous_release_id": previous,
            "activated_at": answer.number("activated_at"),
        }
        if self.wants_diff and result["changed"]:
            result["diff"] = _diff(app_path, previous, result["release_id"])
        return result


def _diff(app_path: str, before: str, after: str) -> dict[str, str]:
    link = f"{app_path}/current"
    return {
        "before_header": link,
        "after_header": link,
        "before": f"releases/{before}\n" if before else "",
        "after": f"releases/{after}\n" if after else "",
    }
