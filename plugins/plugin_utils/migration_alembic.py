"""Migrations by Alembic: its history is a graph, and pending is what lies between the database and the heads."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration import Reading, Request
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer

LINE = re.compile(r"(?P<below>.+?) -> (?P<revision>[^ ,]+)(?: \([^)]*\))*(?:, .*)?")
WORD = re.compile(r"[^ ,()]+")

Graph = Mapping[str, frozenset[str]]


def read_history(lines: Iterable[str]) -> Graph:
    """Revision -> what it stands on, dependencies included; newest first, as Alembic prints it."""
    graph: dict[str, frozenset[str]] = {}
    for line in lines:
        if match := LINE.fullmatch(line):
            graph[match["revision"]] = frozenset(WORD.findall(match["below"])) - {"<base>"}
    return graph


def reach(graph: Graph, revisions: Iterable[str]) -> set[str]:
    """The revisions and everything below them."""
    seen: set[str] = set()
    waiting = list(revisions)
    while waiting:
        revision = waiting.pop()
        if revision in graph and revision not in seen:
            seen.add(revision)
            waiting.extend(graph[revision])
    return seen


def split(at: str | None) -> list[str]:
    return [revision for revision in (at or "").split(",") if revision]


class AlembicTool:
    script = "migrate_alembic"

    def check(self, request: Request) -> None:
        pass

    def parts(self, request: Request, targets: list[str]) -> list[str]:
        config = ["-c", request.config] if request.config else []
        words = shlex.join([*config, *request.extra_args])
        forking = (shell.SCRIPTS / "alembic_fork.py").read_text(encoding="utf-8")
        return [
            f'run_alembic() {{ run_argv alembic {words} "$@"; }}',
            f'fork_alembic() {{ run_argv "$f_interpreter" -c "$f_fork_program" "$f_script" "$f_work" {words}; }}',
            shell.assign("fork_program", forking),
            shell.assign_lines("targets", targets),
        ]

    def looks_first(self, request: Request) -> bool:
        return request.state == "at"

    def is_reversible(self, request: Request) -> bool:
        return True

    def read(self, answer: Answer) -> Reading:
        graph = read_history(answer.lines("history"))
        at, ahead = answer.text("before"), answer.lines("ahead")
        applied = reach(graph, split(at))
        pending = [] if ahead else [revision for revision in reversed(list(graph)) if revision not in applied]
        return Reading(at, pending, ahead, answer.flag("is_pending"))

    def between(self, answer: Answer, before: str | None, after: str | None) -> tuple[list[str], list[str]]:
        graph = read_history(answer.lines("history"))
        old, new = reach(graph, split(before)), reach(graph, split(after))
        order = list(reversed(list(graph)))
        return [name for name in order if name in new - old], [name for name in reversed(order) if name in old - new]
