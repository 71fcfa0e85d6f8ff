"""Migrations by Alembic, also behind `flask db`: its history is a graph, and pending is what lies between the database and the heads."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration import Change, Reading, Request, marks, sections
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer

LINE = re.compile(r"(?P<below>.+?) -> (?P<revision>[^ ,]+)(?: \([^)]*\))*(?:, .*)?")
HEAD = re.compile(r"-- Running upgrade .*-> (?P<name>[^ ,]+)")
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
    program, modules = "alembic", ("alembic.config",)

    def check(self, request: Request) -> None:
        pass

    def words(self, request: Request) -> list[str]:
        """What stands before every command."""
        return [*(["-c", request.config] if request.config else []), *request.extra_args]

    def parts(self, request: Request, targets: list[str]) -> list[str]:
        words = shlex.join(self.words(request))
        modules = ",".join(self.modules)
        return [
            f'run_once() {{ run_argv {self.program} {words} "$@"; }}',
            f'run_forked() {{ run_argv "$f_interpreter" -c "$f_fork_program" "$f_script" "$f_work" {modules} {words}; }}',
            shell.assign("fork_program", shell.forking("main_fork.py")),
            shell.assign("program", self.program),
            shell.assign("module", self.modules[0]),
            shell.assign_lines("targets", targets),
            shell.source("migrate_fork"),
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
        return Reading(at, pending, ahead, answer.flag("is_pending"), stuck=marks(answer))

    def place(self, answer: Answer, moment: str) -> str | None:
        return answer.text(moment)

    def unreachable(self, target: str, answer: Answer, reading: Reading) -> str:
        return ""

    def is_upwards(self, target: str, reading: Reading) -> bool:
        return bool(set(split(target)) & set(reading.pending))

    def changes(self, answer: Answer, reading: Reading) -> list[Change]:
        return sections(answer, reading.pending, HEAD)

    def between(self, answer: Answer, before: str | None, after: str | None) -> tuple[list[str], list[str]]:
        graph = read_history(answer.lines("history"))
        old, new = reach(graph, split(before)), reach(graph, split(after))
        order = list(reversed(list(graph)))
        return [name for name in order if name in new - old], [name for name in reversed(order) if name in old - new]


class FlaskMigrateTool(AlembicTool):
    """Alembic behind `flask db`: the application itself says which database it is."""

    program, modules = "flask", ("flask.cli", "flask_migrate")

    def words(self, request: Request) -> list[str]:
        return [*request.extra_args, "db", *(["-d", request.migrations_dir] if request.migrations_dir else [])]
