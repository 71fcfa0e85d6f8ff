"""Migrations by the user's own commands: current, pending, up, down."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import re
from dataclasses import replace

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration import (
    COMMANDS,
    Change,
    Reading,
    Request,
    marks,
    sections,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer

HEAD = re.compile(r"-- Running (?P<name>.+)")
DOWN = re.compile(r"\s*--\s*migrate:down\b.*")


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
            shell.assign("migrations_dir", request.migrations_dir),
        ]

    def looks_first(self, request: Request) -> bool:
        return request.state == "at" and "current" in request.commands

    def is_reversible(self, request: Request) -> bool:
        return "down" in request.commands

    def read(self, answer: Answer) -> Reading:
        at = answer.text("before") if answer.has("before") else None
        pending = [line for line in answer.lines("pending") if line]
        return Reading(
            at,
            pending,
            [],
            answer.text("is_pending", "1") == "1",
            is_known=answer.has("is_pending"),
            stuck=marks(answer),
        )

    def place(self, answer: Answer, moment: str) -> str | None:
        return answer.text(moment) if answer.has(moment) else None

    def unreachable(self, target: str, answer: Answer, reading: Reading) -> str:
        return ""

    def is_upwards(self, target: str, reading: Reading) -> bool:
        return False

    def changes(self, answer: Answer, reading: Reading) -> list[Change]:
        """The files that were named; what stands below `-- migrate:down`, as dbmate has it, is the way back."""
        found = sections(answer, reading.pending, HEAD)
        return [replace(each, sql=_forwards(each.sql)) if each.sql is not None else each for each in found]

    def between(self, answer: Answer, before: str | None, after: str | None) -> tuple[list[str], list[str]]:
        """Only the commands know the versions between two: what was pending and is no more was applied."""
        return ([line for line in answer.lines("pending") if line] if before != after else []), []


def _forwards(sql: str) -> str:
    lines = sql.split("\n")
    ends = [number for number, line in enumerate(lines) if DOWN.fullmatch(line)]
    return "\n".join(lines[: ends[0]] if ends else lines)
