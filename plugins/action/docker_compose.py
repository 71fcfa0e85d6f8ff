"""Gets the images of a release and keeps its containers running, with docker compose or podman's front end; one exec per host."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence

from ansible_collections.fraisier.deploy.plugins.plugin_utils import compose, protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments, relative_path
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.releases import release_environment
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

STATES = ("built", "restarted", "stopped")
POLL_SECONDS = 0.3


class ActionModule(ScriptAction):
    def perform(self, arguments: Arguments) -> Result:
        state = arguments.choice("state", STATES, "restarted")
        app_path = arguments.app_path()
        environment = arguments.environment()
        release_id = arguments.release_id(required=state == "built")
        version = arguments.commit() if state != "stopped" else arguments.text("version")
        file = relative_path("file", arguments.text("file", "compose.yaml"))
        project = compose.Project(
            app_path,
            arguments.text("project", required=True, pattern=compose.PROJECT),
            compose.words(arguments.command("command")),
            tuple(arguments.lines("one_shot", compose.SERVICE)),
            {**environment, **release_environment(app_path, release_id, version)},
        )
        parts = [
            shell.assign("app_path", app_path),
            shell.assign("release_id", release_id),
            shell.assign("file", file),
            *project.parts(),
        ]
        images = [
            shell.assign("pull", arguments.boolean("pull", default=True)),
            shell.assign("build", arguments.boolean("build")),
            shell.assign("timeout_seconds", arguments.integer("timeout_seconds", 900, minimum=1)),
        ]
        service = [
            shell.assign("manager", compose.MANAGER),
            shell.assign("scope", "system"),
            shell.assign("state_wanted", state),
            shell.assign("fingerprint", fingerprint(project, file)),
            shell.assign("start_timeout_seconds", arguments.integer("start_timeout_seconds", 120, minimum=1)),
            shell.assign("stop_timeout_seconds", arguments.integer("stop_timeout_seconds", 10, minimum=1)),
            shell.assign("settle_polls", math.ceil(arguments.number("settle_seconds", 1, maximum=60) / POLL_SECONDS)),
            shell.assign("log_lines", arguments.integer("log_lines", 20, minimum=1, maximum=500)),
        ]
        arguments.finish()
        if state == "built":
            return self._images(self.ask([compose.SCRIPT, "compose_images"], [*parts, *images]), project.name)
        return self._containers(self.ask([compose.SCRIPT, "process", "compose_service"], [*parts, *service]), project)

    def _images(self, answer: Answer, name: str) -> Result:
        images = [image(line) for line in answer.lines("image")]
        result = {**outcome(answer), "images": images}
        if self.wants_diff and result["changed"] and images:
            before = [image(line) for line in answer.lines("images_before")]
            result["diff"] = _diff(f"images of {name}", *(_image_lines(each) for each in (before, images)))
        return result

    def _containers(self, answer: Answer, project: compose.Project) -> Result:
        state = answer.text("state")
        result = {**outcome(answer), "state": "running" if state == "running" else "stopped"}
        if answer.flag("service_failed"):
            result["log"] = answer.lines("log")
            said = protocol.last_lines(answer.text("log"), count=5)
            result["msg"] += f"; the last lines of its containers:\n{said}" if said else ""
        before, after = (answer.text(f"containers_{when}") for when in ("before", "after"))
        if self.wants_diff and result["changed"] and before != after:
            result["diff"] = _diff(f"containers of {project.name}", before and f"{before}\n", after and f"{after}\n")
        return result


def fingerprint(project: compose.Project, file: str) -> str:
    """What the containers were started with, besides the release; it lies on the host in a file of mode 0600."""
    facts = json.dumps([project.name, file, project.one_shot, sorted(project.environment.items())])
    return hashlib.sha256(facts.encode("utf-8", "surrogateescape")).hexdigest()


def image(line: str) -> dict[str, str]:
    """A line of a release's `.fraisier/images`."""
    service, image_id, name, digest = [*line.split(" "), "-", "-", "-", "-"][:4]
    known = {"service": service, "id": image_id, "name": name, "digest": digest}
    return {key: "" if value == "-" else value for key, value in known.items()}


def _image_lines(images: Sequence[dict[str, str]]) -> str:
    return "".join(f"{each['service']}: {each['name'] or 'built'} {each['id'][:12]}\n" for each in images)


def _diff(header: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": header, "after_header": header, "before": before, "after": after}
