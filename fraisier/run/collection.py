"""Where the collection ``fraisier.deploy`` is: the checkout's root, or the wheel's copy in site-packages. Every run pins that one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from fraisier.errors import FraisierError

NAME = "fraisier.deploy"
PARTS = ("galaxy.yml", "meta", "playbooks", "plugins", "roles")


@dataclass(frozen=True)
class Collection:
    """A copy of the collection: its folder (galaxy.yml inside), version, and ``checkout``, ``wheel`` or ``other``."""

    folder: Path
    version: str
    origin: str


def _package() -> Path:
    return Path(__file__).resolve().parent.parent


def ours() -> Collection:
    """The copy that belongs to this Python package, and that every run uses."""
    root = _package().parent
    for folder, origin in ((root, "checkout"), (root / "ansible_collections" / "fraisier" / "deploy", "wheel")):
        if (folder / "galaxy.yml").is_file() and (folder / "roles").is_dir():
            return Collection(folder, version_of(folder), origin)
    raise FraisierError(
        f"the Ansible collection {NAME} is missing beside {_package()}",
        hint="install Fraisier again: its wheel carries the collection",
    )


def version_of(folder: Path) -> str:
    """Version from galaxy.yml (source, wheel) or MANIFEST.json (a Galaxy install); '' when neither tells."""
    if (folder / "galaxy.yml").is_file():
        return str(yaml.safe_load((folder / "galaxy.yml").read_text())["version"])
    if (folder / "MANIFEST.json").is_file():
        return str(json.loads((folder / "MANIFEST.json").read_text())["collection_info"]["version"])
    return ""


def link_into(collections: Path) -> None:
    """Make ``collections`` a collections path whose only content is our copy."""
    place = collections / "ansible_collections" / "fraisier"
    place.mkdir(parents=True, exist_ok=True)
    (place / "deploy").symlink_to(ours().folder)


def other_copies(environ: dict[str, str]) -> list[Collection]:
    """Copies that plain ``ansible-playbook`` would find first: configured paths win over the wheel's."""
    configured = environ.get(
        "ANSIBLE_COLLECTIONS_PATH", f"{environ.get('HOME', '~')}/.ansible/collections:/usr/share/ansible/collections"
    )
    found = []
    for path in filter(None, configured.split(os.pathsep)):
        folder = Path(path).expanduser() / "ansible_collections" / "fraisier" / "deploy"
        if folder.is_dir() and folder.resolve() != ours().folder.resolve():
            found.append(Collection(folder, version_of(folder), "other"))
    return found
