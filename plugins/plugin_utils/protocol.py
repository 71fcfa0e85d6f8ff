"""What a script answers: lines `<token> <key> <value>`. The token is random per call and never exported, so that nothing a
command prints can be taken for a result."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

TAIL = 4000


def new_token() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Answer:
    """The lines of one call by key. ``complete`` is False when the script did not reach its end: then nothing is known."""

    values: Mapping[str, tuple[str, ...]]
    complete: bool

    def lines(self, key: str) -> list[str]:
        return list(self.values.get(key, ()))

    def text(self, key: str, default: str = "") -> str:
        return "\n".join(self.values[key]) if key in self.values else default

    def number(self, key: str, default: float = 0.0) -> float:
        try:
            return float(self.text(key))
        except ValueError:
            return default

    def whole(self, key: str, default: int = 0) -> int:
        return int(self.number(key, default))

    def flag(self, key: str) -> bool:
        return self.text(key) == "1"

    def has(self, key: str) -> bool:
        return key in self.values


def read(token: str, stdout: str) -> Answer:
    """Only line feeds part lines here: splitlines() would also cut at characters that a text may hold."""
    values: dict[str, tuple[str, ...]] = {}
    for line in stdout.split("\n"):
        prefix, _, rest = line.rstrip("\r").partition(" ")
        if prefix == token and rest:
            key, _, value = rest.partition(" ")
            values[key] = (*values.get(key, ()), value)
    return Answer(values, complete="end" in values)


def tail(text: str, limit: int = TAIL) -> str:
    """The end of a text: errors stand at the end."""
    text = text.strip("\n")
    return text if len(text) <= limit else f"…{text[-(limit - 1) :]}"


def last_lines(text: str, count: int = 3, limit: int = 600) -> str:
    """The last lines for a message."""
    return tail("\n".join([line for line in text.splitlines() if line.strip()][-count:]), limit)
