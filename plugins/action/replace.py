"""Replaces a database by an empty one, or by a copy, once per release; what served before is kept. One exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import (
    RELEASE_ID,
    ArgumentError,
    Arguments,
    relative_path,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.backup import (
    NAME,
    STAMP,
    Destination,
    environment_of,
    parse_destination,
    parse_source,
    parts,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

STATES = ("present", "undone", "settled")
WAYS = ("nothing", "copy")
ADDRESS = "FRAISIER_DATABASE_URL"


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        app_path, release_id = arguments.app_path(), arguments.release_id()
        given = arguments.mapping("source")
        source, url = parse_source(given), str(given.get("url") or "")
        if source.kind not in ("postgresql", "sqlite"):
            raise ArgumentError("only a database of PostgreSQL or SQLite can be replaced")
        state, way = arguments.choice("state", STATES, "present"), arguments.choice("by", WAYS, "nothing")
        destination, at = _copies(arguments, app_path, is_needed=way == "copy" and state == "present")
        bin_dir = arguments.text("bin_dir")
        own = [
            shell.assign("app_path", app_path),
            shell.assign("release", release_id),
            shell.assign("good", arguments.text("good", pattern=RELEASE_ID)),
            shell.assign("state", state),
            shell.assign("by", way),
            shell.assign("at", at),
            shell.assign("place", destination.place),
            shell.assign("foreign", True),
            shell.assign("maintenance", arguments.text("maintenance_database", "postgres")),
            shell.assign("timeout_seconds", arguments.integer("timeout_seconds", 3600, minimum=1)),
            shell.assign("lock_timeout_seconds", arguments.integer("lock_timeout_seconds", 60)),
            shell.assign("url_variable", ADDRESS if url else ""),
            shell.assign("lock_program", shell.program("database_lock.py")),
            shell.assign("lock_python", _python(app_path, release_id, bin_dir)),
            shell.exporting("lock_environment", {**arguments.environment(), **({ADDRESS: url} if url else {})}),
        ]
        chosen = parts(source, destination, environment_of(source, destination, arguments.environment()))
        arguments.finish()
        ours = [shell.source(f"restore_{source.kind}"), shell.source(f"replace_{source.kind}")]
        return _result(self.ask(["database_lock", "replace"], [*own, *chosen, *ours]))


def _copies(arguments: Arguments, app_path: str, *, is_needed: bool) -> tuple[Destination, str]:
    """Where the copies are, and the moment up to which one may be; a place that is never looked at where none is needed."""
    given = arguments.mapping("copies")
    if not given and is_needed:
        raise ArgumentError("copies is required: it says which copies may take the place of the database")
    inner = Arguments(given or {"name": "none", "destination": {"path": f"{app_path}/.fraisier"}})
    try:
        name = inner.text("name", required=True, pattern=NAME)
        destination, at = parse_destination(inner.mapping("destination"), name), inner.text("at", pattern=STAMP)
        inner.finish()
    except ArgumentError as error:
        raise ArgumentError(f"copies: {error}") from None
    return destination, at


def _python(app_path: str, release_id: str, bin_dir: str) -> str:
    """The interpreter of the release: it has a driver of the database."""
    folder = relative_path("bin_dir", bin_dir).rstrip("/") if bin_dir else "."
    return f"{app_path}/releases/{release_id}/{folder}/python"


def _result(answer: Answer) -> Result:
    return {
        **outcome(answer),
        "replaced": answer.flag("replaced") if answer.has("replaced") and answer.complete else None,
        "database": answer.text("database"),
        "before": answer.text("before"),
        "copy": answer.text("copy"),
        "undone": answer.lines("undone"),
        "removed": answer.lines("removed"),
        "retriable": answer.flag("locked"),
    }
