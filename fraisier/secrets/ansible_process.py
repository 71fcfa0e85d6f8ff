"""The process with Ansible in it: reads questions as JSON, answers each. Run by ``ansible_answers``, imported by nobody."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ansible prints must not end up in the answer
    questions = json.load(sys.stdin)
    loader = _loader()
    json.dump([_answer(loader, question) for question in questions], out)
    out.close()


def _loader() -> Any:
    from ansible import constants
    from ansible.cli import CLI
    from ansible.parsing.dataloader import DataLoader

    loader = DataLoader()
    files = [constants.DEFAULT_VAULT_PASSWORD_FILE] if constants.DEFAULT_VAULT_PASSWORD_FILE else []
    secrets = CLI.setup_vault_secrets(
        loader,
        vault_ids=list(constants.DEFAULT_VAULT_IDENTITY_LIST),
        vault_password_files=files,
        ask_vault_pass=False,
        auto_prompt=False,
    )
    loader.set_vault_secrets(secrets)
    return loader


def _answer(loader: Any, question: dict[str, Any]) -> dict[str, Any]:
    try:
        found = _looked_up(loader, question) if "lookup" in question else _read(loader, question)
        return {"value": json.loads(json.dumps(found, default=str))}
    except Exception as error:  # noqa: BLE001 - a door: whatever a plugin raises is the answer
        return {"error": _words(error, question)}


def _read(loader: Any, question: dict[str, Any]) -> Any:
    path = question["file"]
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if question["as_document"]:
        return loader.load_from_file(path, cache="none", unsafe=True)
    return loader.get_text_file_contents(path).removesuffix("\n")


def _looked_up(loader: Any, question: dict[str, Any]) -> Any:
    from ansible.plugins.loader import init_plugin_loader, lookup_loader
    from ansible.template import Templar

    init_plugin_loader()
    lookup = lookup_loader.get(question["lookup"], loader=loader, templar=Templar(loader=loader, variables={}))
    if lookup is None:
        raise LookupError(f"Ansible finds no lookup {question['lookup']!r}")
    return lookup.run(question["terms"], variables={}, **question["options"])


def _words(error: Exception, question: dict[str, Any]) -> str:
    """What went wrong; of a document not the text that could not be read, which may be half decrypted."""
    if "file" in question and not isinstance(error, FileNotFoundError):
        reason = "could not be decrypted, or is no YAML" if question["as_document"] else "could not be decrypted"
        return f"{question['file']} {reason}; is ANSIBLE_VAULT_PASSWORD_FILE the right one?"
    return " ".join(str(error).split())[:300] or type(error).__name__


if __name__ == "__main__":
    main()
