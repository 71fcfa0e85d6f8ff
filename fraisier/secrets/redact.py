"""Removes secret values from everything that is recorded, shown or written: by value, whatever the task did with them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 5
"""Values of fewer characters are not masked: ``80`` or ``true`` would black out half of every log."""
LONGEST_ORDINARY_WORD = 10
"""Words of a value that has spaces are masked on their own from this length: Ansible splits commands at spaces."""


class Redactor:
    """Replaces every given value, and its JSON, URL and base64 spellings, by ``***``."""

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {spelling for value in values for spelling in _spellings(value)}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text


def _spellings(value: str) -> set[str]:
    parts = {value, *value.splitlines(), *(word for word in value.split() if len(word) >= LONGEST_ORDINARY_WORD)}
    found: set[str] = set()
    for part in parts:
        if len(part) < SHORTEST:
            continue
        escaped = json.dumps(part, ensure_ascii=False)[1:-1]
        encoded = base64.b64encode(part.encode("utf-8", "surrogateescape")).decode().rstrip("=")
        found |= {part, escaped, json.dumps(part)[1:-1], json.dumps(escaped, ensure_ascii=False)[1:-1]}
        found |= {quote(part, safe=""), quote(part), quote_plus(part), encoded}
        found.add(part.replace("'", "'\"'\"'"))  # as a shell quotes it
    return {spelling for spelling in found if len(spelling) >= SHORTEST}
