"""Brings the database to the release's version, or back, by the application's own migration tool."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration import Reading, Request, Tool, parse
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_alembic import AlembicTool
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_command import CommandTool
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

TOOLS: dict[str, Tool] = {"alembic": AlembicTool(), "command": CommandTool()}
NOT_BUILT = ("confiture", "django", "flask_migrate")
# What a database says when somebody else is in the way for now.
BUSY = re.compile(r"database is locked|lock timeout|deadlock detected|could not obtain lock", re.IGNORECASE)
NO_WAY_BACK = re.compile(r"NotImplementedError|irreversib", re.IGNORECASE)


def find_tool(name: str) -> Tool:
    if name in NOT_BUILT:
        raise ArgumentError(
            f"migration tool {name} is not built yet; use command with your own commands, or one of {', '.join(TOOLS)}"
        )
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
            expected = before.at or ""
            step = "up" if request.tool == "alembic" and set(_targets(request)) & set(before.pending) else "down"
        if self.is_check:
            return (
                {**_facts(tool, request, look, before), "changed": True}
                if tool.looks_first(request)
                else {"changed": True}
            )
        answer = self._run(tool, request, step, expected)
        return _result(tool, request, answer, tool.read(answer))

    def _run(self, tool: Tool, request: Request, step: str, expected: str = "") -> Answer:
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
            *tool.parts(request, _targets(request) if request.state == "at" else ["heads"]),
            shell.source(tool.script),
        ]
        return self.ask(["git_run", "preview", "migrate"] if self.is_check else ["migrate"], parts)


def _targets(request: Request) -> list[str]:
    return request.target.split(",") if request.target else ["base"]


def _is_there(reading: Reading, target: str) -> bool:
    return reading.at is not None and sorted(reading.at.split(",")) == sorted(target.split(","))


def _facts(tool: Tool, request: Request, answer: Answer, reading: Reading) -> Result:
    after = answer.text("after") if answer.has("after") else reading.at
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
    }


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
    said = f"{result['stderr']}\n{result['stdout']}"
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
        last = protocol.last_lines(result["stderr"] or result["stdout"])
        explained["msg"] = f"{request.tool} {answer.text('failed_step')} {late}: {last}{_half_way(result)}"
    return explained


def _half_way(result: Result) -> str:
    if result["before"] == result["after"]:
        return ""
    return f"\nThe database moved from {result['before'] or 'base'} to {result['after'] or 'base'}"
