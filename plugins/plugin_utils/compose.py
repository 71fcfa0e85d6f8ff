"""A compose project on a host: what the scripts need to know of it. Pure; the plugins send it."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, named_command

PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
SERVICE = re.compile(r"[A-Za-z0-9._-]+")
MANAGER = "docker_compose"
SCRIPT = "compose"
COMPOSE_SECONDS = 120
"""Longest time that a look at the containers may take."""


@dataclass(frozen=True)
class Project:
    """``command`` is the front end in words, () to find it on the host; ``one_shot`` are services that may end with exit code 0."""

    app_path: str
    name: str = ""
    command: tuple[str, ...] = ()
    one_shot: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        """The engine that a configured front end talks to; '' when the host is asked for both."""
        if not self.command:
            return ""
        return "podman" if "podman" in PurePosixPath(self.command[0]).name else "docker"

    @property
    def tags(self) -> str:
        """Repository of the tags by which releases hold their images: one for each project and folder, and never pulled from."""
        plain = re.sub(r"[_-]+", "-", self.name).strip("-")
        place = hashlib.sha256(f"{self.app_path}\0{self.name}".encode()).hexdigest()
        return f"localhost/fraisier/{plain}-{place[:8]}"

    def parts(self) -> list[str]:
        return [
            shell.assign("project", self.name),
            shell.assign("given", bool(self.command)),
            shell.assign("engine", self.engine),
            shell.assign("one_shot", f" {' '.join(self.one_shot)} "),
            shell.assign("tags", self.tags),
            shell.assign("compose_seconds", COMPOSE_SECONDS),
            shell.exporting("compose_environment", self.environment),
            f'given_front_end() {{ limited {shlex.join(self.command) or "false"} "$@"; }}',
        ]


def project(app_path: str, given: Mapping[str, Any]) -> Project:
    """From ``{project: NAME, command: WORDS, one_shot: [SERVICE, ...]}``; without a name there is no project."""
    if set(given) - {"project", "command", "one_shot"}:
        raise ArgumentError("compose knows project, command and one_shot")
    name = str(given.get("project") or "")
    if name and not PROJECT.fullmatch(name):
        raise ArgumentError(f"project has not the right form ({PROJECT.pattern})")
    return Project(
        app_path, name, words(named_command("command", given.get("command"))), services(given.get("one_shot"))
    )


def words(command: shell.Command) -> tuple[str, ...]:
    """A command without a shell: a list of words, or a text that is split like one."""
    return tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)


def services(value: Any) -> tuple[str, ...]:
    given: Sequence[Any] = [] if value is None or value == "" else [value] if isinstance(value, str) else value
    found = tuple(str(name) for name in given)
    if not all(SERVICE.fullmatch(name) for name in found):
        raise ArgumentError("one_shot must be names of services")
    return found
