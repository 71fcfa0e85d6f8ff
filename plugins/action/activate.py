"""Makes a release the current one by an atomic swap of a symbolic link, or takes the link away; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.fraisier.deploy.plugins.plugin_utils import instances, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        state = arguments.choice("state", ("present", "live", "absent"), "present")
        release_id = arguments.release_id(required=state != "absent")
        bad_release_id = arguments.release_id("bad_release_id", required=False)
        allow_bad = arguments.boolean("allow_bad")
        both = instances.parse(arguments, release_id=release_id)
        arguments.finish()
        if state == "live" and not both.are_two:
            raise ArgumentError("state live needs blue_green: without it, present is live")
        parts = [
            shell.assign("app_path", app_path),
            *both.parts(lambda _: []),
            shell.assign("other_links", " ".join(both.ports)),
            shell.assign("state", state),
            shell.assign("release_id", release_id),
            shell.assign("bad_release_id", bad_release_id),
            shell.assign("allow_bad", allow_bad),
        ]
        answer = self.ask([instances.SCRIPT, "activate"], parts)
        result = {
            **outcome(answer),
            "release_id": release_id if state != "absent" else "",
            "previous_release_id": answer.text("previous_release_id"),
            "activated_at": answer.number("activated_at"),
            "color": answer.text("color"),
            "is_live": answer.flag("is_live"),
        }
        if self.wants_diff and result["changed"]:
            result["diff"] = _diff(answer.text("link"), answer.text("link_before"), result["release_id"])
        return result


def _diff(link: str, before: str, after: str) -> dict[str, str]:
    return {
        "before_header": link,
        "after_header": link,
        "before": f"releases/{before}\n" if before else "",
        "after": f"releases/{after}\n" if after else "",
    }
