"""Blue-green: two instances of a service on one host, of which one serves. Only the host knows which: scripts get both, and choose."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import (
    RELEASE_ID,
    VARIABLE,
    ArgumentError,
    Arguments,
)

COLORS = ("blue", "green")
MARK = "@color@"
"""Stands for the color in a unit's text, which is written before the host has been asked."""
SCRIPT = "instance"


@dataclass(frozen=True)
class Instance:
    """One of the two, or with ``color`` '' the only one."""

    color: str = ""
    port: int = 0
    variable: str = ""

    @property
    def place(self) -> str:
        """The link below the application's folder that leads to its release."""
        return self.color or "current"

    @property
    def environment_file(self) -> str:
        return f"service-{self.color}.env" if self.color else "service.env"

    @property
    def credentials_folder(self) -> str:
        return f"credentials-{self.color}" if self.color else "credentials"

    @property
    def environment(self) -> dict[str, str]:
        return {self.variable: str(self.port)} if self.color else {}

    def name(self, of: str) -> str:
        """``my_api.service`` -> ``my_api-blue.service``."""
        if not self.color or not of:
            return of
        stem, dot, suffix = of.rpartition(".")
        is_unit = suffix == "service"
        return f"{stem}-{self.color}{dot}{suffix}" if is_unit else f"{of}-{self.color}"

    def text(self, of: str) -> str:
        return of.replace(MARK, self.color) if self.color else of


@dataclass(frozen=True)
class Instances:
    """``ports`` is empty where there is but one instance; ``wanted`` says which one a script is about."""

    ports: dict[str, int]
    variable: str
    release_id: str
    wanted: str

    @property
    def are_two(self) -> bool:
        return bool(self.ports)

    def of(self, color: str) -> Instance:
        return Instance(color, self.ports[color], self.variable) if color in self.ports else Instance()

    def parts(self, make: Callable[[Instance], Sequence[str]]) -> list[str]:
        """The parts that differ: as they are, or one function for each instance."""
        if not self.are_two:
            only = Instance()
            return [shell.assign("place", only.place), shell.assign("color", ""), *make(only)]
        found = [shell.assign("release_id", self.release_id), shell.assign("instance", self.wanted)]
        for color in COLORS:
            found += [f"use_{color}() {{", shell.assign("place", color), *make(self.of(color)), "}"]
        return found


def parse(arguments: Arguments, *, release_id: str | None = None) -> Instances:
    """``blue_green``: {blue: PORT, green: PORT, variable: NAME}, or nothing. ``instance``: `release`, `other`, blue or green."""
    given = arguments.mapping("blue_green")
    wanted = arguments.choice("instance", ("release", "other", *COLORS), "release")
    if release_id is None:
        release_id = arguments.text("release_id", pattern=RELEASE_ID)
    if not given:
        return Instances({}, "", release_id, wanted)
    if set(given) - {*COLORS, "variable"}:
        raise ArgumentError("blue_green knows blue, green and variable")
    try:
        ports = {color: int(given.get(color) or 0) for color in COLORS}
    except (TypeError, ValueError):
        raise ArgumentError("blue_green must have two ports") from None
    if ports["blue"] == ports["green"] or not all(0 < port < 65536 for port in ports.values()):
        raise ArgumentError("blue_green must have two different ports")
    variable = str(given.get("variable") or "PORT")
    if not VARIABLE.fullmatch(variable):
        raise ArgumentError("blue_green.variable is no variable name")
    return Instances(ports, variable, release_id, wanted)
