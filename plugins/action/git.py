"""Stages a commit as a release directory; one exec per host, or three where the controller fetches and sends."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.archive import Wanted, make_archive
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments, relative_path
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.repository import Repository, parse_repository
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

OURS = ("REVISION", ".fraisier", ".fraisier.json", ".fraisier-bad")


@dataclass(frozen=True)
class Request:
    app_path: str
    release_id: str
    version: str
    repository: Repository
    target: str
    submodules: bool
    shared: list[str]
    timeout_seconds: int
    environment: dict[str, str]
    push: bool
    cache: str

    @property
    def release_path(self) -> str:
        return f"{self.app_path}/releases/{self.release_id}"

    def manifest(self, created_at: datetime) -> str:
        facts = {
            "release_id": self.release_id,
            "version": self.version,
            "target": self.target,
            "created_at": created_at.isoformat(timespec="seconds"),
            "repo": self.repository.url,
        }
        return json.dumps({name: value for name, value in facts.items() if value}, sort_keys=True)


def parse(arguments: Arguments) -> Request:
    request = Request(
        app_path=arguments.app_path(),
        release_id=arguments.release_id(),
        version=arguments.commit(),
        repository=parse_repository(arguments.text("repo", required=True)),
        target=arguments.text("target"),
        submodules=arguments.boolean("submodules"),
        shared=[_shared(entry) for entry in arguments.lines("shared")],
        timeout_seconds=arguments.integer("timeout_seconds", 300, minimum=1),
        environment=arguments.environment(),
        push=arguments.boolean("push"),
        cache=arguments.path("cache"),
    )
    arguments.finish()
    return request


def _shared(entry: str) -> str:
    path = relative_path("shared", entry)
    if path.split("/")[0] in OURS:
        raise ArgumentError(f"shared must not name one of our own files ({', '.join(OURS)})")
    return path


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        request = parse(arguments)
        answer = self._push(request) if request.push else self._fetch(request)
        result = {
            **outcome(answer),
            "release_id": request.release_id,
            "version": request.version,
            "release_path": request.release_path,
        }
        if self.wants_diff and answer.flag("changed"):
            result["diff"] = _diff(request, answer)
        return result

    def _fetch(self, request: Request) -> Answer:
        repository = request.repository
        own = [
            shell.exporting("git_environment", {**request.environment, **repository.credentials}),
            shell.assign("repo", repository.url),
            shell.assign("submodules", request.submodules),
        ]
        return self.ask(["git_run", "git_export", "git"], [*self._parts(request, "fetch"), *own])

    def _push(self, request: Request) -> Answer:
        """Asked first whether the release is there already: an archive may be large."""
        answer = self.ask(["git"], self._parts(request, "ask"))
        if not answer.has("wanted"):
            return answer
        made = make_archive(
            Wanted(
                request.repository,
                request.version,
                request.submodules,
                request.environment,
                request.timeout_seconds,
                request.cache,
            )
        )
        if made.flag("failed"):
            return made
        content = Path(made.text("archive")).read_bytes()
        self.send(content, ["sh", "-c", 'umask 077 && cat >"$1"', "sh", answer.text("wanted")])
        return self.ask(["unpack", "git"], [*self._parts(request, "unpack"), shell.assign("size", len(content))])

    def _parts(self, request: Request, step: str) -> list[str]:
        return [
            shell.assign("step", step),
            shell.assign("app_path", request.app_path),
            shell.assign("release_id", request.release_id),
            shell.assign("version", request.version),
            shell.assign_lines("shared", request.shared),
            shell.assign("timeout_seconds", request.timeout_seconds),
            shell.assign("manifest", request.manifest(datetime.now(UTC))),
        ]


def _diff(request: Request, answer: Answer) -> dict[str, str]:
    return {
        "before_header": "release now current",
        "after_header": "release staged",
        "before": f"release {answer.text('from_release')}\ncommit {answer.text('from_version')}\n",
        "after": f"release {request.release_id}\ncommit {request.version}\n",
    }
