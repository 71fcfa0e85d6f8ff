# Copyright (c) 2026 Fraisier authors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates of our own roles, compiled before anybody asks: without that every worker, on every host, compiles those of its task again.

That is most of what a worker does: 22 arguments are 22 templates, 40 ms of the 50 that a health check costs the controller. What a
template compiles to depends on its text and the environment's lexer alone, so what is kept is used for exactly those.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import yaml
from ansible._internal._templating._jinja_bits import AnsibleEnvironment

from fraisier.run import collection

FOLDERS = ("roles/*/tasks", "roles/*/defaults", "roles/*/vars", "playbooks", "playbooks/*")


class Templates:
    """Code by text. ``waiting`` are texts still to be compiled; nothing of ansible-core is replaced before ``take_effect``."""

    def __init__(self) -> None:
        self.known: dict[str, CodeType] = {}
        folder = collection.ours().folder
        files = [path for pattern in FOLDERS for path in sorted(folder.glob(f"{pattern}/*.yml"))]
        self.waiting = list(dict.fromkeys(text for path in files for text in _texts(_load(path))))[::-1]
        self.environment = AnsibleEnvironment()

    def learn_one(self) -> None:
        text = self.waiting.pop()
        self.known[text] = self.environment.compile(text)

    def take_effect(self) -> None:
        known, lexer, compiled = self.known, self.environment.lexer, AnsibleEnvironment.compile

        def compile_or_remember(self: AnsibleEnvironment, source: Any, *arguments: Any, **options: Any) -> Any:
            if not arguments and not options and self.lexer is lexer and (code := known.get(source)):
                return code
            return compiled(self, source, *arguments, **options)

        AnsibleEnvironment.compile = compile_or_remember


def _load(path: Path) -> Any:
    return yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # both are safe


def _texts(value: Any) -> Iterator[str]:
    """Templates in parsed YAML; a backslash means something else in some places."""
    if isinstance(value, str):
        if "{{" in value and "\\" not in value:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
