"""Brings the database to the release's version, or back, by the application's own migration tool."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from pathlib import Path

from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.archive import Wanted, make_archive
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration import Reading, Request, Tool, parse
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_alembic import AlembicTool, FlaskMigrateTool
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_command import CommandTool
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_confiture import ConfitureTool
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_django import DjangoTool
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

TOOLS: dict[str, Tool] = {
    "alembic": AlembicTool(),
    "command": CommandTool(),
    "confiture": ConfitureTool(),
    "django": DjangoTool(),
    "flask_migrate": FlaskMigrateTool(),
}
LONGEST_SQL = 1_000_000
KEEP_FOR_A_LOOK = 'umask 077 && d=$(mktemp -d "${TMPDIR:-/tmp}/fraisier.XXXXXX") && cat >"$d/sent" && printf %s "$d"'
# What a database says when somebody else is in the way for now.
BUSY = re.compile(r"database is locked|lock timeout|deadlock detected|could not obtain lock", re.IGNORECASE)
NO_WAY_BACK = re.compile(r"NotImplementedError|irreversib|ROLLBACK_600", re.IGNORECASE)


def find_tool(name: str) -> Tool:
    if name not in TOOLS:
        raise ArgumentError(f"unknown migration tool {name}; known are {', '.join(TOOLS)}")
    return TOOLS[name]


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        request = parse(arguments)
        arguments.finish()
        tool = find_tool(request.tool)
        tool.check(request)
        if request.state == "at":
            return self._go_to(tool, request)
        if request.planned is not None and request.state == "latest" and not self.is_check:
            look = self._run(tool, request, "look")
            reading = tool.read(look)
            if look.flag("failed") or not look.complete or reading.pending != request.planned:
                return _not_as_planned(_result(tool, request, look, reading), request.planned)
        answer = self._run(tool, request, "look" if request.state == "status" else "latest")
        return _result(tool, request, answer, tool.read(answer))

    def _go_to(self, tool: Tool, request: Request) -> Result:
        """Which way the target lies is known only after a look; what is done then holds only if nothing moved meanwhile."""
        expected = ""
        step = "down"
        if tool.looks_first(request):
            look = self._run(tool, request, "look")
            before = tool.read(look)
            if look.flag("failed") or not look.complete or before.ahead or _is_there(before, request.target):
                return _result(tool, request, look, before)
            if refused := _no_way_back(tool, request, look, before):
                return refused
            expected = look.text("before")
            step = "up" if tool.is_upwards(request.target, before) else "down"
        if self.is_check:
            return (
                {**_facts(tool, request, look, before), "changed": True}
                if tool.looks_first(request)
                else {"changed": True}
            )
        answer = self._run(tool, request, step, expected)
        return _result(tool, request, answer, tool.read(answer))

    def _run(self, tool: Tool, request: Request, step: str, expected: str = "") -> Answer:
        answer = self._ask(tool, request, step, expected)
        return self._look_with(request.sent, tool, request, step) if request.sent and answer.has("wanted") else answer

    def _look_with(self, wanted: Wanted, tool: Tool, request: Request, step: str) -> Answer:
        """Check mode on a host that cannot fetch the commit: it is given one that goes when the look is over."""
        made = make_archive(wanted)
        if made.flag("failed"):
            return Answer({**made.values, "no_directory": ("1",)}, complete=True)
        content = Path(made.text("archive")).read_bytes()
        folder = self.send(content, ["sh", "-c", KEEP_FOR_A_LOOK])
        return self._ask(tool, request, step, "", f"{folder.strip()}/sent", len(content))

    def _ask(self, tool: Tool, request: Request, step: str, expected: str, sent: str = "", size: int = 0) -> Answer:
        repository = request.repository if self.is_check and request.state == "latest" else None
        parts = [
            shell.exporting("migrate_environment", request.environment),
            shell.exporting("git_environment", repository.credentials if repository else {}),
            shell.assign("repo", repository.url if repository else ""),
            shell.assign("version", request.version),
            shell.assign("app_path", request.app_path),
            shell.assign("directory", request.directory),
            shell.assign("bin_dir", request.bin_dir),
            shell.assign("step", step),
            shell.assign("expected", expected),
            shell.assign("allow_ahead", request.allow_database_ahead),
            shell.assign("timeout_seconds", request.timeout_seconds),
            shell.assign("lock_timeout_seconds", request.lock_timeout_seconds),
            shell.assign("url_variable", request.url_variable if request.url_variable in request.environment else ""),
            shell.assign("lock_program", shell.program("database_lock.py")),
            shell.assign("explain", request.explain),
            shell.assign("wants_marks", request.state == "at"),
            shell.assign("longest_sql", LONGEST_SQL),
            shell.assign("push", request.sent is not None),
            shell.assign("sent", sent),
            shell.assign("size", size),
            *tool.parts(request, _targets(request) if request.state == "at" else ["heads"]),
            shell.source(tool.script),
        ]
        scripts = ["git_run", "unpack", "preview", "migrate"] if self.is_check else ["database_lock", "migrate"]
        return self.ask(scripts, parts)


def _targets(request: Request) -> list[str]:
    return request.target.split(",") if request.target else ["base"]


def _is_there(reading: Reading, target: str) -> bool:
    return reading.at is not None and sorted(reading.at.split(",")) == sorted(target.split(","))


def _no_way_back(tool: Tool, request: Request, look: Answer, before: Reading) -> Result:
    """The refusal when the target cannot be reached, or something on the way cannot be taken back: said before anything is."""
    why = tool.unreachable(request.target, look, before)
    rolled_back = [] if why else tool.between(look, before.at, request.target)[1]
    stuck = [name for name in rolled_back if name in before.stuck]
    why = why or "; ".join(f"{name}: {before.stuck[name]}" for name in stuck)
    if not why:
        return {}
    msg = f"there is no way to {request.target or 'base'}: {why}. Nothing was migrated"
    facts = _facts(tool, request, look, before)
    return {**facts, "irreversible": bool(stuck), "failed": True, "changed": False, "rc": 1, "msg": msg}


def _facts(tool: Tool, request: Request, answer: Answer, reading: Reading) -> Result:
    after = tool.place(answer, "after") if answer.has("after") else reading.at
    applied, rolled_back = tool.between(answer, reading.at, after)
    return {
        "before": reading.at,
        "after": after,
        "pending": reading.pending,
        "known": reading.is_known and answer.complete and not answer.flag("failed"),
        "applied": applied,
        "rolled_back": rolled_back,
        "database_ahead": reading.ahead,
        "reversible": tool.is_reversible(request),
        "retriable": False,
        "irreversible": False,
        **(_explained(tool, request, answer, reading) if request.explain else {}),
    }


def _explained(tool: Tool, request: Request, answer: Answer, reading: Reading) -> Result:
    """What a risk gate grades: pure data, and no address of a database beyond its kind."""
    url = request.environment.get(request.url_variable, "")
    changes = [
        {"name": change.name, "sql": change.sql, "grades": change.grades, "stuck": reading.stuck.get(change.name)}
        for change in tool.changes(answer, reading)
    ]
    return {"changes": changes, "dialect": url.partition("://")[0].partition("+")[0]}


def _result(tool: Tool, request: Request, answer: Answer, reading: Reading) -> Result:
    result = {**outcome(answer), **_facts(tool, request, answer, reading)}
    result["changed"] = _is_changed(request, result, reading)
    if answer.flag("no_directory") and result.get("failed"):  # check mode: the tool may need what only the build brings
        said = protocol.last_lines(result["stderr"] or result["stdout"] or result["msg"])
        return {**result, "failed": False, "changed": True, "msg": said}
    if reading.ahead and not (request.allow_database_ahead or request.state == "status"):
        return {**result, "failed": True, "changed": False, "rc": 1, "msg": _ahead_message(reading)}
    if result.get("failed"):
        result.update(_explain(request, result, answer))
    elif (
        request.state == "at"
        and answer.has("after")
        and not _is_there(Reading(result["after"], [], [], False), request.target)
    ):
        result.update(
            failed=True, rc=1, msg=f"the database is at {result['after'] or 'base'}, not at {request.target or 'base'}"
        )
    return result


def _not_as_planned(result: Result, planned: list[str]) -> Result:
    if result.get("failed"):
        return result
    words = [", ".join(names) or "nothing" for names in (planned, result["pending"])]
    msg = f"the plan says that {words[0]} is pending, and it is {words[1]}: nothing was migrated"
    return {**result, "failed": True, "changed": False, "rc": 1, "msg": msg}


def _is_changed(request: Request, result: Result, reading: Reading) -> bool:
    if result["before"] is not None and result["after"] != result["before"]:
        return True
    if request.state == "status" or result.get("failed"):
        return False
    if request.state == "latest":
        return reading.is_pending
    return result["before"] is None


def _ahead_message(reading: Reading) -> str:
    state = f"the database is ahead of the code: it is at {', '.join(reading.ahead)}, which this release does not know"
    return f"{state}. Deploy newer code, or take the database back from the release that knows it"


def _explain(request: Request, result: Result, answer: Answer) -> Result:
    """Busy may help to wait; irreversible will never help; half-way is told by before and after."""
    said = f"{result['stderr']}\n{result['stdout']}\n{_reported(answer)}"
    explained: Result = {
        "retriable": answer.flag("locked") or answer.flag("moved") or bool(BUSY.search(said)),
        "irreversible": answer.text("failed_step") == "down" and bool(NO_WAY_BACK.search(said)),
    }
    if answer.has("failed_step"):
        late = (
            f"did not end within {request.timeout_seconds} s"
            if answer.flag("timed_out")
            else f"failed (rc {result['rc']})"
        )
        last = _reported(answer) or protocol.last_lines(result["stderr"] or result["stdout"])
        explained["msg"] = f"{request.tool} {answer.text('failed_step')} {late}: {last}{_half_way(result)}"
    return explained


def _reported(answer: Answer) -> str:
    """The sentence of a tool that writes a report in JSON."""
    try:
        report = json.loads(answer.text("report") or "{}")
    except ValueError:
        return ""
    errors = [report.get("error"), *(report.get("errors") or [])]
    said = [error.get("message") if isinstance(error, dict) else error for error in errors if error]
    return protocol.last_lines("\n".join(map(str, said)))


def _half_way(result: Result) -> str:
    if result["before"] == result["after"]:
        return ""
    moved = f"\nThe database moved from {result['before'] or 'base'} to {result['after'] or 'base'}"
    left = [name for name in result["pending"] if name not in result["applied"]]
    if result["applied"] and left:
        moved += f": {', '.join(result['applied'])} {'is' if len(result['applied']) == 1 else 'are'} applied, {', '.join(left)} not"
    return moved
