"""The scripts of `backup` as one program of a host's own, for its clock: settings in, text out. Pure.

No secret is in the text: whoever runs it gives it its environment.
"""

# SPDX-License-Identifier: MIT

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.backup import (
    NAME,
    environment_of,
    parse_destination,
    parse_source,
    parts,
    taking,
)


@dataclass(frozen=True)
class Program:
    """Text for `sh`, and the environment that it needs, which may hold secrets."""

    text: str
    environment: Mapping[str, str]


def work_folder(app_path: str) -> str:
    """Where it keeps its lock: a folder of the user whom it runs as, who need not own the application's."""
    return f"{app_path}/work"


def program(given: Mapping[str, Any], app_path: str) -> Program:
    """``given``: the arguments of `backup` without ``app_path`` and ``state``. Raises ArgumentError, which never shows a value."""
    arguments = Arguments(given)
    try:
        name = arguments.text("name", required=True, pattern=NAME)
        source = parse_source(arguments.mapping("source"))
        destination = parse_destination(arguments.mapping("destination"), name)
        own = [shell.assign("app_path", work_folder(app_path)), shell.assign("state", "taken"), *taking(arguments)]
        environment = environment_of(source, destination, arguments.environment())
        arguments.finish()
    except ArgumentError as error:
        raise ArgumentError(f"backup: {error}") from None
    told = [shell.source("lib"), shell.source("backup_told"), shell.assign("check", False)]
    lines = ["f_token=fraisier", *told, *own, *parts(source, destination, {}), shell.source("backup")]
    return Program("\n".join(["#!/bin/sh", "{", *lines, "} </dev/null", ""]), environment)
