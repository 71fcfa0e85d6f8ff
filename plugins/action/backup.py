"""Makes a copy of a database or of files, verifies it, and removes old ones; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.backup import (
    NAME,
    environment_of,
    parse_destination,
    parse_source,
    parts,
    taking,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

STATES = ("taken", "verified", "ready")


class ActionModule(ScriptAction):
    @property
    def CHANGES(self) -> bool:  # type: ignore[override]  # noqa: N802 - of the base; a look needs nobody's leave
        return self._task.args.get("state") != "ready"

    def perform(self, arguments: Arguments) -> Result:
        app_path = arguments.app_path()
        name = arguments.text("name", required=True, pattern=NAME)
        source = parse_source(arguments.mapping("source"))
        destination = parse_destination(arguments.mapping("destination"), name)
        state = arguments.choice("state", STATES, "taken")
        own = [shell.assign("app_path", app_path), shell.assign("state", state), *taking(arguments)]
        chosen = parts(source, destination, environment_of(source, destination, arguments.environment()))
        arguments.finish()
        answer = self.ask(["backup"], [*own, *chosen])
        result = {**outcome(answer), **facts(answer), "place": destination.place}
        if state == "ready":
            result |= {
                "healthy": answer.flag("ready") and not result.get("failed"),
                "evidence": "source and destination",
            }
        if self.wants_diff:
            result["diff"] = _diff(result)
        return result


def facts(answer: Answer) -> Result:
    """What is known of the copy; ``verified`` is said by the host alone, after it has read the copy."""
    return {
        "copy": answer.text("copy"),
        "taken": answer.flag("taken"),
        "missing": answer.flag("missing"),
        "verified": answer.flag("verified") and answer.complete and not answer.flag("failed"),
        "tables": answer.whole("tables") if answer.has("tables") else None,
        "files": answer.whole("files") if answer.has("files") else None,
        "bytes": answer.whole("bytes") if answer.has("bytes") else None,
        "sha256": answer.text("sha256"),
        "copies": answer.lines("copies"),
        "removed": answer.lines("removed"),
        "bad": answer.lines("bad"),
        "retriable": answer.flag("locked"),
    }


def _diff(result: Result) -> dict[str, str]:
    """The copies that go, and one that comes."""
    before = "".join(f"{stamp}\n" for stamp in result["removed"])
    return {
        "before_header": result["place"],
        "after_header": result["place"],
        "before": before,
        "after": f"{result['copy']}\n" if result["taken"] else "",
    }
