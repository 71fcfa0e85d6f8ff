# Copyright (c) 2026 Fraisier authors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks and roles of ours, parsed before anybody asks, and copied without copying their texts.

Half of what a run costs before its first task is reading: ansible-core parses each file, and hands out a deep copy in which every text, and
every note of where a text comes from, is taken apart and put together again. Neither can change, so a copy may share them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants
from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible.module_utils._internal._datatag import AnsibleDatatagBase, AnsibleTaggedObject, _AnsibleTagsMapping
from ansible.parsing.dataloader import DataLoader

PATTERNS = ("playbooks/**/*.yml", "roles/*/*/main.yml")
UNCHANGEABLE = (str, bytes, int, float)


def share_what_cannot_change() -> None:
    """Let a deep copy keep tagged texts and numbers, tags, and the tables of tags, which ansible-core itself shares between objects."""
    for kind in sharing():
        kind.__deepcopy__ = _itself


def sharing() -> list[Any]:
    """The types whose objects never change."""
    kinds = AnsibleTaggedObject._tagged_type_map  # noqa: SLF001
    return [*(kinds[kind] for kind in UNCHANGEABLE), AnsibleDatatagBase, _AnsibleTagsMapping]


def _itself(value: Any, _memo: dict[int, Any]) -> Any:
    return value


class Files:
    """Parsed YAML by file and text: a file that was changed since is read anew. ``waiting`` are files still to be parsed."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Any] = {}
        folder = Path(constants.COLLECTIONS_PATHS[0]) / "ansible_collections" / "fraisier" / "deploy"
        self.waiting = [path for pattern in PATTERNS for path in sorted(folder.glob(pattern), reverse=True)]
        self.load = DataLoader.load
        self.loader = DataLoader()

    def learn_one(self) -> None:
        path = self.waiting.pop()
        text = path.read_text(encoding="utf-8")
        self.known[str(path), text] = self.load(self.loader, TrustedAsTemplate().tag(text), str(path))

    def take_effect(self) -> None:
        known, load = self.known, self.load

        def load_or_remember(self: DataLoader, data: str, file_name: str | None = None, **options: Any) -> Any:
            is_trusted = not any(options.values()) and TrustedAsTemplate.is_tagged_on(data)
            if is_trusted and (found := known.pop((file_name or "", str(data)), None)) is not None:
                return found  # once in a fork: the loader keeps it from then on
            return load(self, data, file_name, **options)

        DataLoader.load = load_or_remember
