"""Brings back a copy that `backup` made: read in beside what serves, verified there, then swapped; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.backup import (
    NAME,
    STAMP,
    environment_of,
    parse_destination,
    parse_source,
    parts,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

STATES = ("present", "listed")


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        name = arguments.text("name", required=True, pattern=NAME)
        source = parse_source(arguments.mapping("source"))
        destination = parse_destination(arguments.mapping("destination"), name)
        state = arguments.choice("state", STATES, "present")
        own = [
            shell.assign("app_path", app_path),
            shell.assign("state", state),
            shell.assign("at", arguments.text("at", pattern=STAMP)),
            shell.assign("maintenance", arguments.text("maintenance_database", "postgres")),
            shell.assign("timeout_seconds", arguments.integer("timeout_seconds", 3600, minimum=1)),
            shell.assign("lock_timeout_seconds", arguments.integer("lock_timeout_seconds", 60)),
        ]
        chosen = parts(source, destination, environment_of(source, destination, arguments.environment()))
        arguments.finish()
        answer = self.ask(["restore"], [*own, *chosen, shell.source(f"restore_{source.kind}")])
        return {
            **outcome(answer),
            "copy": answer.text("copy"),
            "verified": answer.flag("verified"),
            "restored": answer.flag("restored"),
            "before": answer.text("before"),
            "tables": answer.whole("tables") if answer.has("tables") else None,
            "copies": answer.lines("copies"),
            "bad": answer.lines("bad"),
            "place": destination.place,
            "retriable": answer.flag("locked"),
        }
