"""Migrations by the user's own commands: current, pending, up, down."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration import COMMANDS, Reading, Request
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer


class CommandTool:
    script = "migrate_command"

    def check(self, request: Request) -> None:
        if request.state == "latest" and "up" not in request.commands:
            raise ArgumentError("tool command needs commands.up")
        if request.state == "at" and "down" not in request.commands:
            raise ArgumentError("there is no way back: tool command has no commands.down")

    def parts(self, request: Request, targets: list[str]) -> list[str]:
        return [
            *(shell.calling(f"run_{name}", request.commands.get(name) or "exit 127") for name in COMMANDS),
            *(shell.assign(f"has_{name}", name in request.commands) for name in ("current", "pending")),
            shell.assign("pending_rc", request.pending_rc),
        ]

    def looks_first(self, request: Request) -> bool:
        return request.state == "at" and "current" in request.commands

    def is_reversible(self, request: Request) -> bool:
        return "down" in request.commands

    def read(self, answer: Answer) -> Reading:
        at = answer.text("before") if answer.has("before") else None
        pending = [line for line in answer.lines("pending") if line]
        return Reading(at, pending, [], answer.text("is_pending", "1") == "1", is_known=answer.has("is_pending"))

    def between(self, answer: Answer, before: str | None, after: str | None) -> tuple[list[str], list[str]]:
        """Only the commands know the versions between two: what was pending and is no more was applied."""
        return ([line for line in answer.lines("pending") if line] if before != after else []), []
