"""Makes a release of what has no repository: a folder with its version; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from datetime import UTC, datetime

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        release_id, version = arguments.release_id(), arguments.commit()
        facts = {
            "release_id": release_id,
            "version": version,
            "target": arguments.text("target"),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        arguments.finish()
        manifest = json.dumps({name: value for name, value in facts.items() if value}, sort_keys=True)
        parts = [
            shell.assign("app_path", app_path),
            shell.assign("release_id", release_id),
            shell.assign("version", version),
            shell.assign("manifest", manifest),
        ]
        result = {**outcome(self.ask(["release"], parts)), "release_id": release_id, "version": version}
        if self.wants_diff:
            after = f"{app_path}/releases/{release_id}\n" if result["changed"] else ""
            result["diff"] = {"before": "", "after": after}
        return result
