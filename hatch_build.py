"""Wheel build hook: the collection's folders of the root travel in the wheel as ansible_collections/fraisier/deploy/."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARTS = ("galaxy.yml", "README.md", "LICENSE", "CHANGELOG.md", "meta", "playbooks", "plugins", "roles", "inventory")


class CollectionHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":  # the checkout itself is the collection: a copy would go stale
            build_data["force_include_editable"] = {}
            return
        build_data["force_include"].update({part: f"ansible_collections/fraisier/deploy/{part}" for part in PARTS})
