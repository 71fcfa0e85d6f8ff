"""``${ansible_vault:path#key}``: a value of a YAML file that ansible-vault has encrypted as a whole or in single values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fraisier.errors import SecretUnavailable
from fraisier.secrets.ansible_answers import ask
from fraisier.secrets.document import path_fault, pick, split

name = "ansible_vault"


def fault_of(address: str) -> str:
    return path_fault(address)


def fetch(
    addresses: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
) -> Mapping[str, str | SecretUnavailable]:
    """The password comes as for ansible-vault: from ANSIBLE_VAULT_PASSWORD_FILE, ANSIBLE_VAULT_IDENTITY_LIST or ansible.cfg."""
    files = list(dict.fromkeys((split(each)[0], bool(split(each)[1])) for each in addresses))
    questions = [{"file": str(root / path), "as_document": has_key} for path, has_key in files]
    documents = dict(zip(files, ask(questions, environ, root), strict=True))
    found: dict[str, str | SecretUnavailable] = {}
    for each in addresses:
        path, key = split(each)
        document = documents[path, bool(key)]
        found[each] = document if isinstance(document, SecretUnavailable) or not key else pick(document, key)
    return found
