"""Checks the arguments of an action plugin; the messages name the argument and never its value, which may be a secret."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

RELEASE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}-[a-z0-9]{6}")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
UNIT = re.compile(r"[A-Za-z0-9:_.@-]+\.(?:service|timer|socket|path|target)")
CREDENTIAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
USER = re.compile(r"[a-z_][a-z0-9_.-]*\$?", re.IGNORECASE)
TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
FALSE = frozenset({"false", "no", "off", "0", "n", "f", ""})


class ArgumentError(ValueError):
    """An argument that cannot be used; the sentence says which and why."""


class Arguments:
    """The arguments of one task: each is asked for once, and what nobody asked for is refused by `finish`."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = dict(given)
        self._asked: set[str] = set()

    def raw(self, name: str) -> Any:
        self._asked.add(name)
        return self._given.get(name)

    def finish(self) -> None:
        unknown = sorted(set(self._given) - self._asked)
        if unknown:
            raise ArgumentError(f"unknown argument {', '.join(unknown)}; known are {', '.join(sorted(self._asked))}")

    def text(
        self, name: str, default: str = "", *, required: bool = False, pattern: re.Pattern[str] | None = None
    ) -> str:
        """One line of text; ``pattern`` must match all of it unless it is empty and not required."""
        value = self._scalar(name, default)
        if "\n" in value or "\r" in value:
            raise ArgumentError(f"{name} must be one line")
        if required and not value:
            raise ArgumentError(f"{name} is required")
        if value and pattern is not None and not pattern.fullmatch(value):
            raise ArgumentError(f"{name} has not the right form ({pattern.pattern})")
        return value

    def block(self, name: str) -> str:
        """A text that may have many lines."""
        return self._scalar(name, "")

    def release_id(self, name: str = "release_id", *, required: bool = True) -> str:
        return self.text(name, required=required, pattern=RELEASE_ID)

    def commit(self, name: str = "version") -> str:
        return self.text(name, required=True, pattern=COMMIT)

    def path(self, name: str, default: str = "", *, required: bool = False) -> str:
        """An absolute path without `.` and `..` parts, no slash at its end."""
        value = self.text(name, default, required=required)
        if not value:
            return ""
        if not value.startswith("/") or {".", ".."} & set(value.split("/")):
            raise ArgumentError(f"{name} must be an absolute path without '.' and '..'")
        return re.sub(r"/+", "/", value).rstrip("/") or "/"

    def app_path(self) -> str:
        value = self.path("app_path", required=True)
        if value == "/":
            raise ArgumentError("app_path must not be /")
        return value

    def choice(self, name: str, known: Sequence[str], default: str = "") -> str:
        value = self.text(name, default)
        if value not in known:
            raise ArgumentError(f"{name} must be one of {', '.join(known)}")
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.raw(name)
        word = str(default if value is None else value).strip().lower()
        if word not in TRUE | FALSE:
            raise ArgumentError(f"{name} must be true or false")
        return word in TRUE

    def number(self, name: str, default: float, *, minimum: float = 0, maximum: float = 1e9) -> float:
        value = self.raw(name)
        try:
            number = float(default if value is None or value == "" else value)
        except (TypeError, ValueError):
            raise ArgumentError(f"{name} must be a number") from None
        if not (math.isfinite(number) and minimum <= number <= maximum):
            raise ArgumentError(f"{name} must be between {minimum:g} and {maximum:g}")
        return number

    def integer(self, name: str, default: int, *, minimum: int = 0, maximum: int = 1_000_000_000) -> int:
        number = self.number(name, default, minimum=minimum, maximum=maximum)
        if not number.is_integer():
            raise ArgumentError(f"{name} must be a whole number")
        return int(number)

    def lines(self, name: str, pattern: re.Pattern[str] | None = None) -> list[str]:
        """A list of one-line texts; a lone text is a list of one."""
        value = self.raw(name)
        entries = [] if value is None or value == "" else [value] if isinstance(value, str) else value
        if not isinstance(entries, Sequence):
            raise ArgumentError(f"{name} must be a list")
        return [_line(name, entry, pattern) for entry in entries]

    def environment(self, name: str = "environment") -> dict[str, str]:
        """Names and texts; numbers and booleans are written as YAML would show them."""
        value = self.raw(name)
        if value is None or value == "":
            return {}
        if not isinstance(value, Mapping):
            raise ArgumentError(f"{name} must be a mapping of names to texts")
        return {_variable(name, key): _env_text(name, key, entry) for key, entry in value.items()}

    def credentials(self, name: str = "credentials") -> dict[str, str]:
        """Names of files and the texts in them."""
        found = self.mapping(name)
        for key in found:
            if not CREDENTIAL.fullmatch(key):
                raise ArgumentError(f"{name}: {key!r} is no name of a credential")
        return {key: _env_text(name, key, entry) for key, entry in found.items()}

    def command(self, name: str) -> str | list[str]:
        """A text for the shell, or the list of a program and its arguments; empty when not given."""
        return _command(name, self.raw(name))

    def commands(self, name: str) -> list[str | list[str]]:
        value = self.raw(name)
        entries = [] if value is None or value == "" else [value] if isinstance(value, str) else value
        if not isinstance(entries, Sequence):
            raise ArgumentError(f"{name} must be a list of commands")
        found = [_command(f"{name}[{index}]", entry) for index, entry in enumerate(entries)]
        if not all(found):
            raise ArgumentError(f"{name} has an empty command")
        return found

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.raw(name)
        if value is None or value == "":
            return {}
        if not isinstance(value, Mapping):
            raise ArgumentError(f"{name} must be a mapping")
        return {str(key): entry for key, entry in value.items()}

    def _scalar(self, name: str, default: str) -> str:
        value = self.raw(name)
        if value is None or value == "":  # an empty role variable says "not given"
            return default
        if isinstance(value, (Mapping, list, tuple, set)):
            raise ArgumentError(f"{name} must be a text")
        return _without_nul(name, str(value))


def named_command(name: str, value: Any) -> str | list[str]:
    """The same check for an entry of a mapping of commands."""
    return _command(name, value)


def relative_path(name: str, value: str) -> str:
    """A path inside the release: relative and without `..`; a slash at its end says folder."""
    parts = value.rstrip("/").split("/")
    if value.startswith("/") or not value.strip("/") or any(part in ("", ".", "..") for part in parts):
        raise ArgumentError(f"{name} must be a relative path without '.', '..' and empty parts")
    return value


def _without_nul(name: str, value: str) -> str:
    if "\0" in value:
        raise ArgumentError(f"{name} must not hold NUL characters")
    return str(value)


def _line(name: str, entry: Any, pattern: re.Pattern[str] | None) -> str:
    if isinstance(entry, (Mapping, list, tuple)):
        raise ArgumentError(f"{name} must be a list of texts")
    text = _without_nul(name, str(entry))
    if "\n" in text or "\r" in text or not text:
        raise ArgumentError(f"{name} has an entry that is empty or has more than one line")
    if pattern is not None and not pattern.fullmatch(text):
        raise ArgumentError(f"{name} has an entry of the wrong form ({pattern.pattern})")
    return text


def _variable(name: str, key: Any) -> str:
    if not VARIABLE.fullmatch(str(key)):
        raise ArgumentError(f"{name} has a name that is no variable name")
    return str(key)


def _env_text(name: str, key: Any, entry: Any) -> str:
    if isinstance(entry, (Mapping, list, tuple)):
        raise ArgumentError(f"{name}.{key} must be a text")
    if entry is None:
        return ""
    return _without_nul(f"{name}.{key}", str(entry).lower() if isinstance(entry, bool) else str(entry))


def _command(name: str, value: Any) -> str | list[str]:
    if value is None:
        return ""
    if isinstance(value, Mapping) or not isinstance(value, (str, Sequence)):
        raise ArgumentError(f"{name} must be a text or a list of arguments")
    if isinstance(value, str):
        return _without_nul(name, value).strip()
    if any(isinstance(part, (Mapping, list, tuple)) or part is None for part in value):
        raise ArgumentError(f"{name} must be a text or a list of arguments")
    return [_without_nul(name, str(part)) for part in value]
