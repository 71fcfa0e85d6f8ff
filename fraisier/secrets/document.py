"""One value out of a document that a back end gave: ``key``, or ``outer.inner`` for what is deeper."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from fraisier.errors import SecretUnavailable

MOST_NAMES: Final = 12


def split(address: str) -> tuple[str, str]:
    """``path#key`` -> both; the key is '' when there is none."""
    path, _, key = address.partition("#")
    return path, key


def path_fault(address: str, *, key: bool = False) -> str:
    """Why an address is not ``path#key``; the key may be left out unless ``key``."""
    path, mark, name = address.partition("#")
    if not path.strip() or path != path.strip() or (mark and not name) or (key and not mark):
        return "expected path#key" if key else "expected path, or path#key"
    return ""


def pick(document: Any, key: str) -> str | SecretUnavailable:
    """The text at ``key``: a key of that whole name, else one dot after the other goes deeper. Errors name keys, never values."""
    found = document
    if isinstance(document, Mapping) and key in document:
        return as_text(document[key])
    for part in key.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isascii() and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return SecretUnavailable(f"has no key {part!r}", hint=_names(found))
    return as_text(found)


def as_text(value: Any) -> str | SecretUnavailable:
    """A scalar as text, numbers and truth values as JSON writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return SecretUnavailable("is a mapping, not one value", hint=_names(value))
    if isinstance(value, list):
        return SecretUnavailable("is a list, not one value")
    return SecretUnavailable("is null") if value is None else json.dumps(value, default=str)


def _names(document: Any) -> str | None:
    if not isinstance(document, Mapping) or not document:
        return None
    names = [str(name) for name in document]
    more = ", ..." if len(names) > MOST_NAMES else ""
    return f"it has: {', '.join(names[:MOST_NAMES])}{more}"
