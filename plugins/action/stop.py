"""Ends what an earlier, cut off run still does on the host for this target; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import PROGRAM, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome


class ActionModule(ScriptAction):
    CHANGES = False

    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        job = arguments.text("job", pattern=PROGRAM)
        arguments.finish()
        answer = self.ask(["stop"], [shell.assign("app_path", app_path), shell.assign("job", job)])
        return {**outcome(answer), "stopped": [int(pid) for pid in answer.text("stopped").split()]}
