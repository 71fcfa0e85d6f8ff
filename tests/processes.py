"""Processes of this machine, as /proc shows them now.

A process may end at any moment, between the listing and the reading too: then it is not among what is returned. (A glob such as
``/proc/[0-9]*/cmdline`` is no such look: it asks whether each file exists, and that raises ``ProcessLookupError`` for one that ends.)
"""

import re
from collections.abc import Iterator
from pathlib import Path


def _folders() -> Iterator[Path]:
    return (folder for folder in Path("/proc").iterdir() if re.fullmatch(r"[0-9]+", folder.name))


def _parts(text: bytes) -> list[str]:
    """A process that gives itself a title ends it as it likes: nothing of it may be lost."""
    return text.removesuffix(b"\0").decode(errors="replace").split("\0") if text else []


def command_lines() -> dict[int, list[str]]:
    """The arguments of each process, by pid; those of a zombie or a kernel thread are none."""
    found = {}
    for folder in _folders():
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        found[int(folder.name)] = _parts(line)
    return found


def environments() -> dict[int, set[str]]:
    """``NAME=value`` of each process that may be read, by pid, as it was started with."""
    found = {}
    for folder in _folders():
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        found[int(folder.name)] = set(_parts(environment))
    return found


def working_folders() -> dict[int, Path]:
    """The working directory of each process that may be read, by pid."""
    found = {}
    for folder in _folders():
        try:
            found[int(folder.name)] = (folder / "cwd").readlink()
        except OSError:
            continue
    return found
