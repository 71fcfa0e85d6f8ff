"""1a. A file -> a tree of values with their places. Size, depth and expansion are bounded; failures are ConfigErrors.

Scalars follow the YAML 1.2 core schema, so that ``on``, ``no`` and ``12:30`` are text. Below ``vars`` the words ``yes``,
``no``, ``on`` and ``off`` are truth values, as for Ansible; below ``environment`` and its like everything is text.
"""

from __future__ import annotations

import re
import stat
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import yaml

from fraisier.config.tree import WHOLE_FILE, Entry, Place, Value, mapping
from fraisier.errors import ConfigNotFound, Problem
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.secrets.registry import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fraisier.config.report import Report

LARGEST_FILE_BYTES: Final = 5_000_000
MOST_VALUES: Final = 100_000
DEEPEST: Final = 50

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}\.[0-9]{0,40}|[0-9]{1,40}(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = tuple(f"{_TAG}{kind}" for kind in ("bool", "float", "int", "null"))
_WORDS: Final = {"true": True, "false": False}
_ANSIBLE_WORDS: Final = {**_WORDS, "yes": True, "no": False, "on": True, "off": False}
_NULLS: Final = ("", "~", "null", "Null", "NULL")

# Below these the keys are names that people chose, which say nothing about what is under them.
_NAMES_BELOW: Final = ("fraises", "environments", "jobs")
_TEXT_BELOW: Final = ("environment", "headers", "credentials", "options", "labels", "servers")


class _Words(Enum):
    """How plain scalars are understood in a part of the file."""

    CORE = "core"
    ANSIBLE = "ansible"
    TEXT = "text"


def read_tree(path: Path, report: Report) -> tuple[Value, bytes]:
    """The document in ``path`` and the bytes it was read from. Raises ConfigError, with everything that is wrong."""
    content = read_bytes(path, report)
    return parse(content, report), content


def read_bytes(path: Path, report: Report, *, largest: int = LARGEST_FILE_BYTES) -> bytes:
    """The content of a regular file of bounded size."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            report.fail(WHOLE_FILE, "is a directory, expected a file")
        if not stat.S_ISREG(found.st_mode):
            report.fail(WHOLE_FILE, "is not a regular file")
        if found.st_size > largest:
            report.fail(WHOLE_FILE, f"is larger than {largest // 1_000_000} MB")
        with path.open("rb") as file:
            return file.read(largest)
    except FileNotFoundError:
        raise ConfigNotFound([Problem("no such file", file=report.file)]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        report.fail(WHOLE_FILE, f"cannot be read: {reason}")


def parse(content: bytes, report: Report) -> Value:
    """The document in ``content``. What can be told apart from the rest is reported, everything else raises."""
    text = _decoded(content, report)
    try:
        root = _Composer(text, report).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place((), mark.line + 1, mark.column + 1) if mark else Place()
        report.fail(place, *_syntax_fault(error, text, place))
    except yaml.YAMLError:
        report.fail(WHOLE_FILE, "is not valid YAML")
    if root.data is None:
        report.fail(WHOLE_FILE, "is empty", "'fraisier init' writes a first one")
    if not isinstance(root.data, dict):
        report.fail(root.place, "expected a mapping with the key 'fraises'")
    return root


def _decoded(content: bytes, report: Report) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        report.fail(_place_after(before), "is not UTF-8 text", "save the file as UTF-8")
    if found := _UNPRINTABLE.search(text):
        code = f"U+{ord(found[0]):04X}"
        report.fail(_place_after(text[: found.start()]), f"holds the character {code}, which YAML does not allow")
    return text


def _place_after(text: str) -> Place:
    return Place((), text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


def _syntax_fault(error: yaml.MarkedYAMLError, text: str, place: Place) -> tuple[str, str]:
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or line[place.column - 1 : place.column] == "\t":
        return "a tab cannot indent", "use spaces"
    return f"is not valid YAML: {error.problem or error.context or 'syntax error'}", ""


class _Composer:
    """Builds the tree from the parser's events, which need no recursion of their own: depth and size are ours."""

    def __init__(self, text: str, report: Report) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._report = report
        self._anchors: dict[str, Value | None] = {}
        self._count = 0

    def document(self) -> Value:
        next(self._events)  # start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Value(None)
        root = self._value(next(self._events), (), _Words.CORE)
        next(self._events)  # end of the document
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            self._report.fail(_place((), following), "holds a second document", "keep one, without '---'")
        return root

    def _value(self, event: Any, path: tuple[str | int, ...], words: _Words) -> Value:
        place = _place(path, event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place)
        self._counted(1, place)
        if len(path) > DEEPEST:
            self._report.fail(place, f"is nested deeper than {DEEPEST} levels")
        if event.anchor is not None:
            self._anchors[event.anchor] = None  # being read: an alias to it from inside would have no end
        value = self._built(event, place, words)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _built(self, event: Any, place: Place, words: _Words) -> Value:
        if isinstance(event, yaml.ScalarEvent):
            return Value(self._scalar(event, place, words), place)
        if event.tag not in (None, "!", f"{_TAG}map", f"{_TAG}seq"):
            self._unknown_tag(event.tag, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(place, words)
        return self._mapping(place, words)

    def _alias(self, name: str, place: Place) -> Value:
        value = self._anchors.get(name)
        if value is None:
            fault = f"*{name} stands inside what it names" if name in self._anchors else f"*{name} names nothing above"
            self._report.fail(place, fault)
        self._counted(value.size, place)
        return value

    def _counted(self, size: int, place: Place) -> None:
        self._count += size
        if self._count > MOST_VALUES:
            self._report.fail(place, f"holds more than {MOST_VALUES:,} values, aliases expanded")

    def _list(self, place: Place, words: _Words) -> Value:
        items: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*place.path, len(items)), words))
        return Value(items, place, 1 + sum(item.size for item in items))

    def _mapping(self, place: Place, words: _Words) -> Value:
        entries: dict[str, Entry] = {}
        merged: list[Value] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, place)
            key_place = _place(place.path if key is None else (*place.path, key), event)
            below = _words_below(place.path, key, words)
            value = self._value(next(self._events), key_place.path, below)
            if key == "<<" and event.implicit[0]:
                merged += self._merged(value)
            elif key in entries:
                first = entries[key].key.line
                self._report.add(key_place, "is given twice", f"first in line {first}")
            elif key is not None:
                entries[key] = Entry(key_place, value)
        for value in merged:
            entries = {**value.entries, **entries}
        return mapping(entries, place)

    def _merged(self, value: Value) -> list[Value]:
        """The mappings below a ``<<`` key; the first one named wins, so it comes first."""
        values = value.data if isinstance(value.data, list) else [value]
        if not all(isinstance(each.data, dict) for each in values):
            self._report.add(value.place, "expected a mapping, or a list of mappings, to take over")
        return [each for each in values if isinstance(each.data, dict)]

    def _key(self, event: Any, place: Place) -> str | None:
        """The text of a key; None, reported, when it is none."""
        if not isinstance(event, yaml.ScalarEvent):
            self._value(event, (*place.path, "?"), _Words.CORE)
            self._report.add(_place(place.path, event), "expected text as a key")
            return None
        if event.tag is None and event.implicit[0] and not isinstance(_core(event.value, _WORDS), str):
            found = event.value or "nothing"
            self._report.add(_place(place.path, event), f"expected text as a key, got {found}", "put it in quotes")
            return None
        return str(event.value)

    def _scalar(self, event: Any, place: Place, words: _Words) -> Any:
        tag, text = event.tag, str(event.value)
        if tag == "!envvar":
            return self._variable(text, place)
        if (tag is None and not event.implicit[0]) or tag in ("!", f"{_TAG}str"):
            return text
        if tag is not None and tag not in _SCALAR_TAGS:
            self._unknown_tag(tag, place)
        if words is _Words.TEXT:
            return None if text in _NULLS else text
        return _core(text, _ANSIBLE_WORDS if words is _Words.ANSIBLE else _WORDS)

    def _variable(self, text: str, place: Place) -> str:
        name = text.strip()
        if not _VARIABLE.fullmatch(name):
            self._report.add(place, "expected the name of a variable after !envvar")
            return ""
        return f"${{{name}}}"

    def _unknown_tag(self, tag: str, place: Place) -> None:
        shown = tag.replace(_TAG, "!!")
        hint = did_you_mean(tag, ["!envvar"]) or "the only tag known here is !envvar"
        if tag[1:] in BACKENDS:
            hint = f"what a back end keeps is written ${{{tag[1:]}:...}}"
        self._report.add(place, f"unknown tag {shown}", hint)


def _place(path: tuple[str | int, ...], event: Any) -> Place:
    return Place(path, event.start_mark.line + 1, event.start_mark.column + 1)


def _words_below(path: tuple[str | int, ...], key: str | None, words: _Words) -> _Words:
    if path and path[-1] in _NAMES_BELOW:
        return _Words.CORE
    if words is not _Words.CORE:
        return words
    if key == "vars":
        return _Words.ANSIBLE
    return _Words.TEXT if key in _TEXT_BELOW else _Words.CORE


def _core(text: str, words: dict[str, bool]) -> Any:
    """A plain scalar by the YAML 1.2 core schema; numbers that would lose digits, and .inf and .nan, stay text."""
    if text in _NULLS:
        return None
    if text in (text.lower(), text.title(), text.upper()) and text.lower() in words:
        return words[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and isfinite(float(text)):
        return float(text)
    return text
